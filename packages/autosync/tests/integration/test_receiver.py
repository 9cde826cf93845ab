"""The webhook door of the running service: what is taken, what is refused, and what is said."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from tests.service_processes import OLD_SECRET, SECRET, Service, free_port, running, sign


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("receiver")) as ready:
        yield ready


def test_a_signed_delivery_is_stored_as_it_came_and_then_accepted(service: Service) -> None:
    body = (
        b'{ "action": "opened", "installation": {"id": 5},'
        b' "repository": {"id": 3000000000}, "x": "\\u0000" }'
    )
    assert service.deliver(body, guid="stored-1", event="issues") == (202, {"status": "accepted"})
    (row,) = service.stored("SELECT * FROM inbox WHERE guid = 'stored-1'")
    assert bytes(row["body"]) == body
    assert (row["event"], row["action"], row["status"]) == ("issues", "opened", "pending")
    assert (row["installation_id"], row["repository_id"]) == (5, 3_000_000_000)
    assert row["source"] == "webhook"
    assert row["headers"] == {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/test",
        "X-GitHub-Delivery": "stored-1",
        "X-GitHub-Event": "issues",
        "X-GitHub-Hook-ID": "4711",
    }


def test_the_path_works_without_its_last_slash(service: Service) -> None:
    assert service.deliver(path="/api/github/webhook")[0] == 202


def test_a_second_delivery_of_a_guid_is_answered_2xx_and_not_stored(service: Service) -> None:
    assert service.deliver(guid="twice", event="push")[0] == 202
    assert service.deliver(guid="twice", event="push") == (200, {"status": "duplicate"})
    assert len(service.stored("SELECT 1 FROM inbox WHERE guid = 'twice'")) == 1


def test_of_twins_that_arrive_together_one_is_new(service: Service) -> None:
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: service.deliver(guid="twins")[0], range(20)))
    assert sorted(answers) == [200] * 19 + [202]


def test_a_form_is_taken_too(service: Service) -> None:
    document = '{"action": "created", "text": "a+b & ü"}'
    body = urlencode({"payload": document}, quote_via=quote).encode()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert service.deliver(body, guid="form", headers=form)[0] == 202
    (row,) = service.stored("SELECT body, action FROM inbox WHERE guid = 'form'")
    assert (bytes(row["body"]).decode(), row["action"]) == (document, "created")


def test_the_secret_before_the_rotation_still_counts(service: Service) -> None:
    assert service.deliver(secret=OLD_SECRET)[0] == 202


@pytest.mark.parametrize(
    ("what", "status"),
    [
        ({"secret": "another"}, 401),
        ({"headers": {"X-Hub-Signature-256": None}}, 401),
        ({"headers": {"X-Hub-Signature-256": "sha256="}}, 401),
        ({"headers": {"X-Hub-Signature-256": "sha1=" + "0" * 40}}, 401),
        ({"headers": {"X-GitHub-Event": None}}, 400),
        ({"headers": {"X-GitHub-Delivery": None}}, 400),
        ({"headers": {"X-GitHub-Delivery": "x" * 65}}, 400),
        ({"headers": {"Content-Type": "text/plain"}}, 415),
        ({"headers": {"Content-Type": None}}, 415),
        ({"headers": {"Content-Type": "application/x-www-form-urlencoded"}}, 400),
        ({"body": b"not json"}, 400),
        ({"body": b"[1, 2]"}, 400),
        ({"body": b""}, 400),
        ({"method": "GET"}, 405),
        ({"method": "PUT"}, 405),
    ],
)
def test_what_is_not_a_delivery_is_refused_in_one_line(
    service: Service, what: dict[str, object], status: int
) -> None:
    before = len(service.stored("SELECT 1 FROM inbox"))
    marker = b'{"marker": "do not repeat me"}'
    answered, answer = service.deliver(**({"body": marker} | what))  # type: ignore[arg-type]
    assert answered == status
    assert set(answer) == {"error", "hint"}
    said = json.dumps(answer)
    assert "\\n" not in said
    assert "repeat me" not in said
    assert SECRET not in said
    assert sign(marker)[7:] not in said
    assert len(service.stored("SELECT 1 FROM inbox")) == before


def test_a_body_of_25_mb_is_taken_and_a_larger_one_refused(service: Service) -> None:
    limit = 25 * 1024 * 1024
    largest = b'{"a": "' + b"x" * (limit - 9) + b'"}'
    assert len(largest) == limit
    assert service.deliver(largest, guid="largest")[0] == 202
    assert service.deliver(largest + b" ")[0] == 413


def test_a_body_that_grows_too_large_without_saying_so_is_refused(service: Service) -> None:
    with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
        connection.sendall(
            b"POST /api/github/webhook/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
            b"X-GitHub-Event: push\r\nX-GitHub-Delivery: chunked\r\n"
            b"X-Hub-Signature-256: sha256=" + b"0" * 64 + b"\r\n"
            b"Content-Type: application/json\r\n\r\n"
        )
        chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
        try:
            for _ in range(26):
                connection.sendall(chunk)
        except OSError:
            pass  # refused already
        assert connection.recv(64).startswith(b"HTTP/1.1 413 ")


def test_a_client_that_leaves_in_the_middle_harms_nobody(service: Service) -> None:
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", service.port), timeout=30) as connection:
            connection.sendall(
                b"POST /api/github/webhook/ HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n"
                b"X-GitHub-Event: push\r\nX-GitHub-Delivery: gone\r\n\r\n{"
            )
    assert service.deliver()[0] == 202
    assert service.stored("SELECT 1 FROM inbox WHERE guid = 'gone'") == []


def test_many_at_once_are_all_there_when_they_are_acknowledged(service: Service) -> None:
    guids = [f"many-{number}" for number in range(400)]
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda guid: service.deliver(guid=guid)[0], guids))
    assert set(answers) == {202}
    rows = service.stored("SELECT guid FROM inbox WHERE guid LIKE 'many-%%'")
    assert {row["guid"] for row in rows} == set(guids)


def test_applying_is_woken_by_a_notification(service: Service) -> None:
    import psycopg

    from autosync.postgres import ensure_running

    folder = service.database
    with psycopg.connect(ensure_running(folder), autocommit=True) as listener:
        listener.execute("LISTEN autosync_inbox")
        assert service.deliver(guid="wakes")[0] == 202
        heard = [n.channel for n in listener.notifies(timeout=20, stop_after=1)]
        assert heard == ["autosync_inbox"]


def test_without_a_secret_nothing_is_ever_accepted(tmp_path: Path) -> None:
    """`serve` does not even start like this; the web process alone might be."""
    import subprocess
    import sys

    from tests.service_processes import deliver, environment
    from tests.waiting import eventually

    settings = environment(
        tmp_path, GITHUB_WEBHOOK_SECRET="", GITHUB_WEBHOOK_SECRET_PREVIOUS=""
    ) | {"AUTOSYNC_PORT": str(port := free_port())}
    process = subprocess.Popen(
        [sys.executable, "-m", "autosync.service.web"], env=settings, cwd=tmp_path
    )
    try:

        def answer() -> tuple[int, dict[str, str]] | None:
            try:
                return deliver(port, b"{}", secret="")
            except OSError:
                return None

        status, said = eventually(answer, "the web process")
        assert status == 503
        assert "GITHUB_WEBHOOK_SECRET" in said["hint"]
    finally:
        process.terminate()
        process.wait(20)
