"""A kind is one short file, and no other file of the engine has a line for it."""

from __future__ import annotations

import ast
import re
import statistics
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import autosync
from autosync.kinds import KINDS, TABLES

HOME = Path(autosync.__file__).parent
ROOMS = ("sync", "mirror", "api", "web", "insight")
CLASSES = {kind.model.__name__ for kind in KINDS.values()}
NAMES = {kind.merge.table for kind in KINDS.values()}
# File → what it names of kinds, and why it may.
ALLOWED: Mapping[str, tuple[set[str], str]] = {
    "api/kinds.py": (
        {"commit", "issue", "pull_request"},
        "their lists are older and programs read them",
    ),
    "api/mirror.py": ({"Commit", "Issue", "PullRequest"}, "these lists, with filters of their own"),
    "api/schemas.py": ({"Commit", "Issue", "PullRequest"}, "the items of these lists"),
    "web/tabs.py": (
        {
            "Commit",
            "Issue",
            "PullRequest",
            "Ref",
            "commit",
            "commits",
            "issue",
            "issues",
            "pull_request",
            "ref",
        },
        "tabs that are older than the declared ones, with searches of their own",
    ),
    "web/story.py": ({"Commit", "commit", "commits"}, "a push lists several objects"),
    "web/templatetags/autosync.py": ({"ref"}, "a heading that says more than the table's name"),
    "web/feed.py": (
        {"Commit", "commit", "issue", "pull_request"},
        "the pages to which its lines lead",
    ),
    "web/views/commit.py": ({"Commit"}, "the page of one"),
    "web/hanging.py": ({"issue", "pull_request"}, "their pages show what hangs under a number"),
    "web/remarks.py": (
        {"review", "review_comment", "review_thread"},
        "a page shows remarks in their threads, and these with the review that began them",
    ),
    "web/views/numbered.py": (
        {"Commit", "issue", "pull_request", "sub_issue"},
        "the pages of these two; what an issue is a part of stands beside it",
    ),
    "insight/analytics.py": (
        {"commits", "issues", "pull_requests"},
        "charts of what was pushed, opened, closed and merged: no other kind has these numbers",
    ),
    "mirror/models/tally.py": (
        {"commits", "issues", "pull_requests"},
        "what those charts count",
    ),
    # The reader of git: what there is in a clone are commits, and refs that reach them.
    "sync/commits.py": (
        {"Commit", "commit", "commits", "ref"},
        "which commits are reached, and by which branch",
    ),
    "sync/commit_details.py": ({"Commit", "commit", "commits"}, "what GraphQL adds to commits"),
    "sync/commit_files.py": ({"Commit", "commits"}, "which commits lack their files"),
    "sync/standing.py": ({"commits", "refs"}, "whether git was read as far as refs reach"),
    "sync/sweep.py": ({"Commit"}, "which repositories have commits without what GraphQL adds"),
    "sync/audit/compare.py": ({"Commit", "ref"}, "compares with what git advertises"),
    "sync/audit/foreign.py": ({"Commit", "commit"}, "a clone may be of another repository"),
    "sync/forget.py": ({"Commit"}, "commits alone know people by name and address"),
    "sync/eraser.py": ({"commits"}, "clones hold commits too"),
    "kinds/_discussed.py": (
        {"label", "labels", "milestone"},
        "columns of issues and pull requests, declared for both",
    ),
    "mirror/doubt.py": ({"labels", "milestone"}, "columns that copy the names of other objects"),
    "mirror/unnamed_payloads.py": ({"label"}, "a field of payloads in which people write text"),
    "api/pull_git.py": ({"PullRequest"}, "lists of what one pull request brings"),
    "kinds/_relations.py": (
        {"commits", "license_files", "pull_requests"},
        "views of what was merged as which commit, and of licences with their files",
    ),
    "sync/pull_git.py": (
        {"pull_request", "pull_requests"},
        "git has refs of pull requests, and of no other kind",
    ),
    "kinds/_compile.py": (
        {"labels", "reactions"},
        "functions that read labels and counts of reactions wherever they are carried",
    ),
    "sync/audit/names.py": (
        {"label", "labels", "milestone"},
        "compares names that are copied with those of the repository",
    ),
}


def _files() -> Iterator[Path]:
    for room in ROOMS:
        yield from (one for one in (HOME / room).rglob("*.py") if "migrations" not in one.parts)
    yield from (HOME / "kinds").glob("_*.py")


def _named(file: Path) -> set[str]:
    """Classes, tables and names of kinds in code; what comments and docstrings say is no line."""
    tree = ast.parse(file.read_text())
    prose = {
        id(one.value)
        for one in ast.walk(tree)
        if isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant)
    }
    found: set[str] = set()
    for one in ast.walk(tree):
        if isinstance(one, ast.ImportFrom):
            place, _, name = (one.module or "").rpartition(".")
            names = {alias.name for alias in one.names}
            if one.module in ("autosync.models", "autosync.mirror.models", "autosync.kinds"):
                found |= names & (CLASSES | KINDS.keys())
            elif place == "autosync.kinds" and not name.startswith("_"):
                found |= {name} & KINDS.keys()
        elif isinstance(one, ast.Attribute) and one.attr in CLASSES:
            found.add(one.attr)
        elif isinstance(one, ast.Constant) and isinstance(one.value, str) and id(one) not in prose:
            found |= {one.value} & (KINDS.keys() | NAMES)
            in_sql = re.findall(r"\b(?:FROM|JOIN|INTO|UPDATE|TABLE)\s+(\w+)", one.value)
            found |= NAMES.intersection(in_sql)
    return found


@pytest.mark.parametrize("file", sorted(_files()), ids=lambda file: str(file.relative_to(HOME)))
def test_the_engine_names_no_kind(file: Path) -> None:
    allowed, _ = ALLOWED.get(str(file.relative_to(HOME)), (set(), ""))
    assert _named(file) - allowed == set()


def test_each_exception_is_still_one() -> None:
    for name, (words, reason) in ALLOWED.items():
        assert words <= _named(HOME / name), name
        assert reason


def test_a_kind_is_one_short_file() -> None:
    files = {kind.model.__module__.rpartition(".")[2] for kind in TABLES.values()}
    lines = {name: _declaration(HOME / "kinds" / f"{name}.py") for name in files}
    assert lines["issue"] + lines["pull_request"] + lines["release"] <= 200, lines
    assert statistics.median(lines.values()) <= 40, lines


def _declaration(file: Path) -> int:
    """Lines of code: without imports, docstrings, comments and what is empty."""
    text = file.read_text()
    tree = ast.parse(text)
    other = {
        number
        for one in ast.walk(tree)
        if isinstance(one, ast.Import | ast.ImportFrom)
        or (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))
        for number in range(one.lineno, (one.end_lineno or one.lineno) + 1)
    }
    lines = enumerate(text.splitlines(), 1)
    return sum(
        bool(line.strip()) and not line.strip().startswith("#") and number not in other
        for number, line in lines
    )
