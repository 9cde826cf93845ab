"""The inbox through the API and the command line: see what is parked, apply it again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from autosync.cli import deliveries as command
from autosync.mirror.models import Delivery
from tests.integration.api_rows import client_with, delivery, moment

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
    assert run("replay", "--all-parked") == (0, "1 deliveries are back in line.\n")
    assert Delivery.objects.filter(status="pending").count() == 1


def test_the_command_says_what_is_wrong() -> None:
    assert run("list", "--status", "lost")[0] == 1
    assert run("show", "0")[0] == 1
    assert run("replay", "0")[0] == 1
    code, text = run("replay")
    assert code == 1
    assert "--all-parked" in text
