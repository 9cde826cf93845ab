"""Commits of another repository, stored while names were trusted: found by asking, and removed.

A commit that no ref reaches any more is kept, for GitHub keeps it too: `object(oid:)` still finds
it. One that GitHub does not know in the repository was never its own. A fork shares its commits
with the repository it comes from: among these a foreign one cannot be told, and does no harm.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from autosync.github import GitReader, GraphQLTooHeavy, InstallationClient
from autosync.mirror.doubt import IN_FLIGHT
from autosync.models import Commit, FeedEvent, Repository
from autosync.sync.commits import CHUNK, chunks, count_contributors_later
from autosync.sync.refusals import out_of_sight

_PER_CALL = 100  # objects for a point


def foreign_commits(repository: Repository, client: InstallationClient) -> list[str]:
    """Commits that no ref reaches and that GitHub does not know in this repository.

    A point for a hundred commits that no ref reaches; nothing if there are none.
    """
    unreached = Commit.objects.filter(
        repository=repository,
        complete=True,
        orphaned_at__isnull=False,
        # GraphQL lags behind git.
        observed_at__lt=timezone.now() - IN_FLIGHT,
    )
    shas = unreached.order_by("sha").values_list("sha", flat=True)
    return [sha for chunk in chunks(shas, _PER_CALL) for sha in _unknown(repository, client, chunk)]


def mark_unreached(repository: Repository, reader: GitReader, heads: Sequence[str]) -> None:
    """Mark the commits that count as reached and are not: their heads were never remembered."""
    counted = Commit.objects.filter(repository=repository, complete=True, orphaned_at__isnull=True)
    reached = {bytes.fromhex(one.sha) for one in reader.commits(new=heads)}
    stray = [
        sha
        for sha in counted.values_list("sha", flat=True).iterator(chunk_size=CHUNK)
        if bytes.fromhex(sha) not in reached
    ]
    for chunk in chunks(stray, CHUNK):
        counted.filter(sha__in=chunk, observed_at__lt=timezone.now() - IN_FLIGHT).update(
            orphaned_at=timezone.now(), on_default_branch=False
        )


def remove(repository: Repository, shas: Sequence[str]) -> None:
    """Delete the rows and their lines in the feed, as if they had never been stored."""
    for chunk in chunks(shas, CHUNK):
        with transaction.atomic():
            Commit.objects.filter(repository=repository, sha__in=chunk).delete()
            FeedEvent.objects.filter(
                repository_id=repository.pk, kind="commit", object_key__in=chunk
            ).delete()
            count_contributors_later(repository)


def _unknown(repository: Repository, client: InstallationClient, shas: Sequence[str]) -> list[str]:
    wanted = " ".join(f'c{place}: object(oid: "{sha}") {{ oid }}' for place, sha in enumerate(shas))
    query = f"query($id: ID!) {{ node(id: $id) {{ ... on Repository {{ {wanted} }} }} }}"
    try:
        node = client.graphql(query, {"id": repository.node_id}).data.get("node")
    except GraphQLTooHeavy:
        if len(shas) == 1:
            raise
        middle = len(shas) // 2
        return _unknown(repository, client, shas[:middle]) + _unknown(
            repository, client, shas[middle:]
        )
    if not node:
        raise out_of_sight(repository)
    return [sha for place, sha in enumerate(shas) if node.get(f"c{place}") is None]
