"""Repositories: identity by id through renames and transfers, visibility, archival, removal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autosync.kinds._events import (
    Changes,
    Event,
    FollowUp,
    News,
    Patch,
    RepositoryPayload,
    Resource,
    Tombstone,
    Upsert,
    timestamp,
)
from autosync.kinds._payload import IncompletePayload, read
from autosync.mirror.feed import FeedLine
from autosync.mirror.models import Repository
from autosync.mirror.upsert import Merge, Person, Row

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
        "license_key",
        "license_name",
        "license_spdx_id",
        "size",
        "stargazers_count",
        "forks_count",
        "created_at",
        "pushed_at",
    ),
    # A late event names the installation that was; none moves a repository back to it.
    listed=frozenset({"installation_id"}),
    people=(Person(login="owner_login"),),
    prose=("description", "homepage"),
)
# What the stubs in installation events tell; the listing fills in the rest.
STUB = Merge(
    Repository,
    key=("github_id",),
    columns=("node_id", "installation_id", "owner_login", "name", "full_name", "private"),
    variant="_stub",
    people=(Person(login="owner_login"),),
)


def row(payload: RepositoryPayload, installation_id: int) -> Row:
    private = is_private(payload)
    return {
        **_identity(payload, installation_id),
        "description": payload.description or "",
        "homepage": payload.homepage or "",
        "language": payload.language or "",
        "topics": sorted(payload.topics),
        "visibility": payload.visibility or ("private" if private else "public"),
        "private": private,
        "fork": payload.fork,
        "archived": payload.archived,
        "disabled": payload.disabled,
        "has_issues": payload.has_issues,
        "has_pull_requests": payload.has_pull_requests,
        "default_branch": payload.default_branch or "",
        "html_url": payload.html_url,
        "clone_url": payload.clone_url,
        "license_key": payload.license.key if payload.license else "",
        "license_name": payload.license.name if payload.license else "",
        "license_spdx_id": (payload.license.spdx_id or "") if payload.license else "",
        "size": payload.size,
        "stargazers_count": payload.stargazers_count,
        "forks_count": payload.forks_count,
        "created_at": timestamp(payload.created_at),
        "updated_at": timestamp(payload.updated_at),
        "pushed_at": timestamp(payload.pushed_at),
    }


def row_from_rest(document: Mapping[str, Any], installation_id: int) -> Row:
    """A row from `GET /installation/repositories` or `GET /repositories/{id}` (one item)."""
    found = row(read(document, RepositoryPayload).value, installation_id)
    if "/" not in found["full_name"]:
        # The answer would be taken for the truth, and the repository lose its name.
        raise IncompletePayload(f"GitHub left out the name of repository {found['github_id']}.")
    return found


def stub_row(payload: RepositoryPayload, installation_id: int) -> Row:
    return {
        **_identity(payload, installation_id),
        "private": is_private(payload),
        "updated_at": None,
    }


def is_private(payload: RepositoryPayload) -> bool:
    """Nobody is shown more than GitHub said: private unless it is known to be public."""
    if payload.private is None:
        return payload.visibility != "public"
    return payload.private


def _identity(payload: RepositoryPayload, installation_id: int) -> Row:
    """Its ids and names; either name tells the other."""
    owner, _, name = payload.full_name.partition("/")
    owner = payload.owner.login if payload.owner and payload.owner.login else owner
    name = payload.name or name
    return {
        "github_id": payload.id,
        "node_id": payload.node_id,
        "installation_id": installation_id,
        "owner_login": owner,
        "name": name,
        "full_name": payload.full_name or (f"{owner}/{name}" if owner and name else name),
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
        return changes
    if not event.action or any(field.startswith("repository.") for field in event.amiss):
        # Stored as far as it goes; the listing has the rest.
        doubt = {"dirty_at": event.received_at}
        changes.patches.append(Patch(MERGE, [payload.id], doubt))
        changes.followups.add(FollowUp("refresh_installation", event.installation_id))
    if event.action == "edited":
        # Of the default branch, perhaps, which decides whose commits count.
        changes.followups.add(FollowUp("sync_git", payload.id))
    elif event.action in ("created", "transferred"):
        # A transfer may have left this installation or entered it: only the listing knows.
        changes.followups.add(FollowUp("refresh_installation", event.installation_id))
    return changes


NEEDS = {"metadata": "read"}  # GitHub grants it to every App
RESOURCE = Resource(
    name="repository",
    merge=MERGE,
    handlers={"repository": on_repository},
    graphql_type="Repository",
    scope="installation_id",
)
