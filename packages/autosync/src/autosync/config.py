"""Every setting AutoSync reads from the environment or `.env`, validated, in one place."""

from __future__ import annotations

import ipaddress
import os
import re
import secrets
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import SplitResult, urlsplit

from annotated_types import Ge, Le
from dotenv import dotenv_values
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from autosync.errors import ConfigurationError
from autosync.folders import make_private
from autosync.installation import command as command
from autosync.redact import redact

_THIS_MACHINE = {"127.0.0.1", "localhost", "::1"}
# False in commands that use what is there and begin nothing new (see `autosync.entrance`).
makes_folders = True


def _http_url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    return value


def _public_url(value: str) -> str:
    """`https://autosync.example.org`: scheme, host, the port if it is not the usual one."""
    value = value.strip()
    if not value:
        return ""
    _http_url(value)
    example = "Example: https://autosync.example.org"
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise ValueError(f"has a host or port that cannot be read. {example}") from None
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"must not contain a name or password. {example}")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ValueError(
            f"must be a host of its own, without a path: AutoSync cannot run below one. {example}"
        )
    try:
        host = (parts.hostname or "").encode("idna").decode()
    except UnicodeError:
        host = ""
    if ":" in host:
        host = f"[{host}]"
    elif not re.fullmatch(r"[a-z0-9.-]+", host):
        raise ValueError(f"must name a host. {example}")
    if port == 0:
        raise ValueError(f"has a port that cannot be reached. {example}")
    usual = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != usual else "")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _days(value: Any) -> Any:
    """30d → 30."""
    return value.strip().removesuffix("d") if isinstance(value, str) else value


Days = Annotated[int, BeforeValidator(_days), Ge(0), Le(3650)]
# What programs of users rely on is kept up whatever is chosen, and so is what rides in its rows.
ALWAYS_KEPT = (
    "commit", "commit_file", "contributor", "installation", "issue", "issue_assignee",
    "issue_label", "pull_request", "ref", "repository", "requested_reviewer",
)  # fmt: skip


def kind_names() -> list[str]:
    """The kinds that there are. Each is a file of its name, so that Django need not be set up."""
    spec = find_spec("autosync.kinds")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    return sorted(file.stem for file in Path(spec.submodule_search_locations[0]).glob("[a-z]*.py"))


@dataclass(frozen=True)
class KindChoice:
    """AUTOSYNC_KINDS taken apart. `alone`: these and no others but those always kept up."""

    alone: frozenset[str] = frozenset()
    added: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()


def _kinds(value: str) -> str:
    items = [item for one in value.split(",") if (item := one.strip())]
    if not items:
        return ""
    optional = [name for name in kind_names() if name not in ALWAYS_KEPT]
    for item in items:
        name = item.lstrip("+-")
        if item == f"-{name}" and name in ALWAYS_KEPT:
            raise ValueError(f"{name} cannot be left out: programs rely on it")
        if item not in (name, f"+{name}", f"-{name}") or name not in (*optional, *ALWAYS_KEPT):
            raise ValueError(
                f"{item!r} is no kind of object; there are {', '.join(optional)}. "
                "Example: -review,-release"
            )
        if f"+{name}" in items and f"-{name}" in items:
            raise ValueError(f"{name} is both added and left out")
    return ",".join(items)


HttpUrl = Annotated[str, AfterValidator(_http_url)]
PublicUrl = Annotated[str, AfterValidator(_public_url)]
Kinds = Annotated[str, AfterValidator(_kinds)]
WEBHOOK_PATH = "/api/github/webhook/"


