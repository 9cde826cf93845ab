"""`autosync doctor`: everything that is wrong at once, worst first, each with what to do."""

from __future__ import annotations

import hashlib
import hmac
import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING
from uuid import uuid4

import typer

from autosync import config, folders
from autosync.errors import AutoSyncError
from autosync.redact import redact

if TYPE_CHECKING:
    from autosync.github import AppClient

_SECRET = ("secret", "key", "password")
# Holds a password where it is set.
_MASKED = {"database_url", "database_direct_url"}
_SECONDS = 10.0
# Findings of the service that doctor looks at itself, nearer to the cause.
_SEEN_HERE = {"git", "disk", "settings", "github", "clock", "app", "hook"}


class Verdict(StrEnum):
    WRONG = "wrong"
    NOTE = "note"
    OK = "ok"


@dataclass(frozen=True)
class Line:
    """One thing looked at."""

    what: str
    verdict: Verdict
    says: str


Check = Callable[[], list[Line]]


def run(*, settings: bool = False) -> int:
    """Print what is wrong, what is worth knowing and what works; 0 if nothing is wrong.

    `settings` adds every setting; otherwise those that differ from their defaults are shown.
    """
    lines = examine()
    wrong = [line for line in lines if line.verdict is Verdict.WRONG]
    typer.secho(
        f"{len(wrong)} of {len(lines)} checks failed." if wrong else "Nothing is wrong.",
        bold=True,
    )
    colours = {
        Verdict.WRONG: typer.colors.RED,
        Verdict.NOTE: typer.colors.YELLOW,
        Verdict.OK: typer.colors.GREEN,
    }
    for verdict, colour in colours.items():
        for line in lines:
            if line.verdict is verdict:
                mark = typer.style(f"{verdict:<6}", fg=colour)
                typer.echo(f"{mark} {line.what}: {line.says}")
    typer.echo()
    _print_settings(everything=settings)
    return 1 if wrong else 0


def examine() -> list[Line]:
    """Look at everything that can be looked at."""
    lines = _made("data folder", _data_folder)  # before Django makes it
    lines += _made("settings", _settings)
    if not _is_well(lines):
        return lines
    for name, check in _MACHINE.items():
        lines += _made(name, check)
    # Each of these would say the same again.
    if not _missing_settings() and not _is_wrong("GitHub", lines):
        for name, check in _AT_GITHUB.items():
            lines += _made(name, check)
    # Without its tables there is nothing to ask the service.
    if any(line.what == "database" and line.verdict is Verdict.OK for line in lines):
        lines += _made("service", _service)
    return lines


def _is_wrong(what: str, lines: list[Line]) -> bool:
    return any(line.what == what and line.verdict is Verdict.WRONG for line in lines)


def _is_well(lines: list[Line]) -> bool:
    """Whether Django can be set up: it is needed to look at anything else."""
    if _is_wrong("data folder", lines):
        return False
    from autosync.service.child import set_up_django  # noqa: PLC0415 (start-up time)

    try:
        set_up_django()
    except AutoSyncError as error:
        lines.append(Line("settings", Verdict.WRONG, str(error)))
        return False
    return True


def _missing_settings() -> str:
    """What the service cannot do without and has not; empty if it has all."""
    from autosync.service.serve import check_settings  # noqa: PLC0415 (start-up time)

    try:
        check_settings()
    except AutoSyncError as error:
        return str(error)
    return ""


def _made(name: str, check: Check) -> list[Line]:
    try:
        return check()
    except AutoSyncError as error:
        return [Line(name, Verdict.WRONG, str(error))]


def _ok(what: str, says: str) -> list[Line]:
    return [Line(what, Verdict.OK, says)]


def _settings() -> list[Line]:
    lines = [Line("settings", Verdict.NOTE, line) for line in config.misspelt()]
    missing = _missing_settings()
    if missing:
        lines.append(Line("settings", Verdict.WRONG, missing))
    return lines or _ok("settings", "complete")


