"""What a reader sees: the dashboard in a real browser, served as users serve it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from playwright.sync_api import Browser, Page, expect

from autosync.api import openapi
from autosync.mirror import feed
from autosync.mirror.feed import FeedLine
from autosync.mirror.models import CommitFile, Repository, SyncJob
from tests.browser import chromium, tab
from tests.integration import talk_scene as scene
from tests.integration.api_rows import commit, issue, pull_request, repository
from tests.service import free_port
from tests.waiting import eventually

# Where the reader sees the focused line, whatever has grown above it.
SEEN = """() => [
    document.activeElement.getBoundingClientRect().top,
    document.getElementById("repository-table").scrollLeft,
]"""

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


class Dashboard:
    """The web process on the test's own database."""

    def __init__(self, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self._log = folder / "web.log"
        self.environment = {
            **os.environ,
            "DATABASE_URL": _address(),
            "AUTOSYNC_PORT": self.url.rpartition(":")[2],
            "AUTOSYNC_DASHBOARD_PUBLIC": "1",
        }

    def __enter__(self) -> Dashboard:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "autosync.service.web"],
                env=self.environment, stdout=log, stderr=log,
            )  # fmt: skip
        eventually(self._answers, f"the web process answers at {self.url}")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(30)

    def _answers(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        try:
            urllib.request.urlopen(f"{self.url}/login/", timeout=2).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True


def _address() -> str:
    """Where the test's database is, as DATABASE_URL."""
    where = connection.get_connection_params()
    user, password = quote(str(where["user"])), quote(str(where.get("password", "")))
    rest = {key: where[key] for key in ("host", "port", "passfile") if where.get(key)}
    return f"postgresql://{user}:{password}@/{where['dbname']}?{urlencode(rest)}"


@pytest.fixture(scope="module")
def dashboard(
    django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Dashboard]:
    """One process for all tests here: what they write is emptied between them."""
    with django_db_blocker.unblock():
        served = Dashboard(tmp_path_factory.mktemp("dashboard"))
    with served:
        yield served


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests here; each has a session of its own."""
    with chromium() as opened:
        yield opened


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with tab(browser) as opened:
        yield opened


def publish(title: str, repo: Repository) -> None:
    with transaction.atomic():
        feed.publish([FeedLine("commit", "pushed", repo.pk, title=title, actor="ada")])


def test_a_change_appears_on_the_open_page_without_a_reload(
    dashboard: Dashboard, page: Page
) -> None:
    rocket = repository("acme/rocket", sync_state="synced")
    page.goto(dashboard.url)
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    page.evaluate("window.notReloaded = true")
    publish("Fix the engine", rocket)
    publish("<b>Not</b> bold", rocket)
    lines = page.locator("#feed > li")
    expect(lines.first).to_contain_text("<b>Not</b> bold")
    expect(lines.nth(1)).to_contain_text("Fix the engine")
    expect(lines).to_have_count(2)
    assert page.evaluate("window.notReloaded")


def test_the_tables_follow_what_changed(dashboard: Dashboard, page: Page) -> None:
    rocket = repository("acme/rocket", sync_state="synced")
    page.goto(dashboard.url)
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    row = page.locator(f"#repository-{rocket.pk}")
    expect(row.locator("td.number").first).to_have_text("0")
    commit(rocket)
    publish("First commit", rocket)
    expect(row.locator("td.number").first).to_have_text("1")


def test_a_refresh_moves_neither_focus_nor_scroll_nor_brightness_and_charts_follow(
    dashboard: Dashboard, browser: Browser
) -> None:
    rocket = repository("acme/rocket", sync_state="synced")
    for number in range(40):
        repository(f"acme/satellite-{number:02}", sync_state="synced")
    commit(rocket)
    with tab(browser, viewport={"width": 400, "height": 700}) as page:
        page.goto(dashboard.url)
        expect(page.get_by_text("live", exact=True)).to_be_visible()
        page.get_by_text("As a table").click()
        link = page.locator(f"#repository-{rocket.pk} a.name")
        link.focus()
        page.evaluate("""() => {
            document.getElementById("repository-table").scrollLeft = 150;
            scrollBy(0, 300);
            window.kept = [...document.querySelectorAll("#state, #charts details, .spark")];
            window.focused = document.activeElement;
            window.dimmest = 1;
            const look = () => {
                for (const one of document.querySelectorAll("main *:not(svg *)"))
                    window.dimmest = Math.min(window.dimmest, getComputedStyle(one).opacity);
                requestAnimationFrame(look);
            };
            look();
        }""")
        before = page.evaluate(SEEN)
        assert before[1] > 0
        for sha in "bc":
            commit(rocket, sha=sha * 40)
            publish("Another commit", rocket)
        row = page.locator(f"#repository-{rocket.pk}")
        expect(row.locator("td.number").first).to_have_text("3")
        expect(page.locator("#charts svg[role=img]")).to_have_attribute(
            "aria-label", re.compile("3 in total")
        )
        after = page.evaluate(SEEN)
        assert abs(after[0] - before[0]) < 2, (before, after)
        assert after[1] == before[1]
        assert page.evaluate("window.focused === document.activeElement")
        assert page.evaluate("window.kept.every(one => one.isConnected)")
        assert page.locator("#charts details").get_attribute("open") is not None
        assert page.evaluate("window.dimmest") == 1


def test_what_is_typed_stays_while_events_arrive(dashboard: Dashboard, page: Page) -> None:
    rocket = repository("acme/rocket", sync_state="synced")
    issue(rocket, title="The first")
    page.goto(f"{dashboard.url}/repositories/{rocket.pk}/?tab=issues")
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    field = page.get_by_placeholder("Search issues")
    field.fill("half a wo")
    issue(rocket, number=2, title="The second")
    publish("The second", rocket)
    expect(page.locator("#list").get_by_text("The second")).to_be_visible()
    expect(field).to_be_focused()
    expect(field).to_have_value("half a wo")


def test_the_focused_line_of_a_list_stays_the_same_line(dashboard: Dashboard, page: Page) -> None:
    rocket = repository("acme/rocket", sync_state="synced")
    old = SyncJob.objects.create(job_type="manual_sync", status="completed")
    page.goto(f"{dashboard.url}/jobs/")
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    page.locator("#list").get_by_role("link", name=str(old.pk), exact=True).focus()
    new = SyncJob.objects.create(job_type="manual_sync", status="completed")
    publish("Something", rocket)
    expect(page.locator("#list tbody tr")).to_have_count(2)
    first = page.locator("#list tbody tr").first
    expect(first.get_by_role("link", name=str(new.pk), exact=True)).to_be_visible()
    assert page.evaluate("document.activeElement.textContent") == str(old.pk)


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (400, 800)])
def test_the_newest_changes_are_in_the_first_screen(
    dashboard: Dashboard, browser: Browser, width: int, height: int
) -> None:
    rocket = repository("acme/rocket", sync_state="importing")
    commit(rocket)
    running = SyncJob.objects.create(job_type="auto_import", status="running")
    for number in range(8):
        one = repository(f"acme/part-{number}", sync_state="importing")
        running.repositories.create(repository_id=one.pk, status="running")
    for number in range(20):
        publish(f"Change {number}", rocket)
    with tab(browser, viewport={"width": width, "height": height}) as page:
        for path in ("/", f"/repositories/{rocket.pk}/"):
            page.goto(dashboard.url + path)
            newest = page.locator("#feed > li").first.bounding_box()
            assert newest is not None
            assert newest["y"] + newest["height"] < height, path


def test_the_page_of_the_api_shows_every_endpoint(dashboard: Dashboard, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{dashboard.url}/api/docs")
    paths = json.loads(openapi.document())["paths"].values()
    expect(page.locator(".opblock")).to_have_count(sum(len(methods) for methods in paths))
    page.locator("#operations-sync-list_jobs").get_by_role("button").first.click()
    expect(page.get_by_role("button", name="Try it out")).to_be_visible()
    assert all(url.startswith((dashboard.url, "data:")) for url in asked), asked


def test_what_was_missed_while_the_connection_was_cut_is_shown_after_it(
    dashboard: Dashboard, browser: Browser
) -> None:
    rocket = repository("acme/rocket")
    with tab(browser, may_lose_network=True) as page:
        _cut_and_mend(dashboard, page, rocket)


def _cut_and_mend(dashboard: Dashboard, page: Page, rocket: Repository) -> None:
    page.goto(dashboard.url)
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    publish("before", rocket)
    expect(page.locator("#feed > li")).to_have_count(1)
    dashboard.__exit__()
    expect(page.get_by_text("reconnecting")).to_be_visible()
    publish("meanwhile", rocket)
    dashboard.__enter__()
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    expect(page.locator("#feed > li").first).to_contain_text("meanwhile")
    expect(page.locator("#feed > li")).to_have_count(2)


def test_everything_can_be_read_with_javascript_off(dashboard: Dashboard, browser: Browser) -> None:
    rocket = repository("acme/rocket", sync_state="synced")
    commit(rocket, message="Fix the engine")
    issue(rocket, title="It does not fly")
    pull_request(rocket, title="Make it fly")
    publish("Fix the engine", rocket)
    with tab(browser, java_script_enabled=False) as page:
        page.goto(dashboard.url)
        expect(page.locator("#feed > li")).to_contain_text("Fix the engine")
        page.get_by_role("rowheader").get_by_role("link", name="acme/rocket").click()
        expect(page.get_by_role("heading", name="acme/rocket")).to_be_visible()
        expect(page.get_by_text("Fix the engine").first).to_be_visible()
        page.get_by_role("link", name="Issues").first.click()
        page.get_by_role("link", name="It does not fly").click()
        expect(page.get_by_text("No comments yet.")).to_be_visible()
        page.get_by_role("link", name="acme/rocket").click()
        page.get_by_role("link", name="Pull requests").first.click()
        expect(page.get_by_text("Make it fly")).to_be_visible()


def test_a_reader_follows_the_feed_to_a_comment_which_arrives_on_the_open_page(
    dashboard: Dashboard, page: Page
) -> None:
    rocket = scene.rocket()
    it = scene.an_issue(rocket, body="![plan](https://127.0.0.1:9/plan.png)")
    first, *_, last = scene.comments(it, 150)
    with transaction.atomic():
        feed.publish(
            [FeedLine("comment", "created", rocket.pk, object_key="12", html_url=last.html_url)]
        )
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(dashboard.url)
    page.locator("#feed").get_by_role("link", name="#12 It does not fly").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("It does not fly #12")
    there = page.locator(f"#issuecomment-{last.pk}")
    expect(there).to_be_in_viewport()
    expect(there).to_contain_text("Word 150.")
    # An address of GitHub's with another host: its fragment is on another page.
    page.goto(f"{dashboard.url}/repositories/{rocket.pk}/issues/12/?page=2#issuecomment-{first.pk}")
    expect(page.locator(f"#issuecomment-{first.pk}")).to_be_in_viewport()
    page.get_by_role("navigation", name="Pages of the conversation, after").get_by_role(
        "link", name="Newest"
    ).click()
    expect(page.get_by_text("live", exact=True)).to_be_visible()
    page.evaluate("window.notReloaded = true")
    new = scene.comment(it, 999, body="I come **later**")
    publish("Something", rocket)
    expect(page.locator(f"#issuecomment-{new.pk} strong").last).to_have_text("later")
    assert page.evaluate("window.notReloaded")
    assert all(url.startswith(dashboard.url) for url in asked), asked


@pytest.mark.parametrize("width", [400, 1280])
def test_no_page_is_wider_than_the_window(
    dashboard: Dashboard, browser: Browser, width: int
) -> None:
    rocket = repository("acme/rocket-" + "with-a-very-long-name-" * 4)
    commit(rocket, message="Unbroken" * 40)
    issue(rocket, title="Also" * 60)
    publish("Unbroken" * 40, rocket)
    here = f"/repositories/{rocket.pk}/"
    long = "Unbroken" * 60
    table = f"|{'a|' * 30}\n|{'-|' * 30}\n|{'wide|' * 30}"
    it = scene.a_pull_request(
        rocket, title=long, body=f"{long}\n\n{table}\n\n    {long}", labels=[]
    )
    remark = scene.remark(it, body=long, path=long, diff_hunk=long, review_id=None)
    scene.thread(remark, is_resolved=True, resolved_by_login="ada")
    scene.comment(it, body=f"`{long}` https://example.com/{long}", author_login="a" * 39)
    big = commit(rocket, sha="a" * 40, message=f"{long}\n\n{long}", author_name=long)
    CommitFile.objects.create(
        commit=big, repository=rocket, position=0, path=long, status="added", additions=1
    )
    paths = ("/", here, f"{here}?tab=issues", f"{here}pulls/13/", f"{here}commits/{big.sha}/")
    with tab(browser, viewport={"width": width, "height": 900}) as page:
        for path in paths:
            page.goto(dashboard.url + path)
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{path} is {wide} px wide"


@pytest.mark.parametrize("path", ["/", "/health/"])
def test_on_a_phone_the_tiles_stand_in_pairs(
    dashboard: Dashboard, browser: Browser, path: str
) -> None:
    repository("acme/rocket", sync_state="synced")
    with tab(browser, viewport={"width": 400, "height": 900}) as page:
        page.goto(dashboard.url + path)
        edges = page.locator(".tile").evaluate_all("all => all.map(one => one.offsetLeft)")
    assert len(edges) > 2
    assert len(set(edges)) == 2, edges


def test_staff_sign_in_and_out(dashboard: Dashboard, page: Page) -> None:
    User.objects.create_superuser("ada", password="a long secret")
    page.goto(dashboard.url)
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Name").fill("ada")
    page.get_by_label("Password").fill("a long secret")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="Admin")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
