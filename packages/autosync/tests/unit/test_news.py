"""Whether a repository moved: what GitHub says of it against where the mirror stands."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from autosync.sync.listing import OVERLAP
from autosync.sync.news import ListThere, There, moved
from autosync.sync.standing import GIT, Here, ListHere

READ = datetime(2026, 11, 29, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HEAD = "a" * 40
ISSUES = {"issue", "issue_comment"}  # comments have no news of their own
THERE = There(
    lists={
        "issue": ListThere(3, READ - SECOND),
        "pull_request": ListThere(0, None),
    },
    pushed_at=READ - OVERLAP - SECOND,
    default_branch="main",
    head=HEAD,
)
HERE = Here(
    lists={"issue": ListHere(3, READ), "pull_request": ListHere(0, READ)},
    watermark=READ,
    default_branch="main",
    head=HEAD,
    marked=HEAD,
)


def there(**lists: ListThere | None) -> There:
    known = {name: one for name, one in {**THERE.lists, **lists}.items() if one is not None}
    return replace(THERE, lists=known)


def here(**lists: ListHere) -> Here:
    return replace(HERE, lists={**HERE.lists, **lists})


def test_what_was_read_and_has_not_changed_since_is_not_read_again() -> None:
    assert moved(THERE, HERE) == set()


@pytest.mark.parametrize("total", [2, 4])
def test_a_list_that_holds_another_number_is_read(total: int) -> None:
    assert moved(there(issue=ListThere(total, READ - SECOND)), HERE) == ISSUES


@pytest.mark.parametrize("later", [timedelta(0), SECOND])
def test_a_list_that_changed_since_the_watermark_is_read(later: timedelta) -> None:
    # GitHub's clock has steps of a second: the same second may hold one more change.
    assert moved(there(issue=ListThere(3, READ + later)), HERE) == ISSUES


def test_a_list_that_was_never_read_completely_is_read() -> None:
    assert moved(THERE, here(issue=ListHere(3, None))) == ISSUES
    nothing_here = replace(HERE, lists={"pull_request": HERE.lists["pull_request"]})
    assert moved(THERE, nothing_here) == ISSUES


def test_a_list_whose_newest_object_github_does_not_show_is_read() -> None:
    assert moved(there(issue=ListThere(3, None)), HERE) == ISSUES


def test_a_list_that_github_does_not_show_is_unknown_and_not_empty() -> None:
    assert moved(there(issue=None), HERE) == set()
    assert moved(there(issue=None), here(issue=ListHere(3, None))) == set()


@pytest.mark.parametrize("ago", [OVERLAP, timedelta(0), -SECOND])
def test_git_is_asked_after_a_push(ago: timedelta) -> None:
    assert moved(replace(THERE, pushed_at=READ - ago), HERE) == {GIT}


@pytest.mark.parametrize(
    "standing",
    [
        replace(HERE, watermark=None),
        replace(HERE, head="b" * 40),
        replace(HERE, head=""),
        replace(HERE, marked="b" * 40),
        replace(HERE, marked=None),
        replace(HERE, default_branch="trunk"),
        replace(HERE, incomplete=True),
    ],
    ids=[
        "cut off",
        "another head",
        "no head",
        "marked from another head",
        "half marked",
        "another default branch",
        "told of by a push",
    ],
)
def test_git_is_asked_where_the_mirror_has_something_else(standing: Here) -> None:
    assert moved(THERE, standing) == {GIT}


def test_a_repository_without_commits_is_left_alone() -> None:
    empty = replace(THERE, pushed_at=None, default_branch="", head="")
    assert moved(empty, replace(HERE, head="", marked="")) == set()
    assert moved(empty, HERE) == {GIT}
