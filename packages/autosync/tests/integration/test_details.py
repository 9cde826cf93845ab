"""What GitHub computes of a commit: asked for until GitHub knows it, and never guessed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from autosync.mirror.models import Commit
from autosync.sync.commits import sync_details
from autosync.sync.errors import UnknownRepository
from githubsim.testing import Sim
from tests.integration.api_rows import commit
from tests.integration.test_backfill import begin

pytestmark = pytest.mark.django_db(transaction=True)
UNKNOWN = "f" * 40


@pytest.fixture
def sim() -> Iterator[Sim]:
    with Sim(repositories=1, commits=3, issues=1, pulls=0, install=False) as sim:
        yield sim


def known(sim: Sim, full_name: str) -> str:
    refs = sim.ask("inventory", repository=full_name)["refs"]
    return str(next(iter(refs.values())))


def test_a_commit_that_graphql_does_not_know_yet_is_asked_for_again(sim: Sim) -> None:
    client, repository = begin(sim)
    commit(repository, sha=known(sim, repository.full_name))
    commit(repository, sha=UNKNOWN, observed_at=timezone.now())
    assert sync_details(repository, client, lambda: None) == 1
    [late] = Commit.objects.filter(detailed_at__isnull=True)
    assert late.sha == UNKNOWN
    # Seen long ago, GitHub will not come to know it any more.
    Commit.objects.filter(pk=late.pk).update(observed_at=timezone.now() - timedelta(minutes=1))
    assert sync_details(repository, client, lambda: None) == 1
    late.refresh_from_db()
    assert (late.additions, late.detailed_at is None) == (None, False)


def test_a_repository_out_of_sight_says_nothing_of_its_commits(sim: Sim) -> None:
    client, repository = begin(sim)
    commit(repository, sha=known(sim, repository.full_name))
    sim.control("repositories/edit", {"repository": repository.full_name, "private": True})
    sim.control("installation/remove", {"repositories": [repository.full_name]})
    with pytest.raises(UnknownRepository):
        sync_details(repository, client, lambda: None)
    assert Commit.objects.get().detailed_at is None
    repository.refresh_from_db()
    assert repository.dirty_at is not None
