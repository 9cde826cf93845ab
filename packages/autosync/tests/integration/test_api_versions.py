"""Both versions of the REST API: the same rows from lists and webhooks, and pages to their end."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.forms import model_to_dict

from autosync import config, connect
from autosync.github import (
    AppCredentials,
    InstallationClient,
    LocalBudget,
    Priority,
    UnexpectedReply,
)
from autosync.kinds import KINDS
from autosync.mirror.inbox import store
from autosync.mirror.models import Commit, Delivery, Issue, PullRequest, Repository
from autosync.sync import WebhookProcessor
from autosync.sync.reconcile import GitHubSyncManager
from githubsim.receiver import Receiver
from githubsim.rest.versions import as_of
from githubsim.testing import Sim

VERSIONS = ("2022-11-28", "2026-03-10")
MIRRORED = (Repository, Issue, PullRequest, Commit)
_NOT_GITHUBS = {
    "id",
    "observed_at",
    "last_synced_at",
    "imported_at",
    "detailed_at",
    "files_at",
    "audit_due_at",
}
# The moments at which AutoSync saw what no clock of GitHub's speaks of.
_NOT_GITHUBS |= {group.observed_at for kind in KINDS.values() for group in kind.merge.groups}
_before: dict[str, Any] = {}


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def sim(receiver: Receiver) -> Iterator[Sim]:
    world: dict[str, Any] = {"repositories": 2, "commits": 6, "issues": 12, "pulls": 4}
    with Sim(**world, install=False, webhook_url=receiver.url) as sim:
        sim.control("install")
        name = sim.truth()["repositories"][0]["full_name"]
        sim.control("issues/open", {"repository": name, "title": "Live"})
        sim.control("push", {"repository": name})
        receiver.wait_for("issues.opened")
        receiver.wait_for("push")
        yield sim


def rows() -> dict[str, list[dict[str, Any]]]:
    """All that is GitHub's of what is here."""
    return {
        model.__name__: [
            {k: v for k, v in model_to_dict(row).items() if k not in _NOT_GITHUBS}
            for row in model._default_manager.order_by("sha" if model is Commit else "pk")
        ]
        for model in MIRRORED
    }


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("version", VERSIONS)
def test_import_and_webhook_give_the_same_rows(
    sim: Sim, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    for name, value in {
        "GITHUB_API_URL": sim.url,
        "GITHUB_API_VERSION": version,
        "GITHUB_APP_ID": str(sim.app.id),
        "GITHUB_APP_PRIVATE_KEY": sim.private_key,
    }.items():
        monkeypatch.setenv(name, value)
    caches = (config.load, connect.credentials, connect.app_client)
    for cached in caches:
        cached.cache_clear()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs CASCADE")
    try:
        [installation] = GitHubSyncManager.discover()
        manager = GitHubSyncManager(installation)
        manager.sync_repositories()
        for repository in Repository.objects.all():
            manager.sync_repository(repository)
    finally:
        for cached in caches:
            cached.cache_clear()
    truth = sim.truth()["repositories"]
    assert Issue.objects.count() == sum(one["issues"]["total"] for one in truth)
    assert PullRequest.objects.count() == sum(one["pulls"]["total"] for one in truth)
    imported = rows()
    for one in receiver.received:
        # Whatever a version leaves out of answers, webhooks may leave out as well.
        payload = as_of(version, one.payload)
        delivery = Delivery(guid=one.guid, event=one.event, action=payload.get("action") or "")
        delivery.headers, delivery.body = {}, json.dumps(payload).encode()
        store([delivery], Delivery.Source.WEBHOOK)
    WebhookProcessor().drain()
    assert not Delivery.objects.exclude(status__in=["applied", "ignored"]).exists()
    assert rows() == imported, "they are late, and say nothing new"
    assert imported == _before.setdefault("rows", imported), "the other version gave others"


@pytest.mark.parametrize(
    ("url", "version"),
    [
        ("https://api.github.com", "2026-03-10"),
        ("https://octo.example/api/v3", "2022-11-28"),
        ("https://api.octo.ghe.com", "2026-03-10"),
    ],
)
def test_the_newest_version_is_asked_for_but_of_ghes(url: str, version: str) -> None:
    assert AppCredentials(1, api_url=url).version == version
    assert AppCredentials(1, api_url=url, api_version=VERSIONS[0]).version == VERSIONS[0]


@pytest.fixture(scope="module")
def large() -> Iterator[Sim]:
    world: dict[str, Any] = {"repositories": 1, "commits": 2, "issues": 10_020, "pulls": 0}
    with Sim(**world, install=False, limits=False) as sim:
        sim.control("install")
        yield sim


@pytest.mark.parametrize("version", VERSIONS)
def test_a_list_of_more_than_ten_thousand_is_read_to_its_end(large: Sim, version: str) -> None:
    credentials = AppCredentials(
        large.app.id, private_key=large.private_key, api_url=large.url, api_version=version
    )
    [installation] = large.truth()["installations"]
    client = InstallationClient(credentials, installation["id"], LocalBudget(), Priority.LIVE)
    url = f"/repos/{large.truth()['repositories'][0]['full_name']}/issues"
    query: dict[str, str | int] = {"state": "all", "per_page": 100}
    with pytest.raises(UnexpectedReply, match="use cursor based pagination"):
        client.get(url, query | {"page": 101})
    replies = list(client.pages(url, query))
    assert len({item["id"] for reply in replies for item in reply.items()}) == 10_020
    assert ("sunset" in replies[0].headers) == (version == "2022-11-28")
    assert replies[0].headers["x-github-api-version-selected"] == version
