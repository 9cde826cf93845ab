"""Who may call the API, and what those are told who may not."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from autosync import config
from autosync.api import tokens
from autosync.mirror.models import ApiToken
from tests.integration.api_rows import client_with, delivery, repository

pytestmark = pytest.mark.django_db

LISTS = [
    "installations", "repositories", "commits", "issues", "pull-requests", "contributors",
    "deliveries", "sync/jobs",
]  # fmt: skip


@pytest.mark.parametrize("name", LISTS)
def test_a_stranger_gets_401_and_is_told_what_to_do(name: str) -> None:
    answer = Client().get(f"/api/{name}/")
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert "autosync token create" in answer.json()["error"]
    assert b"\n" not in answer.content


@pytest.mark.parametrize("name", LISTS)
def test_the_scope_read_opens_every_list(name: str) -> None:
    assert client_with("read").get(f"/api/{name}/").status_code == 200


def test_a_revoked_token_is_refused() -> None:
    _, plain = tokens.create("ci", ["read"])
    client = Client(headers={"authorization": f"Bearer {plain}"})
    assert client.get("/api/issues/").status_code == 200
    tokens.revoke("ci")
    assert client.get("/api/issues/").status_code == 401


@pytest.mark.parametrize("value", ["Bearer as_wrong", "Bearer ", "Bearer as_\x7f€", "Basic YTpi"])
def test_a_wrong_authorization_header_is_refused(value: str) -> None:
    assert Client(headers={"authorization": value}).get("/api/issues/").status_code == 401


def test_a_wrong_token_is_refused_even_beside_a_session() -> None:
    client = Client(headers={"authorization": "Bearer as_wrong"})
    client.force_login(User.objects.create_user("ann"))
    assert client.get("/api/issues/").status_code == 401


def test_reading_needs_the_scope_read() -> None:
    answer = client_with("sync").get("/api/issues/")
    assert answer.status_code == 403
    assert "--scope read" in answer.json()["error"]


def test_changing_needs_the_scope_sync() -> None:
    row = delivery(status="parked")
    answer = client_with("read").post(f"/api/deliveries/{row.pk}/replay/")
    assert answer.status_code == 403
    assert "--scope sync" in answer.json()["error"]


def test_only_the_hash_of_a_token_is_stored() -> None:
    token, plain = tokens.create("ci", ["read", "sync", "read"])
    stored = ApiToken.objects.get(pk=token.pk)
    assert plain.startswith("as_")
    assert len(plain) > 40
    assert stored.digest == tokens.digest(plain)
    assert plain not in str(vars(stored))
    assert stored.scopes == ["read", "sync"]


@pytest.mark.parametrize(
    ("name", "scopes", "says"),
    [
        ("", ["read"], "name"),
        ("x" * 101, ["read"], "name"),
        ("ci", [], "read, sync"),
        ("ci", ["admin"], "read, sync"),
        ("taken", ["read"], "another name"),
    ],
)
def test_a_token_that_cannot_be_made_says_why(name: str, scopes: list[str], says: str) -> None:
    tokens.create("taken", ["read"])
    with pytest.raises(tokens.TokenError, match=says):
        tokens.create(name, scopes)


def test_last_use_is_noted_at_most_once_a_minute() -> None:
    token, plain = tokens.create("ci", ["read"])

    def last_used() -> object:
        return ApiToken.objects.get(pk=token.pk).last_used_at

    assert last_used() is None
    tokens.find(plain)
    first = last_used()
    assert first is not None
    tokens.find(plain)
    assert last_used() == first
    old = timezone.now() - timedelta(minutes=2)
    ApiToken.objects.filter(pk=token.pk).update(last_used_at=old)
    tokens.find(plain)
    assert last_used() not in (None, first, old)


def test_a_signed_in_user_may_read() -> None:
    client = Client()
    client.force_login(User.objects.create_user("ann"))
    assert client.get("/api/repositories/").status_code == 200


def test_a_user_who_was_switched_off_may_not() -> None:
    client = Client()
    user = User.objects.create_user("ann")
    client.force_login(user)
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert client.get("/api/repositories/").status_code == 401


def test_only_staff_may_change() -> None:
    row = delivery(status="parked")
    client = Client()
    client.force_login(User.objects.create_user("ann"))
    assert client.post(f"/api/deliveries/{row.pk}/replay/").status_code == 403
    client.force_login(User.objects.create_user("eve", is_staff=True))
    assert client.post(f"/api/deliveries/{row.pk}/replay/").status_code == 202


def test_a_session_needs_the_csrf_token_to_change() -> None:
    row = delivery(status="parked")
    client = Client(enforce_csrf_checks=True)
    client.force_login(User.objects.create_user("eve", is_staff=True))
    refused = client.post(f"/api/deliveries/{row.pk}/replay/")
    assert refused.status_code == 403
    assert "CSRF" in refused.json()["error"]

    client.cookies["csrftoken"] = "a" * 32
    accepted = client.post(f"/api/deliveries/{row.pk}/replay/", headers={"X-CSRFToken": "a" * 32})
    assert accepted.status_code == 202


def test_a_token_needs_no_csrf_token() -> None:
    row = delivery(status="parked")
    _, plain = tokens.create("ci", ["sync"])
    client = Client(enforce_csrf_checks=True, headers={"authorization": f"Bearer {plain}"})
    assert client.post(f"/api/deliveries/{row.pk}/replay/").status_code == 202


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config.load(), "autosync_demo", True)


@pytest.mark.usefixtures("demo")
@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000"])
def test_in_a_demo_this_machine_needs_no_token(host: str) -> None:
    here = Client(headers={"host": host})
    assert here.get("/api/sync/jobs/").status_code == 200
    assert "workers" in here.get("/api/sync/health/").json()
    assert here.post("/api/sync/periodic/").status_code == 202
    assert here.post(f"/api/sync/repository/{repository().pk}/").status_code == 202
    own_page = {"origin": f"http://{host}", "sec-fetch-site": "same-origin"}
    assert here.post("/api/sync/periodic/", headers=own_page).status_code == 200


@pytest.mark.usefixtures("demo")
@pytest.mark.parametrize(
    "header",
    [
        {"origin": "http://evil.example"},
        {"origin": "http://localhost:9000"},
        {"origin": "null"},
        {"referer": "http://evil.example/page"},
        {"referer": "http://localhost:8000.evil.example/"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"x-forwarded-for": "10.0.0.1"},
        {"x-real-ip": "10.0.0.1"},
        {"forwarded": "for=10.0.0.1"},
        {"via": "1.1 somebody"},
        {"cf-connecting-ip": "10.0.0.1"},
    ],
)
def test_a_demo_answers_no_other_site_and_no_proxy(header: dict[str, str]) -> None:
    client = Client(headers={"host": "localhost:8000", **header})
    assert client.post("/api/sync/periodic/").status_code == 401
    assert client.get("/api/sync/jobs/").status_code == 401
    assert client.get("/api/sync/health/").json().keys() == {"status"}


@pytest.mark.usefixtures("demo")
def test_a_demo_answers_no_other_machine() -> None:
    away = Client(headers={"host": "localhost"}, REMOTE_ADDR="192.0.2.7")
    assert away.get("/api/sync/jobs/").status_code == 401


@pytest.mark.usefixtures("demo")
def test_a_foreign_name_that_points_here_is_refused(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["*"]
    assert Client(headers={"host": "evil.example"}).get("/api/sync/jobs/").status_code == 401


def test_only_a_simulated_github_makes_a_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config.load(), "autosync_demo", True)
    monkeypatch.setattr(config.load(), "github_api_url", "https://api.github.com")
    assert Client(headers={"host": "localhost"}).get("/api/sync/jobs/").status_code == 401


@pytest.mark.usefixtures("demo")
def test_a_wrong_token_is_refused_in_a_demo_too() -> None:
    client = Client(headers={"host": "localhost", "authorization": "Bearer as_wrong"})
    assert client.get("/api/sync/jobs/").status_code == 401
