"""Behind a TLS proxy, set up as our own page says: people sign in and GitHub delivers."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import expect

from autosync.mirror.models import Delivery, SyncJob
from tests.browser import chromium, tab
from tests.integration.api_rows import delivery, repository
from tests.integration.test_web_browser import Dashboard, publish
from tests.proxies import PROGRAMS, TlsProxy
from tests.service import free_port
from tests.service_processes import sign
from tests.waiting import eventually

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SECRET = "a test secret"  # of tests/environment.py


class Behind(Dashboard):
    """The web process as it is set up behind a proxy: one setting."""

    def __init__(self, folder: Path, url: str, port: int) -> None:
        super().__init__(folder)
        self.url = f"http://127.0.0.1:{port}"
        self.environment |= {
            "AUTOSYNC_URL": url,
            "AUTOSYNC_PORT": str(port),
            "AUTOSYNC_DASHBOARD_PUBLIC": "0",
        }


@pytest.fixture(params=sorted(PROGRAMS))
def proxy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TlsProxy]:
    """A proxy with AutoSync behind it."""
    port = free_port()
    made = TlsProxy(request.param, port)
    with made.running(), Behind(tmp_path, made.url, port):
        yield made


def ask(
    proxy: TlsProxy, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, Message, bytes]:
    context = ssl.create_default_context(cafile=str(proxy.certificate))
    request = urllib.request.Request(proxy.url + path, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=120, context=context) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def deliver(proxy: TlsProxy, body: bytes) -> tuple[int, Message, bytes]:
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "ping",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-GitHub-Hook-ID": "1",
        "X-Hub-Signature-256": sign(body, SECRET),
    }
    return ask(proxy, "/api/github/webhook/", body, **headers)


@pytest.mark.parametrize("kind", sorted(PROGRAMS))
def test_the_configuration_on_the_page_is_one_the_proxy_takes(kind: str) -> None:
    checked = TlsProxy(kind, 8000).check()
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_person_signs_in_syncs_replays_and_sees_the_feed_through_tls(proxy: TlsProxy) -> None:
    rocket = repository("acme/rocket", sync_state="synced")
    parked = delivery(status=Delivery.Status.PARKED)
    User.objects.create_superuser("ada", password="a long enough word")
    with chromium() as browser, tab(browser, ignore_https_errors=True) as page:
        page.goto(proxy.url)
        page.get_by_label("Name").fill("ada")
        page.get_by_label("Password").fill("a long enough word")
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("live", exact=True)).to_be_visible()
        assert page.url == f"{proxy.url}/"
        cookies: Any = page.context.cookies()
        assert {cookie["name"]: cookie["secure"] for cookie in cookies} == {
            "sessionid": True,
            "csrftoken": True,
        }

        publish("Fix the engine", rocket)  # to the open page, so the stream comes through
        expect(page.locator("#feed > li").first).to_contain_text("Fix the engine")

        page.goto(f"{proxy.url}/repositories/{rocket.pk}/")
        page.get_by_role("button", name="Sync now").click()
        expect(page).to_have_url(f"{proxy.url}/jobs/{_newest_job()}/")
        page.goto(f"{proxy.url}/deliveries/{parked.pk}/")
        page.get_by_role("button", name="Replay").click()
        expect(page.get_by_text("The delivery will be applied again.")).to_be_visible()
    assert SyncJob.objects.filter(job_type=SyncJob.JobType.MANUAL_SYNC).count() == 1
    parked.refresh_from_db()
    assert parked.status == Delivery.Status.PENDING


def _newest_job() -> int:
    def newest() -> int:
        return SyncJob.objects.order_by("-pk").values_list("pk", flat=True).first() or 0

    return int(eventually(newest, "the job that the button starts"))


def test_github_delivers_through_tls_up_to_its_largest_body(proxy: TlsProxy) -> None:
    large = json.dumps({"zen": "Keep it logically awesome.", "pad": "x" * 24 * 1024 * 1024})
    status, headers, said = deliver(proxy, large.encode())
    assert (status, json.loads(said)) == (202, {"status": "accepted"})
    assert headers["Cache-Control"] == "no-store"
    status, headers, _ = ask(proxy, "/login/")
    assert status == 200
    assert headers["Strict-Transport-Security"].startswith("max-age=")
    assert "default-src 'none'" in headers["Content-Security-Policy"]
