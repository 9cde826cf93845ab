"""Each process imports what it needs to begin, and no more: imports are most of a start's CPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

WEB = """
import autosync.service.web, autosync.asgi
from django.urls import get_resolver
get_resolver().url_patterns
"""
WORKER = """
from autosync.service import child, worker
child.set_up_django("autosync.worker_settings")
import autosync.sync.worker
"""
SUPERVISOR = """
import autosync.cli, autosync.service.serve
"""
FORKING = """
import autosync.cli, autosync.service.serve
from autosync.service import warm
warm.up()
"""
HELP = "import autosync.__main__, autosync.cli"
ASKING = "import autosync.github.connection"
NEVER = {"githubkit", "hishel", "rich", "pygments"}


@pytest.mark.parametrize(
    ("process", "unwanted"),
    [
        (
            SUPERVISOR,
            NEVER
            | {"autosync.github", "django", "granian", "httpx", "jwt", "ninja", "procrastinate"},
        ),
        (WORKER, NEVER | {"axes", "django.contrib.admin", "granian", "httpx", "jwt", "ninja"}),
        (WEB, NEVER | {"httpx", "jwt", "pygal", "typer"}),
        (FORKING, NEVER | {"httpx", "jwt", "pygal"}),
        (HELP, NEVER | {"asyncio", "autosync.github", "django", "psycopg"}),
        (ASKING, NEVER | {"django", "pydantic"}),
    ],
    ids=[
        "the supervisor",
        "a worker",
        "a web process",
        "a supervisor that forks",
        "the command line",
        "what asks GitHub",
    ],
)
def test_nothing_is_imported_that_can_wait(
    process: str, unwanted: set[str], tmp_path: Path
) -> None:
    loaded = said(f"{process}\nimport sys\nprint(*sys.modules)", tmp_path)
    assert unwanted.isdisjoint(loaded)


def test_a_supervisor_that_forks_has_one_thread_and_no_connection(tmp_path: Path) -> None:
    code = f"""{FORKING}
import os
from django.db import connections
print(len(os.listdir("/proc/self/task")), connections["default"].connection)
folder = "/proc/self/fd"
print(*[one for one in os.listdir(folder) if "socket:" in os.path.realpath(f"{{folder}}/{{one}}")])
"""
    assert said(code, tmp_path) == ["1", "None"]


def test_what_begins_as_a_fork_of_it_imports_little_more(tmp_path: Path) -> None:
    code = f"""{FORKING}
import sys
before = set(sys.modules)
import autosync.asgi
from django.urls import get_resolver
get_resolver().url_patterns
print(*set(sys.modules) - before)
"""
    assert len(said(code, tmp_path)) < 40
    environment = "import os; print(os.environ.get('DJANGO_SETTINGS_MODULE'))"
    assert said(f"{FORKING}\n{environment}", tmp_path) == ["None"]


def test_shapes_of_the_api_are_compiled_when_they_are_first_used(tmp_path: Path) -> None:
    """Each operation has one for each of its answers and one for what it takes; most are never
    asked for.
    """
    code = f"""{WEB}
from autosync.api.schemas import Label
from ninja.params.models import QueryModel
taken = QueryModel.__subclasses__()
print(Label.__pydantic_complete__, any(one.__pydantic_complete__ for one in taken))
Label(name="bug")
print(Label.__pydantic_complete__)
"""
    assert said(code, tmp_path) == ["False", "False", "True"]


def said(code: str, tmp_path: Path) -> list[str]:
    """The words that a fresh interpreter prints."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DJANGO_")}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment | {"AUTOSYNC_DATA_DIR": str(tmp_path), "DATABASE_URL": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