class Config(BaseModel):
    """One attribute per environment variable; the variable is the attribute in capitals.

    Not with pydantic-settings: what it imports for other clouds' secrets is a twentieth of a start.
    """

    model_config = ConfigDict(extra="ignore", validate_default=True)

    def __init__(self, **given: Any) -> None:
        """From `given`, the environment and `.env`, in this order; what is empty is not set."""
        values: dict[str, Any] = {}
        for source in (dotenv_values(".env", encoding="utf-8"), os.environ):
            values |= {name.lower(): value for name, value in source.items() if value}
        super().__init__(**(values | given))

    # The GitHub App. Needed by whatever talks to GitHub, not by `migrate`.
    github_app_id: int | None = Field(None, description="the App's numeric id")
    github_app_client_id: str = Field("", description="the App's client id")
    github_app_client_secret: str = Field("", description="the App's client secret", repr=False)
    github_app_private_key: str = Field(
        "", description="PEM text (\\n escapes allowed), a file path, or base64", repr=False
    )
    github_webhook_url: str = Field(
        "", description="where GitHub reaches the receiver; default: derived from AUTOSYNC_URL"
    )
    github_webhook_secret: str = Field("", description="the App's webhook secret", repr=False)
    github_webhook_secret_previous: str = Field(
        "",
        description="older secrets still accepted during a rotation, space separated",
        repr=False,
    )
    github_api_url: HttpUrl = Field("https://api.github.com", description="GHES: …/api/v3")
    github_api_version: Literal["", "2022-11-28", "2026-03-10"] = Field(
        "", description="version of the REST API; default: 2026-03-10, on GHES 2022-11-28"
    )

    # Where AutoSync lives.
    autosync_url: PublicUrl = Field(
        "", description="the TLS proxy's address, for people and for GitHub: https://…"
    )
    autosync_host: str = Field("127.0.0.1", description="address the server binds")
    autosync_port: int = Field(8000, ge=1, le=65535, description="port the server binds")
    autosync_data_dir: Path = Field(
        Path(".autosync"), description="embedded database, git cache, generated secrets"
    )
    database_url: str = Field(
        "", description="postgresql://…; default: the embedded PostgreSQL", repr=False
    )
    database_direct_url: str = Field(
        "",
        description="the same database without the pooler, if DATABASE_URL goes through one",
        repr=False,
    )
    autosync_secret_key: str = Field("", description="Django's secret key", repr=False)
    autosync_people_key: str = Field(
        "",
        description="the key by which forgotten people are recognised, the same on all machines; "
        "default: AUTOSYNC_SECRET_KEY",
        repr=False,
    )
    autosync_debug: bool = Field(False, description="Django debug pages; never in production")
    autosync_allowed_hosts: list[str] | str = Field(
        "localhost,127.0.0.1,[::1]", description="comma separated host names"
    )
    autosync_dashboard_public: bool = Field(
        False, description="show the dashboard without signing in (the demo does)"
    )
    autosync_session_idle: int = Field(
        12, ge=1, le=720, description="hours without a click after which a sign-in ends"
    )
    autosync_session_age: int = Field(
        7, ge=1, le=365, description="days after which a sign-in ends in any case"
    )
    autosync_demo: bool = Field(
        False, description="set by `autosync demo`: its API asks for no token on this machine"
    )
    autosync_log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="log level"
    )

    # How it works.
    autosync_webhooks: Literal["push", "pull"] = Field(
        "push",
        description="pull: read events from GitHub's delivery log, without a public URL",
    )
    autosync_kinds: Kinds = Field(
        "",
        description="kinds of object to keep up, comma separated: -name leaves one out, +name adds "
        "one that is off by default, names alone choose these and no others",
    )
    autosync_concurrency: int = Field(
        6,
        ge=1,
        le=90,
        description="repositories imported or reconciled at once, per worker process",
    )
    autosync_max_requests: int = Field(
        40,
        ge=1,
        le=100,
        description="requests to GitHub at once, per installation, all workers; fewer for a while "
        "after GitHub pushed back",
    )
    autosync_git_silence: int = Field(
        30, ge=1, le=3600, description="seconds of silence after which a git command is stopped"
    )
    autosync_sync_interval: int = Field(
        15, ge=1, le=59, description="minutes between periodic syncs"
    )
    autosync_skip_recent: int = Field(
        10, ge=0, description="minutes during which a synced repository is not synced again"
    )
    autosync_timeline_points: int = Field(
        10,
        ge=0,
        le=1000,
        description="points an hour and repository for timelines that are read a minute after a "
        "webhook; 0: they wait for the next sync",
    )
    autosync_purge_after: int = Field(
        30,
        ge=0,
        description="days to keep removed repositories and deleted objects; 0: until next night",
    )
    autosync_keep_deleted: Days = Field(
        0,
        description="how long to keep the text of what was deleted at GitHub, such as 30d; "
        "0: erase it at once",
    )
    autosync_inbox_retention: int = Field(
        14, ge=1, le=3650, description="days to keep applied deliveries"
    )
    autosync_history_retention: int = Field(
        90, ge=30, le=3650, description="days to keep sync jobs, audits and parked deliveries"
    )
    autosync_git_cache: ByteSize = Field(
        ByteSize(20_000_000_000),
        description="size of the git cache per machine, such as 20GB; the least recently "
        "used clones are removed first, and cloned again when needed; 0: no limit",
    )

    autosync_commit_files: ByteSize = Field(
        ByteSize(250_000_000),
        description="up to this size of a repository its git is fetched as a whole, and the files "
        "that each commit changed are mirrored; 0: of none",
    )

    @model_validator(mode="after")
    def _webhook_follows_the_address(self) -> Self:
        if self.autosync_url and not self.github_webhook_url:
            self.github_webhook_url = self.autosync_url + WEBHOOK_PATH
        return self

    @model_validator(mode="after")
    def _direct_is_beside_another(self) -> Self:
        if self.database_direct_url and not self.database_url:
            raise ValueError(
                "DATABASE_DIRECT_URL is set but DATABASE_URL is not: if there is only one "
                "address, put it into DATABASE_URL"
            )
        return self

    @property
    def address(self) -> SplitResult | None:
        """AUTOSYNC_URL in its parts; None where it is not set."""
        return urlsplit(self.autosync_url) if self.autosync_url else None

    @property
    def behind_tls(self) -> bool:
        """Whether people come through a TLS proxy, whose word on them is then believed."""
        return self.autosync_url.startswith("https://")

    @property
    def is_local(self) -> bool:
        """Whether AUTOSYNC_URL names this machine."""
        host = self.address.hostname if self.address else None
        return bool(host) and (host == "localhost" or _is_loopback(str(host)))

    @property
    def session_database(self) -> tuple[str, str]:
        """The variable and address of the database for whatever needs a session of its own."""
        if self.database_direct_url:
            return "DATABASE_DIRECT_URL", self.database_direct_url
        return "DATABASE_URL", self.database_url

    @property
    def pulls_events(self) -> bool:
        """Whether events come from GitHub's delivery log only."""
        return self.autosync_webhooks == "pull"

    @property
    def is_demo(self) -> bool:
        """Whether this is a demo, of a simulated GitHub on this machine: nothing in it is real."""
        return self.autosync_demo and urlsplit(self.github_api_url).hostname in _THIS_MACHINE

    @property
    def data_dir(self) -> Path:
        """The data folder as an absolute path."""
        return self.autosync_data_dir.expanduser().resolve()

    @property
    def allowed_hosts(self) -> list[str]:
        value = self.autosync_allowed_hosts
        names = value if isinstance(value, list) else value.split(",")
        allowed = [name.strip() for name in names if name.strip()]
        if self.address is not None and self.address.hostname:
            host = self.address.hostname
            allowed.append(f"[{host}]" if ":" in host else host)
        return list(dict.fromkeys(allowed))

    @property
    def webhook_secrets(self) -> list[str]:
        """The current webhook secret first, then those still accepted during a rotation."""
        return [
            s
            for s in (self.github_webhook_secret, *self.github_webhook_secret_previous.split())
            if s
        ]

    @property
    def kinds(self) -> KindChoice:
        """What is chosen of the kinds of object."""
        items = [item for item in self.autosync_kinds.split(",") if item]
        return KindChoice(
            frozenset(item for item in items if item[0] not in "+-"),
            frozenset(item[1:] for item in items if item[0] == "+"),
            frozenset(item[1:] for item in items if item[0] == "-"),
        )

    def require(self, *names: str) -> None:
        """Raise ConfigurationError naming the first of `names` that is not set."""
        for name in names:
            if not getattr(self, name.lower()):
                about = type(self).model_fields[name.lower()].description
                raise ConfigurationError(
                    f"{name} is not set ({about}). Put it in the environment or in .env; "
                    f"`{command('doctor --settings')}` lists all settings."
                )

    def secret_key(self) -> str:
        """Django's secret key: the setting, or one generated once under the data folder (0600)."""
        if self.autosync_secret_key:
            return self.autosync_secret_key
        path = self.data_dir / "secret_key"
        try:
            if path.exists() and (kept := path.read_text().strip()):
                return kept
            if not makes_folders and not path.parent.exists():
                return secrets.token_urlsafe(50)
            make_private(path.parent)
            # Whole or not at all: a full disk, or a second process, must not leave half a key.
            with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix="secret_key.") as file:
                file.write(secrets.token_urlsafe(50))
                file.flush()
                if path.exists():
                    path.unlink()  # empty: of an earlier full disk
                with suppress(FileExistsError):
                    path.hardlink_to(file.name)
            return path.read_text().strip()
        except OSError as error:
            raise ConfigurationError(
                f"The data folder {path.parent} cannot be used ({error.strerror}). Free some "
                "space if its disk is full, run AutoSync as the user who owns it, or set "
                "AUTOSYNC_DATA_DIR to a folder this user may write to."
            ) from error


