"""A real browser for tests: Debian's Chromium, driven by Playwright; nothing is downloaded."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.db import connections
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
# What the browser and htmx say of a server that is gone.
_NETWORK_LOST = ("Failed to load resource: net::ERR_", "htmx:afterRequest", "htmx:sendError")
PATIENCE = 120_000  # milliseconds until a page that does not do what it should fails the test


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser for the time of the block; skips the test where there is none.

    Keep it inside a test or a file of tests: while it is open, Playwright's event loop counts as
    this thread's running loop, and no other can run here.
    """
    if not CHROMIUM.exists():
        reason = f"no browser at {CHROMIUM}: apt-get install chromium"
        if os.environ.get("AUTOSYNC_REQUIRE_ALL"):
            pytest.fail(reason)
        pytest.skip(reason)
    with (
        # Because of that loop Django would refuse the test's own queries.
        mock.patch.dict(os.environ, {"DJANGO_ALLOW_ASYNC_UNSAFE": "1"}),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()
            connections.close_all()  # those opened while Playwright's loop counted as running


@contextmanager
def tab(browser: Browser, *, may_lose_network: bool = False, **options: Any) -> Iterator[Page]:
    """A page in a session of its own; at the end the test fails if a script of it failed.

    `may_lose_network` allows what is said of a server that is gone. `options` are
    those of Playwright's `new_context`, such as `java_script_enabled=False`.
    """
    with browser.new_context(**options) as session:
        session.set_default_timeout(PATIENCE)
        page = session.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        yield page
        if may_lose_network:
            errors = [said for said in errors if not said.startswith(_NETWORK_LOST)]
        assert errors == [], errors
