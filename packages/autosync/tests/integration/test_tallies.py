"""What pages count is kept with the rows: always what counting them would give."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import count

import pytest
from django.db.models.expressions import RawSQL
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autosync.insight import analytics
from autosync.mirror.models import Repository
from autosync.mirror.models.tally import Counted, Tally
from autosync.mirror.tallies import recount
from autosync.models import Commit, Contributor, Issue, PullRequest, Ref
from autosync.sync import purge
from tests.examples import examples
from tests.integration.api_rows import commit, issue, pull_request, repository

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def tallies(of: Repository) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in Tally.objects.filter(repository=of):
        found[row.name] = found.get(row.name, 0) + row.n
    return {name: n for name, n in found.items() if n}


_numbers = count()


def ref(home: Repository) -> Ref:
    return Ref.objects.create(
        repository=home, kind="branch", name=f"b{next(_numbers)}", observed_at=NOW
    )


def contributor(home: Repository) -> Contributor:
    return Contributor.objects.create(
        repository=home, identity=f"user:{next(_numbers)}", contributions=1
    )


def odd(moment: str) -> RawSQL:
    """One that Python cannot hold."""
    return RawSQL("%s::timestamptz", [moment])


MAKERS: list[Callable[[Repository], object]] = [
    commit,
    issue,
    pull_request,
    ref,
    contributor,
    lambda home: issue(home, state="closed", closed_at=timezone.now()),
    lambda home: pull_request(home, state="closed", merged=True, merged_at=timezone.now()),
]
CHANGES: list[Callable[[Repository], object]] = [
    lambda home: Issue.objects.filter(repository=home).update(
        state="closed", closed_at=timezone.now()
    ),
    lambda home: Issue.objects.filter(repository=home).update(state="open", closed_at=None),
    lambda home: Issue.objects.filter(repository=home).update(deleted_at=timezone.now()),
    lambda home: Commit.objects.filter(repository=home).update(deleted_at=timezone.now()),
    lambda home: Commit.objects.filter(repository=home).update(deleted_at=None),
    lambda home: Commit.objects.filter(repository=home).update(committed_at=NOW),
    lambda home: Commit.objects.filter(repository=home).update(committed_at=odd("infinity")),
    lambda home: Issue.objects.filter(repository=home).update(created_at=odd("-infinity")),
    lambda home: PullRequest.objects.filter(repository=home).update(merged_at=odd("infinity")),
    lambda home: Ref.objects.filter(repository=home).update(kind="tag"),
    lambda home: PullRequest.objects.filter(repository=home).delete(),
    lambda home: Contributor.objects.filter(repository=home).delete(),
    # A transfer.
    lambda home: Issue.objects.filter(repository=home).update(repository=1),
]


@settings(
    max_examples=examples(25),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(deeds=st.lists(st.sampled_from(MAKERS + CHANGES), max_size=12))
def test_whatever_changes_rows_changes_their_tallies(
    deeds: list[Callable[[Repository], object]],
) -> None:
    for model in (Commit, Issue, PullRequest, Ref, Contributor, Tally, Repository):
        model.objects.all().delete()
    other, home = repository("acme/other", github_id=1), repository("acme/home", github_id=2)
    for deed in deeds:
        deed(home)
    assert (recount(home.pk), recount(other.pk)) == ([], [])


def test_a_wrong_tally_is_found_and_corrected() -> None:
    home = repository()
    commit(home)
    issue(home)
    Tally.objects.filter(repository=home, name=Counted.ISSUES).update(n=7)
    Tally.objects.filter(repository=home, name=Counted.COMMITS).delete()
    Tally.objects.create(repository=home, name=Counted.BRANCHES, bucket=0, n=3)
    assert sorted(recount(home.pk)) == [("branches", 3, 0), ("commits", 0, 1), ("issues", 7, 1)]
    assert recount(home.pk) == []
    assert analytics.counts([home.pk])[home.pk].issues == 1


def test_nothing_is_left_of_a_repository_that_is_gone_for_good() -> None:
    gone = repository(removed_at=timezone.now() - timedelta(days=31))
    commit(gone)
    issue(gone)
    assert tallies(gone)
    purge.purge_gone(30)
    assert not Tally.objects.exists()


def test_the_pages_see_what_the_rows_say() -> None:
    home, empty = repository("acme/home"), repository("acme/empty")
    now = timezone.now()
    for days in (0, 1, 1, 8, 400):
        commit(home, committed_at=now - timedelta(days=days))
    commit(home, committed_at=now + timedelta(days=3))  # a clock that is fast
    for hours in (1, 2, 3):
        issue(home, created_at=now - timedelta(hours=hours), state="closed", closed_at=now)
    issue(home, state="open", created_at=now)
    pull_request(home, merged=True, state="closed", created_at=NOW, merged_at=NOW)
    counts = analytics.counts([home.pk, empty.pk])
    one = counts[home.pk]
    assert (one.commits, one.issues, one.open_issues, one.pull_requests) == (6, 4, 1, 1)
    assert counts[empty.pk] == analytics.Counts()
    assert analytics.totals().commits == 6
    assert sum(analytics.weekly_commits([home.pk])[home.pk]) == 4
    activity = analytics.activity(home.pk)
    assert (activity.unit, activity.total) == (analytics.Unit.WEEK, 5)
    for unit in analytics.Unit:
        columns = analytics.activity(home.pk, unit).columns
        starts = [column.start for column in columns]
        assert starts == sorted(set(starts))
        assert starts[0] <= (now - timedelta(days=60)).date()
        assert starts[-1] <= now.date()
    assert [(flow.opened, flow.closed) for flow in analytics.issue_flow(home.pk)][-1] in (
        (4, 3), (3, 3), (2, 3), (1, 3),
    )  # fmt: skip
    spans = analytics.time_to_close(home.pk)
    assert spans.sample == 3
    assert spans.median == pytest.approx(2 * 3600, rel=0.02)
    assert spans.p90 == pytest.approx(3 * 3600, rel=0.02)
    assert analytics.lead_time(home.pk).median == pytest.approx(1, rel=0.03)
    assert analytics.time_to_close(empty.pk) == analytics.Spans(None, None, 0)


def test_dates_at_the_ends_of_time_are_counted_too() -> None:
    home = repository()
    for moment in (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC)):
        commit(home, committed_at=moment)
    assert recount(home.pk) == []
    assert analytics.activity(home.pk).columns[0].start == date(1, 1, 1)