# Of AutoSync's own processes and tests: not for people to set.
_INTERNAL = re.compile(
    r"AUTOSYNC_(POSTGRES_USER|REQUIRE_ALL|TESTS_TEMPLATE|KILL_POINT|HANG_AFTER|LISTENER|ACCESS_LOG|LIFELINE|RELOAD|BENCH_.+)"
)


def misspelt() -> list[str]:
    """A sentence for each variable of the environment or `.env` that looks like a setting and is
    none. Of GITHUB_…, which other tools set too, only what resembles one of ours.
    """
    known = [name.upper() for name in Config.model_fields]
    given = {name.upper() for name in (*os.environ, *dotenv_values(".env"))}
    lines = []
    for name in sorted(given - set(known)):
        near = get_close_matches(name, known, n=1, cutoff=0.85)
        ours = name.startswith(("AUTOSYNC_", "GITHUB_APP_", "GITHUB_WEBHOOK_"))
        if _INTERNAL.fullmatch(name) or not (ours or near):
            continue
        near = near or get_close_matches(name, known, n=1)
        all_of_them = f" `{command('doctor --settings')}` lists all settings."
        meant = f" Did you mean {near[0]}?" if near else all_of_them
        lines.append(f"{name} is not a setting of AutoSync and is ignored.{meant}")
    return lines


@lru_cache(maxsize=1)
def load() -> Config:
    """Read and validate the settings once per process; ConfigurationError names what is wrong."""
    try:
        return Config()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigurationError(
            f"The file .env in {Path.cwd()} cannot be read ({reason}). Correct its mode, owner or "
            "encoding, or delete it."
        ) from None
    except ValidationError as error:
        lines = []
        for problem in error.errors():
            name = str(problem["loc"][0]) if problem["loc"] else ""
            message = problem["msg"].removeprefix("Value error, ")
            if not name:  # of several together: it names them
                lines.append(message)
            elif "key" in name or "secret" in name:
                lines.append(f"{name.upper()}: {message}")
            else:
                lines.append(f"{name.upper()}: {message} (got {redact(repr(problem['input']))})")
        raise ConfigurationError("Wrong settings:\n  " + "\n  ".join(lines)) from None
