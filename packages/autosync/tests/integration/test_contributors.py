"""Contributors are counted when commits changed, also if the worker died before it could."""

from __future__ import annotations

import pytest
from django.db.models import Sum

from autosync.mirror.models import Commit, Contributor, ResourceCursor
from autosync.sync.commits import refresh_contributors, sync_commits
from githubsim.testing import Sim
from tests.integration.api_rows import commit, repository
from tests.integration.test_backfill import begin

pytestmark = pytest.mark.django_db


def test_they_are_counted_once_per_change() -> None:
    here = repository()
    commit(here, on_default_branch=True, author_email="a@example.com")
    refresh_contributors(here)
    assert Contributor.objects.get().contributions == 1
    commit(here, on_default_branch=True, author_email="a@example.com")
    refresh_contributors(here)
    assert Contributor.objects.get().contributions == 1, "nobody said that commits changed"


def test_a_count_that_was_due_when_the_worker_died_is_made_by_the_next() -> None:
    here = repository()
    commit(here, on_default_branch=True, author_email="a@example.com")
    refresh_contributors(here)
    commit(here, on_default_branch=True, author_email="a@example.com")
    ResourceCursor.objects.filter(resource="contributor").update(state=ResourceCursor.State.RUNNING)
    refresh_contributors(here)
    assert Contributor.objects.get().contributions == 2


@pytest.mark.django_db(transaction=True)
def test_who_counts_before_the_default_branch_is_marked_is_not_the_last() -> None:
    with Sim(repositories=1, commits=5, issues=0, pulls=0, install=False) as sim:
        client, here = begin(sim)
        there = sim.truth()["repositories"][0]
        here.clone_url = f"{sim.url}/{here.full_name}.git"
        here.default_branch = there["default_branch"]
        here.save()
        # Another worker counts while commits are stored that no branch is known to reach yet.
        sync_commits(here, client, lambda: refresh_contributors(here))
    refresh_contributors(here)
    reached = Commit.objects.filter(on_default_branch=True).count()
    assert reached == there["commits_on_default"] > 0
    assert Contributor.objects.aggregate(all=Sum("contributions")) == {"all": reached}
