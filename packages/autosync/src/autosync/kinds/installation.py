"""Installations: who installed the App, with which permissions, and which repositories it sees."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from autosync.kinds._events import (
    Changes,
    Event,
    FollowUp,
    News,
    Owner,
    Patch,
    RepositoryPayload,
    Resource,
    Tombstone,
    Upsert,
    When,
    timestamp,
)
from autosync.kinds._payload import Id, Word, read, reader
from autosync.kinds.repository import STUB, stub_row
from autosync.mirror.feed import FeedLine
from autosync.mirror.models import GitHubAppInstallation
from autosync.mirror.upsert import Merge, Person, Row, Rule

MERGE = Merge(
    GitHubAppInstallation,
    key=("github_id",),
    columns=(
        "account_id",
        "account_login",
        "account_type",
        "account_avatar_url",
        "repository_selection",
        "permissions",
        "events",
        "suspended_at",
        "created_at",
    ),
    people=(Person(id="account_id", login="account_login"),),
)


class InstallationPayload(msgspec.Struct):
    """OpenAPI schema `installation`; the account may be an enterprise (slug, no login)."""

    id: Id
    account: Owner | None = None
    repository_selection: Word = ""
    permissions: dict[str, str] = {}
    events: list[str] = []
    suspended_at: When = None
    created_at: When = None
    updated_at: When = None


class _InstallationEvent(msgspec.Struct):
    installation: InstallationPayload
    repositories: list[RepositoryPayload] | None = None
    repositories_added: list[RepositoryPayload] = []
    repositories_removed: list[RepositoryPayload] = []


_read = reader(_InstallationEvent)
_read_one = reader(InstallationPayload)


def row(payload: InstallationPayload) -> Row:
    account = payload.account or Owner()
    return {
        "github_id": payload.id,
        "account_id": account.id,
        "account_login": account.login,
        "account_type": account.type,
        "account_avatar_url": account.avatar_url,
        "repository_selection": payload.repository_selection,
        "permissions": payload.permissions,
        "events": sorted(payload.events),
        "suspended_at": timestamp(payload.suspended_at),
        "created_at": timestamp(payload.created_at),
        "updated_at": timestamp(payload.updated_at),
    }


def row_from_rest(document: bytes | Mapping[str, Any]) -> Row:
    """A row from `GET /app/installations` (one item)."""
    if isinstance(document, bytes):
        return row(_read_one(document).value)
    return row(read(document, InstallationPayload).value)


def on_installation(event: Event) -> Changes:
    """created, deleted, suspend, unsuspend, new_permissions_accepted.

    Payload: {"action": "created", "installation": {…}, "repositories": [stub, …]}
    """
    payload = _read(event.body).value
    installation = payload.installation
    changes = Changes(upserts=[Upsert(MERGE, [row(installation)])])
    login = installation.account.login if installation.account else ""
    changes.news.append(
        News(
            FeedLine(
                kind="installation",
                action=event.action,
                installation_id=installation.id,
                object_key=str(installation.id),
                title=login,
                actor=event.actor,
            )
        )
    )
    if event.action == "deleted":
        changes.tombstones.append(Tombstone(MERGE, [installation.id], event.received_at))
        return changes
    if payload.repositories:
        stubs = [stub_row(r, installation.id) for r in payload.repositories]
        changes.upserts.append(Upsert(STUB, stubs, Rule.INSERT_MISSING))
    if event.action in ("created", "unsuspend", "new_permissions_accepted"):
        changes.followups.add(FollowUp("import_installation", installation.id))
    else:
        # Two events within one second cannot be put in order: ask.
        changes.followups.add(FollowUp("refresh_installation", installation.id))
    return changes


def on_installation_repositories(event: Event) -> Changes:
    """added, removed: hide or show at once, then let the full listing settle it.

    Payload: {"repositories_added": [stub, …], "repositories_removed": [stub, …]}
    """
    payload = _read(event.body).value
    installation_id = payload.installation.id
    changes = Changes(upserts=[Upsert(MERGE, [row(payload.installation)])])
    added = [stub_row(r, installation_id) for r in payload.repositories_added]
    if added:
        changes.upserts.append(Upsert(STUB, added, Rule.INSERT_MISSING))
    removed = [r.id for r in payload.repositories_removed]
    if removed:
        # Not those that another installation shows by now: this may come late, and after its own.
        mine = {"installation_id": installation_id}
        changes.patches.append(Patch(STUB, removed, {"removed_at": event.received_at}, mine))
    for repository in (*payload.repositories_added, *payload.repositories_removed):
        changes.news.append(
            News(
                FeedLine(
                    kind="repository",
                    action=event.action,
                    repository_id=repository.id,
                    installation_id=installation_id,
                    object_key=repository.full_name,
                    title=repository.full_name,
                    actor=event.actor,
                )
            )
        )
    changes.followups.add(FollowUp("refresh_installation", installation_id))
    return changes


RESOURCE = Resource(
    name="installation",
    merge=MERGE,
    scope="github_id",
    handlers={
        "installation": on_installation,
        "installation_repositories": on_installation_repositories,
    },
)
