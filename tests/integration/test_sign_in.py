"""Signing in: guessing is slowed, a flood leaves the rest alone, and what was let in ends."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.cache import caches
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from autosync.api import tokens
from tests.integration.test_web_browser import Dashboard
from tests.service_processes import deliver

pytestmark = pytest.mark.django_db
RIGHT = {"username": "ada", "password": "a long enough word"}
WRONG = {"username": "ada", "password": "not that one"}


@pytest.fixture
def ada() -> User:
    return User.objects.create_superuser("ada", password=RIGHT["password"])


def test_an_address_that_fails_ten_times_is_refused_for_a_while(
    ada: User, caplog: pytest.LogCaptureFixture
) -> None:
    client = Client()
    answers = [client.post("/login/", WRONG).status_code for _ in range(11)]
    assert answers == [200] * 9 + [429] * 2
    refused = client.post("/admin/login/", RIGHT)  # the same door
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0
    assert b"Too many failed sign-ins" in refused.content
    # Others come in, and once they have, what they mistyped before is forgotten.
    other = Client(REMOTE_ADDR="192.0.2.7")
    assert other.post("/login/", WRONG).status_code == 200
    assert other.post("/login/", RIGHT).status_code == 302
    lines = [record.getMessage() for record in caplog.records if "sign-in" in record.getMessage()]
    assert len(lines) == 11  # one each, none for those refused unread
    assert "user 'ada' from 127.0.0.1, failure 10 of 10; this address is refused" in lines[9]


def test_neighbours_in_one_ipv6_network_are_counted_together(ada: User) -> None:
    for number in range(10):
        Client(REMOTE_ADDR=f"2001:db8:1:2::{number + 1:x}").post("/login/", WRONG)
    assert Client(REMOTE_ADDR="2001:db8:1:2::ffff").post("/login/", RIGHT).status_code == 429
    assert Client(REMOTE_ADDR="2001:db8:1:3::1").post("/login/", RIGHT).status_code == 302


@pytest.mark.parametrize("name", ["correct horse battery", "a\nforged line", "x" * 5000, "nul\0"])
def test_the_log_holds_one_line_and_no_password(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    Client().post("/login/", {"username": name, "password": "my very secret word"})
    lines = [r.getMessage() for r in caplog.records if "sign-in failed" in r.getMessage()]
    for line in lines:
        assert "\n" not in line
        assert len(line) < 200
        assert "secret" not in line
        assert "battery" not in line


def test_a_weak_password_is_refused() -> None:
    for weak in ("short", "password1234", "123456789012345", "ada-lovelace"):
        with pytest.raises(ValidationError):
            validate_password(weak, User(username="ada-lovelace"))
    validate_password("a long enough word")


@pytest.fixture
def inside(ada: User) -> Client:
    client = Client()
    assert client.post("/login/", RIGHT).status_code == 302
    return client


def age(client: Client, **by: float) -> None:
    """As if the last click were that long ago."""
    session = client.session
    session["seen_at"] = (timezone.now() - timedelta(**by)).isoformat()
    session.save()


def test_a_sign_in_ends_when_nobody_has_used_it_for_half_a_day(inside: Client) -> None:
    age(inside, hours=11)
    assert inside.get("/").status_code == 200  # which counts as use
    age(inside, hours=13)
    assert inside.get("/").status_code == 302
    assert inside.get("/api/sync/jobs/").status_code == 401


def test_an_open_page_that_refreshes_itself_is_no_use(inside: Client) -> None:
    age(inside, hours=11)
    before = inside.session["seen_at"]
    inside.get("/", headers={"HX-Request": "true"})
    assert inside.session["seen_at"] == before
    inside.get("/")
    assert inside.session["seen_at"] > before


def test_a_sign_in_ends_after_a_week_however_much_it_is_used(inside: Client) -> None:
    end = inside.session.get_expiry_date()
    assert timedelta(days=6) < end - timezone.now() < timedelta(days=8)
    age(inside, hours=1)
    inside.get("/")  # which saves the session
    assert inside.session.get_expiry_date() == end


def test_a_token_expires_and_says_so() -> None:
    token, plain = tokens.create("ci", ["read"], tokens.lifetime("90d"))
    client = Client(headers={"authorization": f"Bearer {plain}"})
    assert client.get("/api/issues/").status_code == 200
    token.expires_at = timezone.now() - timedelta(seconds=1)
    token.save()
    refused = client.get("/api/issues/")
    assert refused.status_code == 401
    assert "expired" in refused.json()["error"]
    assert "autosync token create" in refused.json()["error"]


def test_a_token_without_an_end_goes_on_working() -> None:
    _, plain = tokens.create("old", ["read"])
    assert (
        Client(headers={"authorization": f"Bearer {plain}"}).get("/api/issues/").status_code == 200
    )


@pytest.mark.parametrize("text", ["0d", "-1d", "soon", "", "90", "99999y", "1.5d"])
def test_a_life_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(tokens.TokenError, match="90d"):
        tokens.lifetime(text)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Dashboard]:
    dashboard = Dashboard(tmp_path)
    # Through a proxy, so that each sign-in may come from an address of its own.
    dashboard.environment |= {"AUTOSYNC_URL": "https://localhost"}
    caches["sign_in"].clear()
    with dashboard:
        yield dashboard
    caches["sign_in"].clear()


@pytest.mark.django_db(transaction=True)
def test_a_flood_of_sign_ins_leaves_health_and_webhooks_alone(served: Dashboard, ada: User) -> None:
    health, webhooks, sign_ins = asyncio.run(_flood(served.url))
    assert set(sign_ins) <= {200, 503}
    assert 200 in sign_ins  # some had their turn
    assert sign_ins.count(503) > 100  # the others are sent away at once, not kept
    assert statistics.median(health) < 1
    assert max(health) < 10
    assert set(webhooks) == {202}


async def _flood(url: str) -> tuple[list[float], list[int], list[int]]:
    """200 sign-ins at once; meanwhile the seconds of health and the statuses of deliveries."""
    limits = httpx.Limits(max_connections=None)
    port = int(url.rpartition(":")[2])
    async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits) as client:
        await client.get("/login/", headers={"X-Forwarded-Proto": "https"})
        token = client.cookies["csrftoken"]

        async def sign_in(number: int) -> int:
            address = f"198.51.{number // 250}.{number % 250 + 1}"
            answer = await client.post(
                "/login/",
                data={**WRONG, "csrfmiddlewaretoken": token},
                headers={
                    "X-Forwarded-For": address,
                    "X-Forwarded-Proto": "https",
                    "Referer": "https://localhost/login/",
                    "Cookie": f"csrftoken={token}",
                },
            )
            return answer.status_code

        flood = asyncio.gather(*(sign_in(number) for number in range(200)))
        health, webhooks = [], []
        while not flood.done() or len(health) < 5:
            began = time.monotonic()
            await client.get("/api/sync/health/")
            health.append(time.monotonic() - began)
            said = await asyncio.to_thread(deliver, port, b"{}", secret="a test secret")
            webhooks.append(said[0])
        return health, webhooks, await flood


def test_a_form_that_is_too_large_is_not_read_to_its_end() -> None:
    from asgiref.testing import ApplicationCommunicator

    from autosync.asgi import application

    async def send() -> int:
        scope = {
            "type": "http", "http_version": "1.1", "method": "POST", "path": "/login/",
            "raw_path": b"", "query_string": b"", "scheme": "http", "headers": [],
            "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        }  # fmt: skip
        client = ApplicationCommunicator(application, scope)
        for _ in range(3):
            body = b"%41" * 10_000
            await client.send_input({"type": "http.request", "body": body, "more_body": True})
        return int((await client.receive_output(30))["status"])

    assert asyncio.run(send()) == 413
