"""Whose git a name leads to: a name is reused, so nothing is stored before GitHub has said.

After a rename the old name may belong to another repository (desktop/desktop#6927, #7202). A git
exchange tells no id. `GET /repositories/{id}` does, for one request, made only when git has brought
something new: a quiet repository costs nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.utils import timezone

from autosync import connect
from autosync.errors import AutoSyncError
from autosync.github import GitReader, InstallationClient, Moved, Unavailable
from autosync.kinds.repository import MERGE, row_from_rest
from autosync.mirror.doubt import audit_soon
from autosync.mirror.models import Repository
from autosync.mirror.upsert import Rule, upsert
from autosync.sync.readers import in_order

logger = logging.getLogger(__name__)
TRIES = 3
_AT_ONCE = 4  # gits that are fetched side by side
_NAMES = 100


@dataclass(frozen=True)
class Ahead:
    """A git that was fetched for its first reading, and known to be this repository's."""

    full_name: str
    asked_at: datetime


_ahead: ContextVar[dict[int, Ahead]] = ContextVar("ahead", default={})  # noqa: B039 (never changed)


def advertised(repository: Repository, client: InstallationClient) -> dict[str, str]:
    """Refs under the repository's name, with their commits; nothing is fetched.

    Not known to be this repository's: compare with them, store none of them.
    """
    try:
        return connect.git_reader(repository, client).ls_remote()
    except Moved:
        if _name_is_current(repository, client):
            raise
        return connect.git_reader(repository, client).ls_remote()


def fetched(repository: Repository, client: InstallationClient) -> GitReader:
    """The repository's git, up to date, and known to be of this id and no other.

    The name is asked for after the fetch: had it been taken meanwhile, it would be another's by
    then. A cache that holds another repository is thrown away. `repository` gets the current name.
    """
    known = _ahead.get().pop(repository.pk, None)
    if known is not None and known.full_name == repository.full_name:
        return connect.git_reader(repository, client)
    for _ in range(TRIES):
        reader = connect.git_reader(repository, client)
        try:
            reader.sync()
        except Moved:
            if _name_is_current(repository, client):
                raise
            continue
        if _name_is_current(repository, client):
            return reader
        logger.warning(
            "what git brought was not of repository %d, now %s: thrown away",
            repository.pk,
            repository.full_name,
        )
        reader.forget()
        # What was stored when names were trusted is found, and removed, by an audit.
        audit_soon([repository.pk])
    raise Unavailable(
        f"The name of repository {repository.pk} changes too often to read its git",
        installation_id=client.installation_id,
    )


def asked_at(repository: Repository) -> datetime:
    """The moment from which on what git brings may lack something: now, or that of a fetch ahead,
    if the next is one.
    """
    known = _ahead.get().get(repository.pk)
    return known.asked_at if known is not None else timezone.now()


@contextmanager
def fetched_ahead(repositories: Sequence[Repository], client: InstallationClient) -> Iterator[None]:
    """Fetch the git of all these, and ask for all their names in one query after that: in the block
    `fetched` takes what is there. The caller holds the lock on each one's git. Whatever is wrong
    with one, its own `fetched` finds it again.
    """

    def fetch(repository: Repository) -> datetime | None:
        started_at = timezone.now()
        try:
            connect.git_reader(repository, client).sync()
        except AutoSyncError:
            return None
        return started_at

    fetches = [partial(fetch, one) for one in repositories]
    fetched_at = in_order(fetches, _AT_ONCE)
    asked = {one.pk: at for one, at in zip(repositories, fetched_at, strict=True)}
    token = _ahead.set(dict(_confirmed(repositories, client, asked)))
    try:
        yield
    finally:
        _ahead.reset(token)


def _confirmed(
    repositories: Sequence[Repository],
    client: InstallationClient,
    asked: dict[int, datetime | None],
) -> Iterator[tuple[int, Ahead]]:
    query = (
        "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Repository { databaseId nameWithOwner } "
        "} }"
    )
    there = [one for one in repositories if asked[one.pk] is not None]
    for start in range(0, len(there), _NAMES):
        group = there[start : start + _NAMES]
        reply = client.graphql(query, {"ids": [one.node_id for one in group]}, partial=True)
        names = {
            node.get("databaseId"): node.get("nameWithOwner")
            for node in reply.data.get("nodes") or ()
            if isinstance(node, dict)
        }
        for one in group:
            at = asked[one.pk]
            if at is not None and names.get(one.pk) == one.full_name:
                yield one.pk, Ahead(one.full_name, at)


def _name_is_current(repository: Repository, client: InstallationClient) -> bool:
    """Ask GitHub for the name of this id; False if it was another, which is adopted."""
    asked_at = timezone.now()
    document = client.get(f"/repositories/{repository.pk}").json()
    row = row_from_rest(document, client.installation_id)
    if row["github_id"] != repository.pk:
        raise Unavailable("GitHub answered about another repository than was asked for")
    known = repository.full_name
    if row["full_name"] == known:
        return True
    upsert(MERGE, [row], observed_at=asked_at, rule=Rule.AUTHORITATIVE)
    repository.refresh_from_db()
    # The answer lags if nothing changed: an event with a later clock has said the name.
    return repository.full_name == known
