"""The inbox through the API and the command line: see what is parked, apply it again."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.test import Client
from typer.testing import CliRunner

from autosync.cli import deliveries as command
from autosync.mirror.models import Delivery
from tests.integration.api_rows import client_with, delivery, moment, repository

pytestmark = pytest.mark.django_db


def test_deliveries_newest_first_and_filtered() -> None:
    a = delivery(received_at=moment(1), status="applied", finished_at=moment(2), repository_id=5)
    b = delivery(received_at=moment(2), status="parked", event="push", error="boom", attempts=8)
    client = client_with("read")

    def ids(**query: Any) -> list[int]:
        return [item["id"] for item in client.get("/api/deliveries/", query).json()["items"]]

    assert ids() == [b.pk, a.pk]
    assert ids(status="parked") == [b.pk]
    assert ids(event="issues") == [a.pk]
    assert ids(guid=a.guid) == [a.pk]
    assert ids(repository=5) == [a.pk]
    assert ids(since=moment(2).isoformat()) == [b.pk]
    shown = client.get("/api/deliveries/", {"status": "parked"}).json()["items"][0]
    assert shown["error"] == "boom"
    assert shown["attempts"] == 8
    assert "payload" not in shown


def test_one_delivery_with_what_github_sent_but_no_signature() -> None:
    row = delivery(
        headers={"X-GitHub-Event": "issues", "X-Hub-Signature-256": "sha256=secretish"},
        body='{"action": "opened", "title": "Größe 🚀"}'.encode(),
    )
    answer = client_with("read").get(f"/api/deliveries/{row.pk}/")
    assert answer.json()["payload"] == {"action": "opened", "title": "Größe 🚀"}
    assert answer.json()["headers"] == {"X-GitHub-Event": "issues"}
    assert b"secretish" not in answer.content


def test_a_body_that_is_no_json_is_shown_as_null() -> None:
    row = delivery(body=b"\xff\x00")
    assert client_with("read").get(f"/api/deliveries/{row.pk}/").json()["payload"] is None


def test_replay_puts_a_parked_delivery_back_in_line() -> None:
    row = delivery(status="parked", attempts=8, error="boom")
    answer = client_with("sync").post(f"/api/deliveries/{row.pk}/replay/")
    assert answer.status_code == 202
    assert answer.json() == {"replayed": 1}
    row.refresh_from_db()
    assert (row.status, row.attempts, row.error) == ("pending", 0, "")
    assert client_with("sync").post("/api/deliveries/0/replay/").status_code == 404


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(command.app, list(arguments), env={"COLUMNS": "200"})
    return result.exit_code, result.output


def test_the_command_lists_shows_and_replays() -> None:
    parked = delivery(status="parked", event="push", error="[red]boom")
    delivery(status="applied", event="star")
    code, text = run("list", "--status", "parked")
    assert code == 0
    assert "push" in text
    assert "[red]boom" in text
    assert "star" not in text
    code, text = run("show", str(parked.pk))
    assert json.loads(text)["payload"] == {"action": "opened"}
    assert run("replay", "--all-parked") == (0, "Deliveries to be applied again: 1.\n")
    assert Delivery.objects.filter(status="pending").count() == 1


def test_the_command_says_what_is_wrong() -> None:
    assert run("list", "--status", "lost")[0] == 1
    assert run("show", "0")[0] == 1
    assert run("replay", "0")[0] == 1
    code, text = run("replay")
    assert code == 1
    assert "--all-parked" in text


def pending() -> set[int]:
    return set(Delivery.objects.filter(status="pending").values_list("pk", flat=True))


def test_some_parked_deliveries_are_replayed_by_what_they_have_in_common() -> None:
    repo = repository("acme/rocket")
    a = delivery(status="parked", event="push", error="KeyError: 'id'", repository_id=repo.pk)
    b = delivery(status="parked", event="issues", error="ValueError", received_at=moment(5))
    c = delivery(status="parked", event="issues", error="KeyError: 'x'", received_at=moment(9))
    done = delivery(status="applied", event="issues", finished_at=moment(3))
    client = client_with("sync")

    def replayed(**query: Any) -> set[int]:
        answer = client.post(f"/api/deliveries/replay/?{urlencode(query, doseq=True)}")
        assert answer.status_code == 202, answer.content
        found = pending()
        assert answer.json() == {"replayed": len(found)}
        Delivery.objects.filter(pk__in=found).exclude(pk=done.pk).update(status="parked")
        return found

    assert replayed(event="push") == {a.pk}
    assert replayed(repository=repo.pk) == {a.pk}
    Delivery.objects.filter(pk__in=[a.pk, c.pk]).update(error="KeyError: 'id'")
    assert replayed(error="keyerror") == {a.pk, c.pk}
    Delivery.objects.update(error="")
    assert replayed(since=moment(5).isoformat(), until=moment(9).isoformat()) == {b.pk}
    assert replayed(guid=c.guid) == {c.pk}
    assert replayed(id=[a.pk, c.pk]) == {a.pk, c.pk}
    assert replayed() == {a.pk, b.pk, c.pk}
    assert replayed(status="applied") == {done.pk}
    assert client.post("/api/deliveries/replay/?evnt=push").status_code == 422
    assert client_with("read").post("/api/deliveries/replay/").status_code == 403


def test_the_command_replays_some() -> None:
    repo = repository("acme/rocket")
    a = delivery(status="parked", event="push", repository_id=repo.pk)
    b = delivery(status="parked", event="issues", error="[red]boom", received_at=moment(5))
    c = delivery(status="parked", event="star")
    assert run("replay", "--error", "BOOM") == (0, "Deliveries to be applied again: 1.\n")
    assert run("replay", "--repository", "Acme/Rocket")[0] == 0
    assert pending() == {a.pk, b.pk}
    assert run("replay", str(c.pk), str(a.pk)) == (0, "Deliveries to be applied again: 2.\n")
    assert run("replay", "--since", "2024-05-01 12:04:00") == (
        0,
        "Deliveries to be applied again: 0.\n",
    )
    assert run("replay", "--repository", "acme/other")[0] == 1
    assert run("replay", str(c.pk), "--event", "push")[0] == 1
    assert "star" in run("list", "--event", "star")[1]


def test_the_page_replays_what_its_filter_shows(client: Client) -> None:
    client.force_login(User.objects.create_superuser("ada"))
    a = delivery(status="parked", error="KeyError: 'id'")
    b = delivery(status="parked", error="ValueError")
    page = client.get("/deliveries/", {"error": "keyerror"}).content.decode()
    assert "Replay the 1 parked that match" in page
    assert a.guid[:12] in page
    assert f"/deliveries/{b.pk}/" not in page
    assert client.get("/deliveries/", {"q": b.guid}).context["page"].rows == [b]
    client.post("/deliveries/replay/", {"error": "keyerror"})
    assert pending() == {a.pk}
    assert client.get("/deliveries/", {"repository": "no/such"}).context["page"].rows == []
    client.post("/deliveries/replay/", {"since": "2024-05-02"})
    assert pending() == {a.pk}
    client.post("/deliveries/replay/", {"since": "2024-05-01", "until": "2024-05-01"})
    assert pending() == {a.pk, b.pk}
    assert client.get("/deliveries/", {"since": "yesterday"}).status_code == 200
