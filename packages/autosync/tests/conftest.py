"""How property tests judge, in which order the files run, and the database of the tests."""

from __future__ import annotations

import gc
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import connection
from django.db.backends.postgresql.operations import DatabaseOperations
from hypothesis import HealthCheck, settings

from autosync.mirror import people
from githubsim.testing import share_imports
from tests import template

# After each flush Django writes what these have anew.
MADE_AGAIN = {"django_content_type", "auth_permission"}
# Each takes more than half a minute of a core.
LONGEST = (
    "test_refused", "test_four_acts", "test_absence", "test_every_kind",
    "test_chaos", "test_foreseen_errors", "test_answers", "test_audit",
)  # fmt: skip
# What is computed is judged, never how fast the machine was.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")
share_imports()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Side by side, begin with the longest files: one that came last would run alone.

    pytest-django puts what uses a database before them; with `--no-loadscope-reorder` this holds.
    """
    if hasattr(config, "workerinput"):
        last = len(LONGEST)
        places = {name: place for place, name in enumerate(LONGEST)}
        items.sort(
            key=lambda item: (
                places.get(item.path.stem, last),
                "acceptance" not in item.path.parts,
            )
        )


def pytest_collection_finish() -> None:
    """What is imported by now stays: nobody need look through it for garbage again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None) -> None:
    """Begin with a copy of what is migrated already."""
    template.copy_to(Path(os.environ["AUTOSYNC_DATA_DIR"]))
    connection.settings_dict["TEST"]["TEMPLATE"] = connection.settings_dict["NAME"]


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Half a second for each sign-in is for those who guess."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PBKDF2PasswordHasher, "iterations", 1000)
        yield


@pytest.fixture(scope="session", autouse=True)
def quick_flush() -> Iterator[None]:
    """After a test empty the tables that have rows; truncating all costs a third of a second."""

    def flush(_: Any, style: Any, tables: Collection[str], **options: bool) -> list[str]:
        quoted = {name: connection.ops.quote_name(name) for name in set(tables) - MADE_AGAIN}
        looks = (f"SELECT '{one}' WHERE EXISTS (SELECT FROM {at})" for one, at in quoted.items())
        with connection.cursor() as cursor:
            cursor.execute(" UNION ALL ".join(looks))
            return [f"DELETE FROM {quoted[name]}" for (name,) in cursor.fetchall()]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DatabaseOperations, "sql_flush", flush)
        yield


@pytest.fixture(autouse=True)
def nobody_stays_forgotten() -> Iterator[None]:
    """This process holds the list of who was forgotten; the next test has other people."""
    yield
    if people.held():
        people._held = people._NOBODY
        people.read_again()
