"""Repositories: identity by id through renames and transfers, visibility, archival, removal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from autosync.mirror.feed import FeedLine
from autosync.mirror.models import Repository
from autosync.mirror.upsert import Merge, Row
from autosync.resources.base import (
    Changes,
    Event,
    FollowUp,
    News,
    Owner,
    RepositoryPayload,
    Resource,
    Tombstone,
    Upsert,
    timestamp,
)

MERGE = Merge(
    Repository,
    key=("github_id",),
    columns=(
        "node_id",
        "installation_id",
        "owner_login",
        "name",
        "full_name",
        "description",
        "homepage",
        "language",
        "topics",
        "visibility",
        "private",
        "fork",
        "archived",
        "disabled",
        "has_issues",
        "has_pull_requests",
        "default_branch",
        "html_url",
        "clone_url",
        "size",
        "stargazers_count",
        "forks_count",
        "created_at",
        "pushed_at",
    ),
    # A late event names the installation that was; none moves a repository back to it.
    listed=frozenset({"installation_id"}),
)
# What the stubs in installation events tell; the listing fills in the rest.
STUB = Merge(
    Repository,
    key=("github_id",),
    columns=("node_id", "installation_id", "owner_login", "name", "full_name", "private"),
    variant="_stub",
)


def row(payload: RepositoryPayload, installation_id: int) -> Row:
    owner = payload.owner or Owner(login=payload.full_name.partition("/")[0])
    return {
        "github_id": payload.id,
        "node_id": payload.node_id,
        "installation_id": installation_id,
        "owner_login": owner.login,
        "name": payload.name,
        "full_name": payload.full_name,
        "description": payload.description or "",
        "homepage": payload.homepage or "",
        "language": payload.language or "",
        "topics": sorted(payload.topics),
        "visibility": payload.visibility or ("private" if payload.private else "public"),
        "private": payload.private,
        "fork": payload.fork,
        "archived": payload.archived,
        "disabled": payload.disabled,
        "has_issues": payload.has_issues,
        "has_pull_requests": payload.has_pull_requests,
        "default_branch": payload.default_branch or "",
        "html_url": payload.html_url,
        "clone_url": payload.clone_url,
        "size": payload.size,
        "stargazers_count": payload.stargazers_count,
        "forks_count": payload.forks_count,
        "created_at": timestamp(payload.created_at),
        "updated_at": payload.updated_at,
        "pushed_at": timestamp(payload.pushed_at),
    }


def row_from_rest(document: Mapping[str, Any], installation_id: int) -> Row:
    """A row from `GET /installation/repositories` or `GET /repositories/{id}` (one item)."""
    return row(msgspec.convert(document, RepositoryPayload), installation_id)


def stub_row(payload: RepositoryPayload, installation_id: int) -> Row:
    return {
        "github_id": payload.id,
        "node_id": payload.node_id,
        "installation_id": installation_id,
        "owner_login": payload.full_name.partition("/")[0],
        "name": payload.name,
        "full_name": payload.full_name,
        "private": payload.private,
        "updated_at": None,
    }


def on_repository(event: Event) -> Changes:
    """created, deleted, renamed, transferred, archived, unarchived, publicized, privatized, edited.

    Payload: {"action": "renamed", "repository": {whole}, "changes": {…}}
    """
    payload = event.envelope.repository
    if payload is None or event.installation_id is None:
        return Changes()
    changes = Changes()
    changes.news.append(
        News(
            FeedLine(
                kind="repository",
                action=event.action,
                repository_id=payload.id,
                installation_id=event.installation_id,
                object_key=payload.full_name,
                title=payload.full_name,
                actor=event.actor,
                html_url=payload.html_url,
            )
        )
    )
    changes.upserts.append(Upsert(MERGE, [row(payload, event.installation_id)]))
    if event.action == "deleted":
        changes.tombstones.append(Tombstone(MERGE, [payload.id], event.received_at))
    elif event.action == "edited":
        # Of the default branch, perhaps, which decides whose commits count.
        changes.followups.add(FollowUp("sync_git", payload.id))
    elif event.action in ("created", "transferred"):
        # A transfer may have left this installation or entered it: only the listing knows.
        changes.followups.add(FollowUp("refresh_installation", event.installation_id))
    return changes


RESOURCE = Resource(
    name="repository",
    merge=MERGE,
    handlers={"repository": on_repository},
    graphql_type="Repository",
)
