"""Signing in: guessing is slowed, a flood leaves the rest alone, and what was let in ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
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
    answers = asyncio.run(_flood(served.url, _sign_ins))
    assert set(answers) <= {200, 503}
    assert 200 in answers  # some had their turn
    assert answers.count(503) > 100  # the others are sent away at once, not kept
    assert set(asyncio.run(_flood(served.url, _wrong_tokens))) == {401}


Attack = Callable[[httpx.AsyncClient, int], Awaitable[int]]


async def _flood(url: str, attack: Attack) -> list[int]:
    """200 requests at once, and what they got; meanwhile health and a signed delivery answer."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=url, timeout=60, limits=limits) as client:
        await client.get("/login/", headers={"X-Forwarded-Proto": "https"})
        flood = asyncio.gather(*(attack(client, number) for number in range(200)))
        meanwhile = 0  # asked after the flood, answered before its end
        while not flood.done():
            await client.get("/api/sync/health/")
            port = int(url.rpartition(":")[2])
            said = await asyncio.to_thread(deliver, port, b"{}", secret="a test secret")
            assert said[0] == 202
            meanwhile += not flood.done()
        assert meanwhile  # how long it takes is what `python -m benchmarks floods` measures
        return await flood


async def _sign_ins(client: httpx.AsyncClient, number: int) -> int:
    """Each from an address of its own, and with what the form needs."""
    token = client.cookies["csrftoken"]
    answer = await client.post(
        "/login/",
        data={**WRONG, "csrfmiddlewaretoken": token},
        headers={
            "X-Forwarded-For": f"198.51.100.{number + 1}",
            "X-Forwarded-Proto": "https",
            "Referer": "https://localhost/login/",
            "Cookie": f"csrftoken={token}",
        },
    )
    return answer.status_code


async def _wrong_tokens(client: httpx.AsyncClient, number: int) -> int:
    headers = {"Authorization": f"Bearer as_{number}"}
    return (await client.get("/api/issues/", headers=headers)).status_code
