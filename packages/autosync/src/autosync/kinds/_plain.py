"""The tables whose kinds are not declared yet: the columns that users see, and what they mean."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from django.db import models

from autosync.mirror.models import (
    Contributor,
    GitHubAppInstallation,
    Repository,
)

PLAIN: Final[Mapping[type[models.Model], Mapping[str, str]]] = {
    GitHubAppInstallation: {
        "github_id": "GitHub's id of the installation.",
        "account_id": "GitHub's id of the account on which the App is installed.",
        "account_login": "The login of that account.",
        "account_type": "Organization or User.",
        "account_avatar_url": "The address of the account's picture.",
        "repository_selection": "Which repositories the App may see: all or selected.",
        "permissions": "What the account granted: permission and level.",
        "events": "The events that GitHub delivers for it.",
        "suspended_at": "When it was suspended; null unless it is.",
        "created_at": "When the App was installed.",
        "repositories_listed_at": "When AutoSync last listed what it may see.",
        "sync_error": "What went wrong with that; empty if nothing did.",
    },
    Repository: {
        "github_id": "GitHub's id of the repository, which survives renames and transfers.",
        "node_id": "GitHub's global id of the object, by which GraphQL is asked for it.",
        "installation_id": "The installation through which AutoSync sees it.",
        "full_name": "owner/name.",
        "owner_login": "The login of its owner.",
        "name": "Its name without the owner.",
        "description": "What it is about, in a line; empty if nobody said.",
        "homepage": "The address of its own site, or empty.",
        "language": "The language of most of its code, or empty.",
        "topics": "Its topics.",
        "visibility": "public, private or internal.",
        "private": "Whether it is not public.",
        "fork": "Whether it is a fork of another.",
        "archived": "Whether it is archived, and so read-only.",
        "disabled": "Whether GitHub has disabled it.",
        "has_issues": "Whether its owner has issues switched on.",
        "has_pull_requests": "Whether its owner has pull requests switched on.",
        "default_branch": "The name of its default branch.",
        "html_url": "The address of its page.",
        "clone_url": "The address to clone it from.",
        "size": "Its size in KiB, as GitHub reports it.",
        "stargazers_count": "How many people starred it.",
        "forks_count": "How many forks it has.",
        "created_at": "When it was created.",
        "pushed_at": "When it was last pushed to.",
        "auto_sync_enabled": "Whether AutoSync keeps it current; switched in the admin.",
        "webhook_configured": "Whether GitHub delivers its events here.",
        "sync_state": "pending, importing, synced or failed.",
        "sync_error": "Why its last sync failed; empty if it did not.",
        "failing_since": "Since when its syncs have failed; null if they do not.",
        "imported_at": "When its first import was complete.",
        "last_synced_at": "When it was last compared with GitHub.",
        "equal_at": "When an audit found it equal to GitHub, or made it so.",
    },
    Contributor: {
        "identity": "Who it is: user:<id of the account> or email:<address>.",
        "repository_id": "GitHub's id of the repository.",
        "github_user_id": "GitHub's id of the account; null if the address belongs to none.",
        "login": "The login of the account, or empty.",
        "name": "The name in the newest commit.",
        "email": "The e-mail address in the newest commit.",
        "contributions": "Commits on the default branch, merges included.",
        "first_commit_at": "When the first of them was committed.",
        "last_commit_at": "When the last of them was committed.",
    },
}
