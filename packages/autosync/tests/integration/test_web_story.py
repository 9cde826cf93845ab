"""A delivery's whole story on one page: how it came, and which rows it was applied to."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import User
from django.test import Client

from autosync.mirror.inbox import store
from autosync.mirror.models import Delivery, Issue, Repository
from autosync.sync import WebhookProcessor
from tests.integration.api_rows import installation
from tests.integration.test_apply import issue, push

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def reader(client: Client) -> Client:
    installation(github_id=1)
    client.force_login(User.objects.create_superuser("ada"))
    return client


def applied(event: str, payload: dict[str, object], guid: str, source: str = "webhook") -> Delivery:
    body = json.dumps({"installation": {"id": 1}, **payload}).encode()
    store([Delivery(guid=guid, event=event, headers={}, body=body)], source)
    WebhookProcessor().drain()
    return Delivery.objects.get(guid=guid)


def story(reader: Client, delivery: Delivery) -> str:
    return " ".join(reader.get(f"/deliveries/{delivery.pk}/").content.decode().split())


def test_received_verified_applied_to_which_rows_after_how_long(reader: Client) -> None:
    delivery = applied("issues", issue(title="It does not fly"), "first")
    said = story(reader, delivery)
    for step in ("Received", "Verified", "Applied"):
        assert f"<strong>{step}</strong>" in said
    assert "by webhook; stored before" in said
    assert "HMAC-SHA256" in said
    assert "after it was received" in said
    assert "#1 It does not fly" in said
    assert "written" in said
    assert delivery.touched == {
        "rows": [["repositories", [7], "written"], ["issues", [101], "written"]], "more": 0,
    }  # fmt: skip


def test_what_changed_nothing_is_told_so(reader: Client) -> None:
    applied("issues", issue(updated_at="2026-01-01T00:00:09Z"), "newer")
    late = applied("issues", issue(title="older"), "older")
    assert ["issues", [101], "kept"] in (late.touched or {})["rows"]
    assert "left as it was: nothing newer came" in story(reader, late)
    gone = applied("issues", issue(action="deleted", updated_at="2026-01-02T00:00:00Z"), "gone")
    assert ["issues", [101], "buried"] in (gone.touched or {})["rows"]
    assert "marked as deleted" in story(reader, gone)


def test_a_push_tells_its_ref_and_its_commits_in_one_batch_with_others(reader: Client) -> None:
    shas = [f"{n:040x}" for n in range(1, 61)]
    pushed = applied("push", push("0" * 40, shas[-1], *shas), "pushed")
    kept = pushed.touched or {}
    assert len(kept["rows"]) == 50
    assert kept["more"] == 12  # sixty commits, the repository, the branch
    assert "and 12 more" in story(reader, pushed)


def test_the_source_and_every_replay_are_shown(reader: Client) -> None:
    delivery = applied("issues", issue(), "log", "delivery_log")
    assert "read back from GitHub" in story(reader, delivery)
    reader.post(f"/deliveries/{delivery.pk}/replay/")
    reader.post(f"/deliveries/{delivery.pk}/replay/")
    assert "2 replays" in story(reader, delivery)
    WebhookProcessor().drain()
    said = story(reader, delivery)
    assert "<strong>Replayed</strong> by hand, the second time" in said
    assert "after the replay" in said
    told = reader.get(f"/api/deliveries/{delivery.pk}/").json()
    assert told["replays"] == 2
    assert told["source"] == "delivery_log"
    assert told["touched"]["rows"] == [{"table": "issues", "key": [101], "effect": "kept"}]


def test_rows_of_hidden_repositories_keep_their_names_to_themselves(reader: Client) -> None:
    delivery = applied("issues", issue(title="Confidential"), "hidden")
    Repository.objects.update(removed_at="2026-01-01T00:00:00Z")
    reader.logout()
    reader.force_login(User.objects.create_user("eve"))
    said = story(reader, delivery).partition("<h2>Headers")[0]
    assert "Confidential" not in said
    assert Issue.objects.get().title == "Confidential"


def test_half_a_character_is_applied_and_shown_as_the_replacement_character(
    reader: Client,
) -> None:
    delivery = applied("issues", issue(title="half \ud83d of it"), "half")
    assert delivery.status == Delivery.Status.APPLIED
    assert Issue.objects.get().title == "half \ufffd of it"
    assert rb"\ud83d" in bytes(delivery.body), "the inbox keeps what GitHub sent"
    assert "half \ufffd of it" in story(reader, delivery)
    told = reader.get(f"/api/deliveries/{delivery.pk}/").json()
    assert told["payload"]["issue"]["title"] == "half \ufffd of it"
