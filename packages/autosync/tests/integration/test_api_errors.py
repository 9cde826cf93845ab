"""Whatever is asked under /api/: an answer to what fails is JSON and says what to do."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test import AsyncClient, Client

from autosync.api import openapi
from autosync.insight import health
from tests.integration.api_rows import client_with

pytestmark = pytest.mark.django_db

DOCUMENT = json.loads(openapi.document())
METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "BREW"]
PATHS = sorted(
    {
        *(path.replace("{repository_id}", "4711") for path in DOCUMENT["paths"]),
        "/api", "/api/", "/api/docs", "/api/docs/", "/api/openapi.json", "/api/openapi.json/",
        "/api/sync/jobs", "/api/nothing", "/api/nothing/", "/api/deliveries/x/", "/api//",
        "/api/%00/", "/api/commits/%ff",
    }
)  # fmt: skip


def check(method: str, path: str, answer: Any) -> None:
    what = f"{method} {path}: {answer.status_code} {answer.content[:200]!r}"
    if method == "HEAD":
        assert answer.content == b"", what
    elif answer.status_code == 204:
        assert method == "OPTIONS", what
        assert "OPTIONS" in answer["Allow"], what
    elif answer.status_code >= 300:
        assert answer["Content-Type"].startswith("application/json"), what
        assert answer.json()["error"], what
        assert "\n" not in answer.content.decode(), what
    if answer.status_code >= 300:
        assert answer["Content-Type"].startswith("application/json"), what
    if answer.status_code == 405:
        assert answer["Allow"], what


@pytest.mark.parametrize("path", PATHS)
def test_every_error_is_json_for_every_method(path: str) -> None:
    for client in (Client(enforce_csrf_checks=True), client_with("read", "sync")):
        answers = {}
        for method in METHODS:
            answers[method] = client.generic(method, path)
            check(method, path, answers[method])
        assert answers["HEAD"].status_code == answers["GET"].status_code
        if answers["GET"].status_code == 200 and not path.endswith("health/"):
            assert answers["HEAD"]["Content-Length"] == str(len(answers["GET"].content))


def test_the_same_under_asgi() -> None:
    async def ask() -> None:
        client = AsyncClient(enforce_csrf_checks=True)
        for path in ("/api/nothing/", "/api/sync/jobs/", "/api/docs", "/api/"):
            for method in METHODS:
                check(method, path, await client.generic(method, path))

    async_to_sync(ask)()


@pytest.mark.parametrize(
    ("body", "kind", "status", "says"),
    [
        (b"{", "application/json", 400, "not JSON"),
        (b"[" * 50_000, "application/json", 400, "not JSON"),
        (b"\xff\xfe\x00", "application/json", 400, "not JSON"),
        (b"<a/>", "application/xml", 415, "application/xml"),
        (b"x" * 70_000, "text/plain", 413, "too large"),
        (b"x" * 3_000_000, "application/json", 413, "too large"),
        (b"", "application/xml", 202, ""),
        (b"{}", "application/json", 202, ""),
        (b"force=", "application/x-www-form-urlencoded", 202, ""),
    ],
)
def test_a_body_that_cannot_be_meant_is_named(
    body: bytes, kind: str, status: int, says: str
) -> None:
    answer = client_with("sync").generic("POST", "/api/sync/periodic/", body, content_type=kind)
    assert answer.status_code == status
    assert says in answer.json().get("error", "")


def test_a_host_that_is_not_allowed_is_named() -> None:
    answer = Client(headers={"host": "evil.example"}).get("/api/sync/health/")
    assert answer.status_code == 400
    assert "AUTOSYNC_ALLOWED_HOSTS" in answer.json()["error"]


def test_a_defect_is_json_and_its_cause_only_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise KeyError("a secret detail")

    monkeypatch.setattr(health, "report", broken)
    client = Client(raise_request_exception=False)
    with caplog.at_level(logging.ERROR):
        answer = client.get("/api/sync/health/")
    assert answer.status_code == 500
    assert answer.json() == {"error": "This is a defect of AutoSync; its log says where."}
    assert "a secret detail" in caplog.text


def test_a_session_without_a_database_is_json_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The middlewares ask the database before any route does."""
    client = Client(raise_request_exception=False)
    client.cookies["sessionid"] = "x" * 32
    monkeypatch.setattr(connection, "cursor", _no_database)
    answer = client.get("/api/commits/")
    assert answer.status_code in (500, 503)
    assert answer.json()["error"]


def _no_database(*_: object, **__: object) -> None:
    from django.db import OperationalError

    raise OperationalError("connection failed")


def test_errors_elsewhere_stay_pages() -> None:
    assert Client().get("/nothing/")["Content-Type"].startswith("text/html")
