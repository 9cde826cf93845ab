"""Contributors are counted when commits changed, also if the worker died before it could."""

from __future__ import annotations

import pytest

from autosync.mirror.models import Contributor, ResourceCursor
from autosync.sync.commits import refresh_contributors
from tests.integration.api_rows import commit, repository

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
