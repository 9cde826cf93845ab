"""The judge of storms reads what belongs to repositories from both sides by the same names."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from githubsim.testing import Sim
from tests.chaos.child_tables import OFF, TABLES
from tests.chaos.here import Rows, children
from tests.chaos.there import github
from tests.integration.api_rows import repository
from tests.integration.engine import query

pytestmark = pytest.mark.django_db
NUMBERS = ("_id", "number", "size", "line", "download_count", "position")


@pytest.fixture(scope="module")
def there() -> Iterator[dict[str, Rows]]:
    """A world with something of every kind, as the judge reads it."""
    with Sim(repositories=1, commits=60, issues=8, pulls=4) as sim:
        (home,) = sim.truth()["repositories"]
        where = {"repository": home["full_name"]}
        for login in ("ann", "bob"):
            sim.control("accounts/create", {"login": login})
        issue = where | {
            "number": sim.control("issues/open", where | {"labels": ["bug"]})["number"]
        }
        sim.control("issues/assign", issue | {"assignees": ["ann"]})
        sim.control("issues/comment", issue)
        sim.control("issues/comment", issue | {"body": "Like #1"})
        sim.control("react", issue | {"sender": "ann"})
        part = sim.control("issues/open", where)["number"]
        sim.control("issues/parts/add", issue | {"sub": part})
        sim.control("issues/block", issue | {"by": part})
        sim.control("tags/create", where | {"tag": "v0", "message": "The first"})
        files = {"LICENSE": "MIT", "README.md": "Here", "CODEOWNERS": "* @ann"}
        sim.control("push", where | {"commits": [{"files": files}]})
        sim.control("milestones/create", where | {"title": "Soon"})
        closes = {"body": f"Closes #{issue['number']}"}
        pull = where | {"number": sim.control("pulls/open", where | closes)["number"]}
        sim.control("reviews/request", pull | {"reviewers": ["bob"]})
        sim.control("reviews/submit", pull | {"comments": 1, "sender": "ann"})
        thread = sim.control("reviews/comment", pull)["id"]
        sim.control("reviews/resolve", {"comment_id": thread, "sender": "ann"})
        sim.control("releases/create", where | {"tag": "v1", "assets": ["a.zip"]})
        sim.control("releases/create", where | {"tag": "v2", "draft": True})
        for call in ("star", "watch", "repositories/fork"):
            sim.control(call, where | {"sender": "ann"})
        sim.control("commits/comment", where | {"sender": "ann"})
        yield github(sim, None, TABLES)


def make(name: str, rows: Rows) -> None:
    """A table of that name before all others, with the judge's columns and these rows."""
    table = TABLES[name]
    names = [*dict.fromkeys((*table.key, *table.columns, *table.may))]
    with connection.cursor() as cursor:
        columns = ", ".join(f"{one} {kind(one)}" for one in names)
        cursor.execute(f"CREATE TEMP TABLE {name} ({columns}) ON COMMIT DROP")
        marks = ", ".join(["%s"] * len(names))
        for key, row in rows.items():
            keys = dict(zip(table.key, key if isinstance(key, tuple) else (key,), strict=True))
            cells = keys | row
            cursor.execute(f"INSERT INTO {name} VALUES ({marks})", [cells[one] for one in names])


def kind(name: str) -> str:
    if name.endswith(("_at", "due_on")):
        return "timestamptz"
    if name.startswith("is_") or name in ("draft", "prerelease", "signed"):
        return "boolean"
    return "bigint" if name.endswith(NUMBERS) and "node_id" not in name else "text"


def test_every_table_is_read_and_compared_once_the_mirror_has_it(there: dict[str, Rows]) -> None:
    home = next(iter(there["repositories"]))
    repository("b/a", github_id=home)
    assert all(there[name] for name in TABLES)
    assert not any(row["draft"] for row in there["releases"].values())
    assert any(row["is_resolved"] for row in there["review_threads"].values())
    for name in TABLES:
        make(name, there[name])
    here = children(query)
    assert here.keys() == TABLES.keys()
    for name in TABLES:
        assert here[name] == there[name], name


def test_a_table_that_is_not_there_is_not_compared(there: dict[str, Rows]) -> None:
    known = {name for name in TABLES if query(f"SELECT to_regclass('{name}')") != [[None]]}
    # What is off by default is compared where it was read.
    assert known - OFF.keys() <= children(query).keys() <= known
