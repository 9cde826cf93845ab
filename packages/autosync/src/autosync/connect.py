"""Where the engine meets GitHub: clients made from the settings, budgets kept in PostgreSQL."""

from __future__ import annotations

from functools import lru_cache

from autosync import config
from autosync.app_key import load_private_key
from autosync.folders import keep_private
from autosync.github import (
    AppClient,
    AppCredentials,
    GitReader,
    InstallationClient,
    Priority,
)
from autosync.github.addresses import clone_address, git_home
from autosync.mirror.models import Repository
from autosync.mirror.quota import DatabaseBudget


@lru_cache(maxsize=1)
def credentials() -> AppCredentials:
    """The App from the settings; ConfigurationError names what is missing or wrong."""
    settings = config.load()
    settings.require("GITHUB_APP_ID", "GITHUB_APP_PRIVATE_KEY")
    return AppCredentials(
        app_id=settings.github_app_id,
        client_id=settings.github_app_client_id,
        client_secret=settings.github_app_client_secret,
        private_key=load_private_key(settings.github_app_private_key),
        api_url=settings.github_api_url,
        api_version=settings.github_api_version,
    )


@lru_cache(maxsize=1)
def budget() -> DatabaseBudget:
    return DatabaseBudget(width())


def width() -> int:
    """How many requests of an installation may be under way at once."""
    return config.load().autosync_max_requests


@lru_cache(maxsize=2)
def app_client(priority: Priority = Priority.LIVE) -> AppClient:
    """The App itself. Its quota is its own, counted as installation 0."""
    return AppClient(credentials(), budget(), priority)


def installation_client(installation_id: int, priority: Priority) -> InstallationClient:
    return InstallationClient(credentials(), installation_id, budget(), priority)


def git_reader(repository: Repository, client: InstallationClient) -> GitReader:
    """The repository's git, its cache under the data folder (a cache: it may be deleted).

    The address is built from GITHUB_API_URL and the name; `clone_url` is what GitHub, or a payload,
    has said, and never used. Whose the name is by now: see `sync.identity`.
    """
    caches = config.load().data_dir / "git"
    keep_private(caches)  # they hold what is private on GitHub
    return GitReader(
        caches / f"{repository.pk}.git",
        clone_address(client.api_url, repository.full_name),
        client.token,
        client.refuse_token,
        client.may_be_too_fresh,
        home=git_home(client.api_url),
        silence=config.load().autosync_git_silence,
        whole=files_are_affordable(repository),
    )


def files_are_affordable(repository: Repository) -> bool:
    """Whether its git is fetched with trees and blobs: AUTOSYNC_COMMIT_FILES bounds its size."""
    limit = int(config.load().autosync_commit_files)
    return 0 < limit >= repository.size * 1024
