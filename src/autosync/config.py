"""Every setting AutoSync reads from the environment or `.env`, validated, in one place."""

from __future__ import annotations

import secrets
import tempfile
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from autosync.errors import ConfigurationError

PROJECT_ROOT = Path(__file__).resolve().parents[2]
_THIS_MACHINE = {"127.0.0.1", "localhost", "::1"}
# False in commands that use what is there and begin nothing new (see `autosync.entrance`).
makes_folders = True


def command(arguments: str) -> str:
    """`autosync …` as one types it: a checkout has a launcher at its root."""
    launcher = "./autosync" if (PROJECT_ROOT / "autosync").is_file() else "autosync"
    return f"{launcher} {arguments}"


def _http_url(value: str) -> str:
    if not value.startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    return value


HttpUrl = Annotated[str, AfterValidator(_http_url)]


class Config(BaseSettings):
    """One attribute per environment variable; the variable is the attribute in capitals."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", extra="ignore", env_ignore_empty=True
    )

    # The GitHub App. Needed by whatever talks to GitHub, not by `migrate`.
    github_app_id: int | None = Field(None, description="the App's numeric id")
    github_app_client_id: str = Field("", description="the App's client id")
    github_app_client_secret: str = Field("", description="the App's client secret", repr=False)
    github_app_private_key: str = Field(
        "", description="PEM text (\\n escapes allowed), a file path, or base64", repr=False
    )
    github_webhook_url: str = Field("", description="where GitHub reaches the receiver")
    github_webhook_secret: str = Field("", description="the App's webhook secret", repr=False)
    github_webhook_secret_previous: str = Field(
        "",
        description="older secrets still accepted during a rotation, space separated",
        repr=False,
    )
    github_api_url: HttpUrl = Field("https://api.github.com", description="GHES: …/api/v3")

    # Where AutoSync lives.
    autosync_host: str = Field("127.0.0.1", description="address the server binds")
    autosync_port: int = Field(8000, ge=1, le=65535, description="port the server binds")
    autosync_data_dir: Path = Field(
        Path(".autosync"), description="embedded database, git cache, generated secrets"
    )
    database_url: str = Field("", description="postgresql://…; empty = embedded PostgreSQL")
    autosync_secret_key: str = Field("", description="Django's secret key", repr=False)
    autosync_debug: bool = Field(False, description="Django debug pages; never in production")
    autosync_allowed_hosts: Annotated[list[str], NoDecode] | str = Field(
        "localhost,127.0.0.1,[::1]", description="comma separated host names"
    )
    autosync_dashboard_public: bool = Field(
        False, description="show the dashboard without signing in (the demo does)"
    )
    autosync_demo: bool = Field(
        False, description="set by `autosync demo`: on this machine its API asks for no token"
    )
    autosync_log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="log level"
    )

    # How it works.
    autosync_webhooks: Literal["push", "pull"] = Field(
        "push",
        description="pull: no public URL is needed, events are read from GitHub's delivery log",
    )
    autosync_concurrency: int = Field(
        6,
        ge=1,
        le=90,
        description="repositories imported or reconciled at once, per worker process",
    )
    autosync_max_requests: int = Field(
        40, ge=1, le=100, description="requests to GitHub at once, per installation, all workers"
    )
    autosync_sync_interval: int = Field(
        15, ge=1, le=59, description="minutes between periodic syncs"
    )
    autosync_skip_recent: int = Field(
        10, ge=0, description="minutes during which a synced repository is not synced again"
    )
    autosync_purge_after: int = Field(
        30,
        ge=0,
        description="days that removed repositories and deleted objects are kept; 0 = not at all",
    )
    autosync_inbox_retention: int = Field(
        14, ge=1, le=3650, description="days a delivery is kept once it is applied"
    )

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
        return [name.strip() for name in names if name.strip()]

    @property
    def webhook_secrets(self) -> list[str]:
        """The current webhook secret first, then those still accepted during a rotation."""
        return [
            s
            for s in (self.github_webhook_secret, *self.github_webhook_secret_previous.split())
            if s
        ]

    def require(self, *names: str) -> None:
        """Raise ConfigurationError naming the first of `names` that is not set."""
        for name in names:
            if not getattr(self, name.lower()):
                about = type(self).model_fields[name.lower()].description
                raise ConfigurationError(
                    f"{name} is not set ({about}). Put it in the environment or in .env; "
                    f"see docs/reference/settings.md."
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
            path.parent.mkdir(parents=True, exist_ok=True)
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
                "space on its disk if that is full, run AutoSync as the user it belongs to, or set "
                "AUTOSYNC_DATA_DIR to a folder this user may write to."
            ) from error


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
        lines = [
            f"{str(e['loc'][0]).upper()}: {e['msg']} (got {e['input']!r})"
            if "key" not in str(e["loc"][0]) and "secret" not in str(e["loc"][0])
            else f"{str(e['loc'][0]).upper()}: {e['msg']}"
            for e in error.errors()
        ]
        raise ConfigurationError("Wrong settings:\n  " + "\n  ".join(lines)) from None