def _data_folder() -> list[Line]:
    folder = config.load().data_dir
    if not folder.exists():
        return [Line("data folder", Verdict.NOTE, f"{folder} is created at the first start.")]
    if os.access(folder, os.W_OK | os.X_OK):
        wide = folders.too_open(folder)
        return (
            [Line("data folder", Verdict.NOTE, wide)] if wide else _ok("data folder", str(folder))
        )
    says = f"{folder} is not writable. Set AUTOSYNC_DATA_DIR to a folder this user may write to."
    return [Line("data folder", Verdict.WRONG, says)]


def _kinds() -> list[Line]:
    from autosync.kinds import KINDS, left_out  # noqa: PLC0415 (Django is not set up)

    without = left_out()
    kept = sorted({"repository", *KINDS} - without.keys())
    lines = [Line("kinds", Verdict.NOTE, f"{kind}: {why}") for kind, why in without.items()]
    return [*lines, *_ok("kinds", f"kept up: {', '.join(kept)}")]


def _disk() -> list[Line]:
    from autosync.sync.watch import disk_is_full, free_bytes  # noqa: PLC0415 (Django is not set up)

    full = disk_is_full(socket.gethostname())
    if full is not None:
        return [Line("disk", Verdict.WRONG, f"{full.message} {full.remedy}")]
    free = free_bytes(config.load().data_dir) or 0
    return _ok("disk", f"{free / (1 << 30):.0f} GB free")


def _git() -> list[Line]:
    from autosync.sync.watch import git_is_wrong, git_version  # noqa: PLC0415 (Django is not set up)

    wrong = git_is_wrong(socket.gethostname())
    if wrong is not None:
        return [Line("git", Verdict.WRONG, f"{wrong.message} {wrong.remedy}")]
    return _ok("git", git_version() or "")


def _github() -> list[Line]:
    from autosync.github.reach import clock_ahead  # noqa: PLC0415 (start-up time)
    from autosync.sync.watch import CLOCK_MAY_BE_OFF, clock_is_off  # noqa: PLC0415 (Django is not set up)

    url = config.load().github_api_url
    ahead = clock_ahead(url)
    if ahead is not None and abs(ahead) > CLOCK_MAY_BE_OFF:
        off = clock_is_off(ahead)
        return [Line("clock", Verdict.WRONG, f"{off.message} {off.remedy}")]
    return _ok("GitHub", f"{url} answers, and the clocks agree")


def _app() -> list[Line]:
    client = _client()
    app = client.app()
    installations = list(client.installations())
    name = app.get("slug") or app.get("name")
    lines = _ok("App", f"{name}, installations: {len(installations)}")
    if not installations:
        lines = [
            Line(
                "App",
                Verdict.NOTE,
                f"{name} is not installed anywhere yet. Install it on an account.",
            )
        ]
    from autosync.sync.hook import not_granted  # noqa: PLC0415 (Django is not set up)

    for one in installations:
        account = (one.get("account") or {}).get("login") or one["id"]
        if one.get("suspended_at"):
            says = f"The installation on {account} has been suspended since {one['suspended_at']}."
            lines.append(Line("App", Verdict.WRONG, says + " Its owner can unsuspend it."))
        refused = not_granted(one.get("permissions") or {})
        if refused:
            says = f"{account} does not grant read access to {', '.join(refused)}."
            lines.append(
                Line("App", Verdict.WRONG, says + " Its owner must accept them on GitHub.")
            )
    return lines


def _client() -> AppClient:
    """The App with a budget of its own: the database's tables may not be there yet."""
    from autosync.connect import credentials  # noqa: PLC0415 (Django is not set up)
    from autosync.github import AppClient, LocalBudget  # noqa: PLC0415 (start-up time)

    return AppClient(credentials(), LocalBudget())


def _webhook() -> list[Line]:
    client = _client()
    from autosync.sync import hook  # noqa: PLC0415 (Django is not set up)

    state = hook.state(client)
    lines = [Line("webhook", Verdict.WRONG, line) for line in state.missing]
    return lines or _ok("webhook", f"points at {redact(state.url)}, with all events")


