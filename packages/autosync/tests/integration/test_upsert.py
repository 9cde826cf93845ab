"""The one door: any order and any duplication of versions leaves the same row."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autosync.kinds import kind_of
from autosync.mirror.upsert import Rule, tombstone, upsert
from autosync.models import Issue, PullRequest, Repository
from tests.examples import examples
from tests.integration.api_rows import repository

T0 = datetime(2026, 1, 1, tzinfo=UTC)
MERGE = kind_of(Issue).merge
PULLS = kind_of(PullRequest)
pytestmark = pytest.mark.django_db


def version(number: int, second: int, issue: int = 1, **more: Any) -> dict[str, Any]:
    """Version `number` of an issue, with the clock at `second`."""
    return {
        "github_issue_id": issue,
        "node_id": f"I_{issue}",
        "repository_id": 7,
        "number": issue,
        "title": f"version {number}",
        "body": "",
        "state": "open",
        "state_reason": "",
        "author_id": None,
        "author_login": "",
        "labels": [{"name": "bug", "color": "f00"}],
        "assignees": [],
        "milestone": "",
        "milestone_number": None,
        "comments_count": 0,
        "locked": False,
        "html_url": "",
        "created_at": T0,
        "closed_at": None,
        "updated_at": T0 + timedelta(seconds=second),
        **more,
    }


def put(*rows: dict[str, Any], rule: Rule = Rule.VERSIONED, at: datetime = T0) -> Any:
    return upsert(MERGE, rows, observed_at=at, rule=rule)


@settings(
    max_examples=examples(60),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    order=st.lists(st.integers(0, 5), min_size=1, max_size=12),
    batches=st.lists(st.integers(1, 4), min_size=12, max_size=12),
)
def test_any_order_and_duplication_leaves_the_newest(order: list[int], batches: list[int]) -> None:
    Issue.objects.all().delete()
    queue = [version(n, n) for n in order]
    for size in batches:
        put(*queue[:size])
        del queue[:size]
    row = Issue.objects.get()
    assert row.title == f"version {max(order)}"
    assert row.dirty_at is None


def test_the_same_clock_with_different_content_is_settled_by_asking() -> None:
    put(version(1, 5))
    result = put(version(2, 5))
    assert result.dirty == {(1,)}
    put(version(3, 5), rule=Rule.AUTHORITATIVE, at=timezone.now())
    row = Issue.objects.get()
    assert (row.title, row.dirty_at) == ("version 3", None)


def test_two_versions_of_one_second_in_one_batch_are_settled_by_asking() -> None:
    assert put(version(1, 5), version(2, 5)).dirty == {(1,)}


def test_an_answer_older_than_what_came_since_does_not_settle() -> None:
    put(version(1, 5))
    put(version(2, 6), at=T0 + timedelta(seconds=30))
    result = put(version(1, 6), rule=Rule.AUTHORITATIVE, at=T0 + timedelta(seconds=10))
    assert result.dirty == {(1,)}


def test_a_late_event_cannot_raise_the_dead() -> None:
    put(version(1, 1))
    assert tombstone(MERGE, [1], T0) == {(1,)}
    assert not put(version(2, 9)).changed
    assert Issue.live.count() == 0


def test_asking_github_lifts_a_tombstone() -> None:
    put(version(1, 1))
    tombstone(MERGE, [1], T0)
    put(version(1, 1), rule=Rule.AUTHORITATIVE, at=T0 + timedelta(seconds=60))
    assert Issue.live.count() == 1


def test_the_same_again_changes_nothing() -> None:
    put(version(1, 1), version(1, 1, issue=2))
    assert not put(version(1, 1), version(1, 1, issue=2)).changed


def test_nul_in_text_is_dropped_because_postgresql_cannot_hold_it() -> None:
    put(version(1, 1, title="a\x00b"))
    assert Issue.objects.get().title == "ab"


def test_urls_follow_the_name_of_the_repository_whoever_brings_them() -> None:
    home = repository("acme/old", html_url="https://github.com/acme/old")
    put(version(1, 1, repository_id=home.pk, html_url="https://github.com/acme/old/issues/1"))
    Repository.objects.filter(pk=home.pk).update(
        html_url="https://github.com/acme/new", full_name="acme/new"
    )
    assert Issue.objects.get().html_url == "https://github.com/acme/new/issues/1"
    # A payload from before the rename comes late: newer than the row, but with the old name.
    put(version(2, 2, repository_id=home.pk, html_url="https://github.com/acme/old/issues/1"))
    row = Issue.objects.get()
    assert (row.title, row.html_url) == ("version 2", "https://github.com/acme/new/issues/1")


def test_the_head_of_a_pull_request_follows_the_name_of_its_repository() -> None:
    """Of its own repository or of a fork; what is not in the mirror is as the payload has it."""
    home, fork = repository("acme/old"), repository("me/old")

    def put_pulls(second: int) -> list[str]:
        heads = {1: (home.pk, "acme/old"), 2: (fork.pk, "me/old"), 3: (99, "you/old"), 4: None}
        pulls = [
            {
                "id": number,
                "number": number,
                "title": f"at {second}",
                "created_at": T0.isoformat(),
                "updated_at": (T0 + timedelta(seconds=second)).isoformat(),
                "base": {},
                "head": {"repo": head and {"id": head[0], "full_name": head[1]}},
            }
            for number, head in heads.items()
        ]
        rows = [PULLS.from_event({"pull_request": pull}, home.pk) or {} for pull in pulls]
        upsert(PULLS.merge, rows, observed_at=T0, rule=Rule.VERSIONED)
        assert set(PullRequest.objects.values_list("title", flat=True)) == {f"at {second}"}
        return names()

    def names() -> list[str]:
        return list(PullRequest.objects.order_by("pk").values_list("head_repository", flat=True))

    assert put_pulls(1) == ["acme/old", "me/old", "you/old", ""]
    for one, owner in ((home, "acme"), (fork, "me")):
        Repository.objects.filter(pk=one.pk).update(
            html_url=f"https://github.com/{owner}/new", full_name=f"{owner}/new"
        )
    assert names() == ["acme/new", "me/new", "you/old", ""]
    # Payloads from before the renames come late.
    assert put_pulls(2) == ["acme/new", "me/new", "you/old", ""]
