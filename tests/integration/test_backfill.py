"""A backfill that is cut off goes on behind the last page it committed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.utils import timezone

from autosync.github import (
    AppCredentials,
    InstallationClient,
    LocalBudget,
    NoValidators,
    Priority,
)
from autosync.mirror.models import GitHubAppInstallation, Issue, Repository, ResourceCursor
from autosync.resources import issue
from autosync.sync.listing import sync_listing
from githubsim.testing import Sim

pytestmark = pytest.mark.django_db(transaction=True)


class CutOff(Exception):
    """As if the process had been killed here."""


@pytest.fixture
def sim() -> Iterator[Sim]:
    with Sim(repositories=1, commits=5, issues=350, pulls=0, install=False) as sim:
        yield sim


def test_only_the_page_that_was_cut_off_is_read_again(sim: Sim) -> None:
    installation = sim.control("install")
    there = sim.truth()["repositories"][0]
    credentials = AppCredentials(sim.app.id, private_key=sim.private_key, api_url=sim.url)
    client = InstallationClient(
        credentials, installation["id"], LocalBudget(), NoValidators(), Priority.BACKFILL
    )
    GitHubAppInstallation.objects.create(pk=installation["id"], observed_at=timezone.now())
    repository = Repository.objects.create(
        pk=there["id"],
        node_id=there["node_id"],
        installation_id=installation["id"],
        full_name=there["full_name"],
        observed_at=timezone.now(),
    )
    pages = iter([None, None, CutOff()])

    def progress() -> None:
        error = next(pages)
        if error is not None:
            raise error

    with pytest.raises(CutOff):
        sync_listing(issue.RESOURCE, repository, client, progress)
    assert Issue.objects.count() == 200
    sim.ask("requests", clear=1)
    sync_listing(issue.RESOURCE, repository, client, lambda: None)
    assert Issue.objects.count() == 350
    assert sim.requests()["endpoints"]["POST /graphql"] == {"200": 2}
    cursor = ResourceCursor.objects.get()
    assert (cursor.state, cursor.done, cursor.cursor) == ("complete", 350, "")
