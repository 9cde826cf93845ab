"""Looks for what keeps GitHub's changes from arriving, and keeps it as conditions for health.

Whoever can see a thing looks at it: any worker at GitHub and the App, each worker at its own
machine, the reader of GitHub's delivery log at what became of GitHub's attempts.
"""

from __future__ import annotations

import logging
import re
import shutil
import socket
import subprocess
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from autosync import config
from autosync.github import GitHubError, NotFound, QuotaExhausted, Unauthorized, Unavailable
from autosync.github.reach import clock_ahead
from autosync.mirror.conditions import Wrong, settle
from autosync.mirror.models import Condition
from autosync.mirror.people import WrongKey, current
from autosync.sync import hook

logger = logging.getLogger(__name__)

# GitHub takes a JWT whose times are off by a minute at most (docs.github.com/apps/creating-github-
# apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app).
CLOCK_MAY_BE_OFF = timedelta(seconds=30)
LEAST_FREE = 1 << 30  # bytes; PostgreSQL stops at none, and a clone may take this much
OLDEST_GIT = (2, 39)
# One lost attempt says nothing, three in a row do. A wrong secret is certain at once.
_FAILED_IN_A_ROW = 3
_OF_THE_MACHINE = ("git", "disk", "settings", "people")
# A machine that was not heard of for this long has no worker any more.
MACHINE_FORGOTTEN_AFTER = timedelta(minutes=15)


def look_at_github() -> None:
    """Can GitHub be reached, does it accept the App, does the App's webhook point here?"""
    looked_at = {"github"}
    wrong: list[Wrong] = []
    try:
        ahead = clock_ahead(config.load().github_api_url)
        looked_at.add("clock")
        if ahead is not None and abs(ahead) > CLOCK_MAY_BE_OFF:
            wrong.append(clock_is_off(ahead))
        missing = hook.state().missing
        looked_at |= {"app", "hook"}
        if missing:
            remedy = "Until then changes arrive late, through GitHub's delivery log and the "
            wrong.append(Wrong("hook", " ".join(missing), f"{remedy}periodic sync."))
    except GitHubError as error:
        if not isinstance(error, QuotaExhausted):
            wrong.append(refused_or_away(error))
    settle(looked_at, wrong)


def clock_is_off(ahead: timedelta) -> Wrong:
    """The condition that this machine's clock differs from GitHub's."""
    seconds = ahead.total_seconds()
    return Wrong(
        "clock",
        f"This machine's clock is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} "
        "GitHub's.",
        "Set it (NTP): GitHub refuses the App's signature when it is off by more than a minute.",
    )


def refused_or_away(error: GitHubError) -> Wrong:
    """The condition behind an error of a call that every working App may make."""
    # 404 "Integration not found": GitHub knows no App of this id.
    if isinstance(error, (Unauthorized, NotFound)):
        return Wrong(
            "app",
            f"GitHub does not accept the App: {error.what}.",
            "Check GITHUB_APP_ID, GITHUB_APP_PRIVATE_KEY and this machine's clock "
            "(`autosync doctor`).",
        )
    if isinstance(error, Unavailable):
        return Wrong(
            "github",
            f"GitHub cannot be reached: {error.what}.",
            "Nothing is lost: what was missed is read once GitHub answers. If "
            "https://www.githubstatus.com shows no incident, check the network, the proxy and "
            "GITHUB_API_URL.",
        )
    return Wrong("app", f"GitHub refuses the App's request: {error}", "Run `autosync doctor`.")


def note_answer(error: GitHubError | None) -> None:
    """For who asks GitHub between two looks: what it answered, None for what was asked."""
    settle(("github",), [refused_or_away(error)] if error else [])


def look_at_this_machine() -> None:
    """Does this worker have a git, and room on its disk?"""
    host = socket.gethostname()
    wrong = [found for found in (git_is_wrong(host), disk_is_full(host)) if found]
    if misspelt := config.misspelt():
        wrong.append(Wrong("settings", " ".join(misspelt), f"Correct it on {host} and restart."))
    try:
        current()
    except WrongKey as error:
        says, _, remedy = str(error).partition(". ")
        wrong.append(Wrong("people", f"The worker on {host} writes nothing: {says}.", remedy))
    settle(_OF_THE_MACHINE, wrong, subject=host)
    Condition.objects.filter(
        name__in=_OF_THE_MACHINE, checked_at__lt=timezone.now() - MACHINE_FORGOTTEN_AFTER
    ).delete()


def git_version() -> str | None:
    """The version of the `git` program; None where there is none that runs."""
    try:
        said = subprocess.run(
            ["git", "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    found = re.search(r"\d+\.\d+(?:\.\d+)*", said)
    return found[0] if found else None


def git_is_wrong(host: str) -> Wrong | None:
    """The condition that commits cannot be read here."""
    version = git_version()
    remedy = "Install git {}.{} or newer there; commits are read through it.".format(*OLDEST_GIT)
    if version is None:
        return Wrong("git", f"The worker on {host} has no git.", remedy)
    if tuple(int(part) for part in version.split(".")[:2]) < OLDEST_GIT:
        return Wrong("git", f"The worker on {host} has git {version}, which is too old.", remedy)
    return None


def disk_is_full(host: str) -> Wrong | None:
    """The condition that the data folder's disk is nearly full."""
    folder = config.load().data_dir
    free = free_bytes(folder)
    if free is None or free >= LEAST_FREE:
        return None
    return Wrong(
        "disk",
        f"The disk of the data folder on {host} has {free / (1 << 20):.0f} MB left.",
        f"Make room on the disk of {folder}, or move AUTOSYNC_DATA_DIR.",
    )


def free_bytes(folder: Path) -> int | None:
    """What this user may still write on the disk of `folder`, or of what will hold it."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def look_at_attempts(items: Sequence[dict[str, Any]]) -> None:
    """What became of GitHub's own attempts to deliver, `items` of its log, in any order.

    GitHub calls every answer outside 2xx a failure, and writes 0 where no answer came
    (https://docs.github.com/webhooks/testing-and-troubleshooting-webhooks/troubleshooting-webhooks).
    """
    if config.load().pulls_events or not items:
        return  # nobody expects an answer, or there is nothing to go by
    settle(("attempts",), _attempts(items))


def _attempts(items: Sequence[dict[str, Any]]) -> list[Wrong]:
    failed = []
    for item in sorted(items, key=lambda one: str(one["delivered_at"]), reverse=True):
        if 200 <= int(item.get("status_code") or 0) < 300:
            break
        failed.append(item)
    if not failed:
        return []
    code = int(failed[0].get("status_code") or 0)
    if code != 401 and len(failed) < _FAILED_IN_A_ROW:
        return []
    url = config.load().github_webhook_url or "GITHUB_WEBHOOK_URL"
    late = "Until then events are read from GitHub's delivery log, minutes late."
    what, remedy = {
        0: ("GitHub got no answer", f"Make {url} reachable from GitHub (DNS, firewall, TLS)."),
        401: (
            "AutoSync refused GitHub's signature (401)",
            "Make GITHUB_WEBHOOK_SECRET equal to the webhook secret on the App's page, and restart "
            "AutoSync.",
        ),
        404: ("GitHub found nothing there (404)", f"Check the path of {url}."),
    }.get(code, (f"GitHub was answered {code}", f"Look at what stands before AutoSync at {url}."))
    since = min(datetime.fromisoformat(str(one["delivered_at"])) for one in failed)
    count = f"{len(failed)} webhook deliveries" if len(failed) > 1 else "webhook delivery"
    return [Wrong("attempts", f"The last {count} failed: {what}.", f"{remedy} {late}", since)]