def _webhook_secret() -> list[Line]:
    """Sign a `ping` as GitHub does, and send it to the address that GitHub sends to."""
    from autosync.github.plain_httpx import httpx  # noqa: PLC0415 (start-up time)

    settings = config.load()
    what = "webhook secret"
    if settings.pulls_events:
        return _ok(what, "not needed: events are read from GitHub's delivery log")
    url, secret = settings.github_webhook_url, settings.github_webhook_secret
    shown = redact(url)
    if not url or not secret:
        return [Line(what, Verdict.NOTE, "not tried: GITHUB_WEBHOOK_URL or its secret is not set")]
    body = b'{"zen":"Keep it logically awesome.","hook_id":0}'
    signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "ping",
        "X-GitHub-Delivery": str(uuid4()),
        "X-Hub-Signature-256": f"sha256={signature}",
    }
    try:
        code = httpx.post(url, content=body, headers=headers, timeout=_SECONDS).status_code
    except httpx.HTTPError as error:
        says = (
            f"Nothing answers at {shown} from this machine ({type(error).__name__}). Start "
            "AutoSync; if it runs, make the address reachable from GitHub (DNS, firewall, TLS)."
        )
        return [Line(what, Verdict.NOTE, says)]
    if 200 <= code < 300:
        return _ok(what, f"a signed delivery to {shown} was accepted")
    if code == 401:
        says = f"AutoSync at {shown} runs with another GITHUB_WEBHOOK_SECRET. Restart it."
    else:
        says = f"{shown} answered {code}. It must point to AutoSync's /api/github/webhook/."
    return [Line(what, Verdict.WRONG, says)]


def _database() -> list[Line]:
    import psycopg  # noqa: PLC0415 (start-up time)

    from autosync.database import conninfo  # noqa: PLC0415 (Django is not set up)
    from autosync.fitness import check, unavailable  # noqa: PLC0415 (Django is not set up)
    from autosync.postgres import binaries  # noqa: PLC0415 (start-up time)

    settings = config.load()
    embedded = settings.data_dir / "postgres"
    if not settings.database_url:
        binaries.installed()
    if not settings.database_url and not embedded.exists():
        serve = config.command("serve")
        says = f"There is none yet: `{serve}` creates an embedded PostgreSQL."
        return [Line("database", Verdict.NOTE, says)]
    check()
    try:
        with psycopg.connect(conninfo(), connect_timeout=5) as connection:
            row = connection.execute("SHOW server_version").fetchone()
    except psycopg.OperationalError as error:
        raise unavailable(error) from None
    where = "DATABASE_URL" if settings.database_url else "embedded"
    missing = _migrations()
    if missing:
        says = f"{missing} migrations are not applied. Run `{config.command('migrate')}`."
        return [Line("database", Verdict.WRONG, says)]
    return _ok("database", f"PostgreSQL {row[0] if row else '?'} ({where}), up to date")


def _migrations() -> int:
    from django.db import connection  # noqa: PLC0415 (Django is not set up)
    from django.db.migrations.executor import MigrationExecutor  # noqa: PLC0415 (Django is not set up)

    executor = MigrationExecutor(connection)
    return len(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def _service() -> list[Line]:
    """What the running service finds wrong with itself."""
    from autosync.insight import health  # noqa: PLC0415 (Django is not set up)

    seen = health.report()
    found = [
        Line("service", Verdict.WRONG, str(finding))
        for finding in seen.findings
        if finding.code not in _SEEN_HERE
    ]
    return found or _ok("service", "works, and the mirror is complete")


_MACHINE: dict[str, Check] = {
    "kinds": _kinds,
    "git": _git,
    "disk": _disk,
    "GitHub": _github,
    "database": _database,
}
_AT_GITHUB: dict[str, Check] = {
    "App": _app,
    "webhook": _webhook,
    "webhook secret": _webhook_secret,
}


def _print_settings(*, everything: bool) -> None:
    settings = config.load()
    typer.secho(
        "Settings:"
        if everything
        else "Settings that differ from their defaults (all: --settings):",
        bold=True,
    )
    for name, about in type(settings).model_fields.items():
        value = getattr(settings, name)
        if not everything and value == about.default:
            continue
        secret = name in _MASKED or any(word in name for word in _SECRET)
        shown = "set" if secret else redact(str(value))
        shown = shown if value not in ("", None) else "–"
        typer.echo(f"  {name.upper()} = {shown}" + (f"  ({about.description})" * everything))
