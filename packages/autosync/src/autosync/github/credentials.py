"""Who AutoSync is to GitHub: the App's id and private key, shown never."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from autosync.errors import ConfigurationError

PUBLIC_API_URL = "https://api.github.com"
# Of the REST API: https://docs.github.com/rest/about-the-rest-api/api-versions
OLDEST_VERSION = "2022-11-28"
NEWEST_VERSION = "2026-03-10"


@dataclass(frozen=True, slots=True)
class AppCredentials:
    """A GitHub App at one GitHub.

    `private_key` is PEM text (see `autosync.app_key`). `api_url` is the REST root: GHES has
    `https://HOST/api/v3`. `app_id` may be None when `client_id` is given: either may sign the
    JWT (GitHub docs, generating-a-json-web-token-jwt-for-a-github-app). `api_version` is that of
    the REST API; empty: see `version`.
    """

    app_id: int | str | None
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    private_key: str = field(default="", repr=False)
    api_url: str = PUBLIC_API_URL
    api_version: str = ""

    def __post_init__(self) -> None:
        if not self.app_id and not self.client_id:
            raise ConfigurationError(
                "Neither GITHUB_APP_ID nor GITHUB_APP_CLIENT_ID is set. Both are on the App's "
                "settings page, under General; one of them is needed."
            )
        parts = urlsplit(self.api_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigurationError(
                "GITHUB_API_URL is not an http(s) address. Example: https://api.github.com, "
                "or https://github.example.com/api/v3 for GitHub Enterprise Server."
            )
        if parts.username or parts.password:
            raise ConfigurationError("GITHUB_API_URL must not hold a user name or password.")
        object.__setattr__(self, "api_url", self.api_url.rstrip("/"))

    @property
    def version(self) -> str:
        """The REST API's version to ask for: the newest, whose end is furthest away; the oldest on
        GHES, whose releases do not all know another.
        """
        if self.api_version:
            return self.api_version
        return OLDEST_VERSION if self.api_url.endswith("/api/v3") else NEWEST_VERSION

    @property
    def graphql_url(self) -> str:
        """`…/graphql`; on GHES `/api/graphql`, beside `/api/v3` (GitHub docs, GHES GraphQL)."""
        if self.api_url.endswith("/api/v3"):
            return self.api_url.removesuffix("/v3") + "/graphql"
        return self.api_url + "/graphql"
