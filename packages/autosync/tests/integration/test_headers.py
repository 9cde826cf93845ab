"""Every answer says what it may load and that nobody keeps it, whoever gives it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from playwright.sync_api import expect

from autosync.web.headers import HEADERS, POLICY
from tests.browser import chromium
from tests.integration.api_rows import commit, delivery, issue, repository
from tests.integration.test_web_browser import Dashboard

UNSIGNED = {
    "X-GitHub-Event": "ping",
    "X-GitHub-Delivery": "33333333-3333-3333-3333-333333333333",
    "X-GitHub-Hook-ID": "1",
    "X-Hub-Signature-256": f"sha256={'0' * 64}",
}
NAMES = {name.lower() for name in HEADERS} | {"cache-control"}


def patterns(resolver: URLResolver, before: str = "") -> Iterator[str]:
    """Every route of the project, as Django writes it."""
    for entry in resolver.url_patterns:
        if isinstance(entry, URLResolver):
            yield from patterns(entry, before + str(entry.pattern))
        elif isinstance(entry, URLPattern):
            yield before + str(entry.pattern)


def paths() -> list[str]:
    """One address for each route; numbers where something is asked for."""
    found = set()
    for route in patterns(get_resolver()):
        route = re.sub(r"<int:\w+>", "1", route)
        route = re.sub(r"<[^>]+>", "some", route)
        route = re.sub(r"\(\?P<[^>]+>[^)]*\)", "some", route).replace("\\", "")
        found.add("/" + re.sub(r"[\^$?]|\.\*", "", route))
    return sorted(found)


def complete(answer: Any) -> list[str]:
    """What an answer lacks, in words."""
    if answer.request["PATH_INFO"].startswith("/static/") and answer.status_code == 200:
        return []
    lacks = [name for name in NAMES if name not in {key.lower() for key in answer.headers}]
    if answer.headers.get("Cache-Control") != "no-store":
        lacks.append(f"no-store ({answer.headers.get('Cache-Control')})")
    policy = answer.headers.get("Content-Security-Policy", "")
    if "default-src 'none'" not in policy or "frame-ancestors 'none'" not in policy:
        lacks.append(f"a strict policy ({policy})")
    if "unsafe" in policy.partition("script-src")[2].partition(";")[0]:
        lacks.append("scripts from files only")
    return lacks


@pytest.mark.django_db
@pytest.mark.parametrize("signed_in", [False, True], ids=["a stranger", "staff"])
def test_every_route_answers_with_all_of_them(signed_in: bool) -> None:
    client = Client(raise_request_exception=False)
    if signed_in:
        client.force_login(User.objects.create_superuser("ada"))
    routes = paths()
    assert {"/", "/login/", "/admin/", "/api/docs", "/api/sync/health/", "/events/"} <= set(routes)
    wrong = {}
    for path in routes:
        if "logout" in path:
            continue
        for method in ("get", "post", "put"):
            if lacks := complete(getattr(client, method)(path)):
                wrong[f"{method} {path}"] = lacks
    assert wrong == {}


@pytest.mark.django_db
def test_errors_carry_them_too() -> None:
    client = Client(raise_request_exception=False)
    assert client.get("/nowhere/").status_code == 404
    for answer in (
        client.get("/nowhere/"),
        client.get("/static/nowhere.js"),
        client.get("/", headers={"host": "somebody.else"}),  # 400
        client.get("/api/nowhere/"),
        client.get("/api/sync/jobs/"),  # 401
        client.post("/login/", {"username": "a", "password": "b" * 5_000_000}),  # 400: too much
        Client(enforce_csrf_checks=True).post("/login/", {}),  # 403
        client.get("/jobs/999999999/"),
    ):
        assert complete(answer) == [], answer


@pytest.mark.django_db
def test_a_page_that_fails_carries_them_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("autosync.web.access.may_read", broken)
    answer = Client(raise_request_exception=False).get("/")
    assert answer.status_code == 500
    assert complete(answer) == []


@pytest.mark.django_db(transaction=True)
def test_what_django_does_not_answer_carries_them_too(tmp_path: Path) -> None:
    with Dashboard(tmp_path) as dashboard, httpx.Client(base_url=dashboard.url) as client:
        hook = "/api/github/webhook/"
        answers = {
            405: client.get(hook),
            401: client.post(hook, json={}, headers=UNSIGNED),
            413: client.post("/login/", content=b"username=%41" * 10_000),  # the turnstile
            400: client.get("/", headers={"Host": "somebody.else"}),
            404: client.get("/static/nowhere.js"),
            200: client.get("/login/"),
        }
        for status, answer in answers.items():
            assert answer.status_code == status, answer.text
            assert {name for name in NAMES if name not in answer.headers} == set(), status
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Content-Security-Policy"] == POLICY
        with client.stream("GET", "/events/") as stream:
            assert stream.headers["Cache-Control"] == "no-store"
            assert stream.headers["Content-Security-Policy"] == POLICY
        style = client.get("/static/web/style.css")
        assert style.status_code == 200
        assert style.headers["Cache-Control"] != "no-store"


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_no_page_breaks_its_own_policy_in_a_browser(tmp_path: Path) -> None:
    rocket = repository("acme/rocket", sync_state="synced")
    row, it = commit(rocket), issue(rocket, body="<img src='https://127.0.0.1:9/x.png'>")
    parked = delivery()
    User.objects.create_superuser("ada", password="a long enough word")
    said: list[str] = []
    with Dashboard(tmp_path) as dashboard, chromium() as browser, browser.new_page() as page:
        page.on("console", lambda line: said.append(f"{page.url}: {line.text}"))
        page.goto(f"{dashboard.url}/admin/")
        page.get_by_label("Username").fill("ada")
        page.get_by_label("Password").fill("a long enough word")
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_text("Site administration").first).to_be_visible()
        for path in (
            "/admin/mirror/issue/", f"/admin/mirror/repository/{rocket.pk}/change/",
            "/admin/auth/user/add/", "/admin/auth/user/1/password/", "/", "/jobs/", "/health/",
            f"/repositories/{rocket.pk}/", "/deliveries/", f"/deliveries/{parked.pk}/",
            f"/repositories/{rocket.pk}/issues/{it.number}/",
            f"/repositories/{rocket.pk}/commits/{row.sha}/",
        ):  # fmt: skip
            page.goto(dashboard.url + path)
        page.goto(f"{dashboard.url}/api/docs")
        page.wait_for_load_state("networkidle")
    assert [line for line in said if "Content Security Policy" in line] == []
