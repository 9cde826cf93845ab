"""The App's one webhook: whether it points here, and setting it where the App allows it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from autosync import config, connect
from autosync.github import AppClient, GitHubError
from autosync.kinds import handlers
from autosync.kinds._permissions import permissions, rank
from autosync.mirror.models import GitHubAppInstallation, Repository
from autosync.redact import redact

logger = logging.getLogger(__name__)
# Sent to every App without a subscription (docs/webhooks, installation events).
_ALWAYS_SENT = frozenset({"installation", "installation_repositories"})


@dataclass(frozen=True)
class HookState:
    """What stands between GitHub and a live mirror; empty `missing` means nothing does."""

    url: str
    missing: tuple[str, ...]


def wanted_events() -> set[str]:
    """The events the App must subscribe to for everything AutoSync mirrors."""
    return set(handlers()) - _ALWAYS_SENT


def configure() -> HookState:
    """Point the App's hook here with our secret, if GITHUB_WEBHOOK_URL is set; say what is missing.

    The URL and secret can be set through the API; subscribed events only on the App's page.
    """
    settings = config.load()
    client = connect.app_client()
    if settings.pulls_events:
        return state(client)
    if not settings.github_webhook_url:
        unset = "Neither AUTOSYNC_URL nor GITHUB_WEBHOOK_URL is set: GitHub cannot reach AutoSync."
        return HookState("", (unset,))
    try:
        current = client.hook_config()
        if current.get("url") != settings.github_webhook_url or (
            current.get("content_type") != "json"
        ):
            client.set_hook_config(
                url=settings.github_webhook_url, secret=settings.github_webhook_secret
            )
            logger.info("the App's webhook now points at %s", settings.github_webhook_url)
    except GitHubError as error:
        missing = (f"The App's webhook could not be set: {error}",)
        return HookState(settings.github_webhook_url, missing)
    return state()


def state(client: AppClient | None = None) -> HookState:
    """Compare the App's hook and events with what AutoSync needs."""
    settings = config.load()
    client = client or connect.app_client()
    missing: list[str] = []
    url = str(client.hook_config().get("url") or "")
    if settings.pulls_events:
        if not url:
            missing.append(
                "The App's webhook has no URL, so GitHub logs no deliveries to read. Set any URL "
                "on the App's page, for example https://autosync.invalid/, and tick Active."
            )
    elif not settings.github_webhook_url or url != settings.github_webhook_url:
        missing.append(
            f"The App's webhook points at {redact(url) or 'nowhere'}, "
            f"not at GITHUB_WEBHOOK_URL ({redact(settings.github_webhook_url) or 'not set'})."
        )
    app = client.app()
    subscribed = app.get("events")
    known = [one for one in subscribed if isinstance(one, str)] if subscribed else []
    absent = sorted(wanted_events() - set(known))
    if absent:
        missing.append(f"Subscribe the App to these events on its page: {', '.join(absent)}.")
    refused = not_granted(app.get("permissions") or {})
    if refused:
        missing.append(f"Give the App read access on its page to: {', '.join(refused)}.")
    return HookState(url, tuple(missing))


def not_granted(granted: Mapping[str, str]) -> list[str]:
    """The permissions that what is mirrored needs and an App or an installation does not hold."""
    return [name for name, level in permissions().items() if rank(granted.get(name)) < rank(level)]


def record_webhook_state(installation: GitHubAppInstallation) -> None:
    """Keep `webhook_configured` of the installation's repositories true to the App's hook.

    An App has one webhook for all repositories; its events are those the installation accepted.
    """
    try:
        points_here = state()
    except GitHubError as error:
        logger.warning("the App's webhook could not be read: %s", error)
        return
    configured = not points_here.missing
    Repository.objects.filter(installation=installation).exclude(
        webhook_configured=configured
    ).update(webhook_configured=configured)
    for line in points_here.missing:
        logger.warning("%s", line)
