"""Where the mirror stands with many repositories, in the terms in which GitHub tells the news."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from autosync.kinds import git_history, git_lists_later, listed_resources, nested_kinds
from autosync.kinds._events import Resource
from autosync.mirror.models import Repository, ResourceCursor
from autosync.sync.pull_git import unread_in
from autosync.sync.unread import NOT_ANSWERED

GIT = git_history().name  # the resource whose cursor tells how far git was read


@dataclass(frozen=True, slots=True)
class ListHere:
    """How many objects are here, also those that could not be read or that GitHub counts and does
    not list, and up to when changes were read (None: never completely)."""

    alive: int
    watermark: datetime | None


@dataclass(frozen=True, slots=True)
class Here:
    """Where the mirror stands with one repository.

    `watermark` is when git was last compared, None if that was cut off. `marked` is the head from
    which the default branch was marked, None if that was. `incomplete`: a push named commits that
    git has not shown yet. `unfinished`: something is to be asked for again, or derived.
    """

    lists: Mapping[str, ListHere]
    watermark: datetime | None
    default_branch: str
    head: str
    marked: str | None
    incomplete: bool = False
    unfinished: bool = False


def unfinished(repository: Repository, resource: str) -> None:
    """Remember that there is more to do, in the transaction that brings it: a kill is healed."""
    ResourceCursor.objects.update_or_create(
        repository=repository,
        resource=resource,
        defaults={"state": ResourceCursor.State.RUNNING},
    )


def was_read(resource: Resource, repository: Repository) -> bool:
    """Whether this kind was ever read to its end."""
    cursors = ResourceCursor.objects.filter(repository=repository, resource=resource.name)
    return cursors.filter(backfilled_at__isnull=False).exists()


def wanted_version(resource: Resource) -> int:
    """What a cursor says once all is read as it is now: rises with the version of the kind, and of
    those that are read inside its objects.
    """
    inside = [one.resource.merge for one in (resource.rest.riding if resource.rest else ())]
    return 1 + sum(merge.version - 1 for merge in (resource.merge, *inside))


def begin(resource: Resource, repository: Repository) -> None:
    """Note with which version the first reading begins: an upgrade may come before its end."""
    version = wanted_version(resource)
    cursor, created = ResourceCursor.objects.get_or_create(
        repository=repository, resource=resource.name, defaults={"version": version}
    )
    if not created and cursor.backfill_started_at is None:
        ResourceCursor.objects.filter(pk=cursor.pk).update(version=version)


def read_again_of(repository_ids: Iterable[int] | None = None) -> QuerySet[ResourceCursor]:
    """The cursors of kinds that were read before they gained columns; of these repositories, or of
    all.
    """
    older = Q(pk__in=())
    for one in (*listed_resources(), *(kind.resource for kind in nested_kinds())):
        wanted = wanted_version(one)
        if wanted > 1:
            before = Q(version__isnull=True) | Q(version__lt=wanted)
            older |= Q(resource=one.name) & before
    found = ResourceCursor.objects.filter(older, backfilled_at__isnull=False, unavailable="")
    return found if repository_ids is None else found.filter(repository__in=list(repository_ids))


def standing(repository_ids: Iterable[int]) -> dict[int, Here]:
    """Where these repositories stand; the number of queries does not depend on theirs."""
    ids = list(repository_ids)
    resources = listed_resources()
    values: dict[str, Any] = {"ids": ids, "complete": ResourceCursor.State.COMPLETE.value}
    lists: dict[int, dict[str, ListHere]] = {pk: {} for pk in ids}
    waiting = unread_in(Repository.objects.filter(pk__in=ids).only("size"))
    with connection.cursor() as cursor:
        for resource in resources:
            sql = _LIST.replace("TABLE", resource.merge.table).replace("SAME", _same(resource))
            cursor.execute(sql, values | {"resource": resource.name})
            for pk, alive, watermark in cursor.fetchall():
                lists[pk][resource.name] = ListHere(alive, watermark)
        read = [GIT, *(resource.name for resource in resources)]
        values |= {"git": GIT, "read": read, "silent": f"{NOT_ANSWERED}%"}
        later = [kind.resource for kind in git_lists_later()]
        values |= {"later": [one.name for one in later]}
        cursor.execute(_GIT, values | {"versions": list(map(wanted_version, later))})
        return {
            pk: Here(lists[pk], watermark, branch, head or "", marked, incomplete, more)
            for pk, watermark, branch, head, marked, incomplete, unfinished in cursor.fetchall()
            for more in [unfinished or pk in waiting]
        }


def _same(resource: Resource) -> str:
    """SQL: the row is that of what could not be read, whose key is a text."""
    merge = resource.merge
    if len(merge.key) > 1:
        return "false"  # forgotten as soon as it is read
    [key] = merge.key
    return f"t.{key} = u.key::{merge.fields[key].db_type(connection)}"


_LIST = """
SELECT r.id,
       (SELECT count(*) FROM TABLE t WHERE t.repository_id = r.id AND t.deleted_at IS NULL)
       + (SELECT count(*) FROM unread_objects u WHERE u.repository_id = r.id
          AND u.resource = %(resource)s AND NOT EXISTS (
              SELECT FROM TABLE t WHERE SAME AND t.deleted_at IS NULL))
       + coalesce((SELECT c.unlisted FROM resource_cursors c
                   WHERE c.repository_id = r.id AND c.resource = %(resource)s), 0),
       (SELECT c.watermark FROM resource_cursors c
        WHERE c.repository_id = r.id AND c.resource = %(resource)s
        AND c.state = %(complete)s AND c.backfilled_at IS NOT NULL)
FROM unnest(%(ids)s::bigint[]) AS r(id)
"""
_GIT = """
SELECT r.github_id, c.watermark, r.default_branch,
       (SELECT f.sha FROM refs f WHERE f.repository_id = r.github_id AND f.kind = 'branch'
        AND f.name = r.default_branch AND f.deleted_at IS NULL),
       nullif(c.cursor, '')::json ->> 'default',
       EXISTS (SELECT FROM commits m WHERE m.repository_id = r.github_id
               AND NOT m.complete AND m.orphaned_at IS NULL),
       EXISTS (SELECT FROM resource_cursors o WHERE o.repository_id = r.github_id
               AND o.resource <> ALL (%(read)s) AND o.state <> %(complete)s
               AND o.unavailable = '')
       OR (c.id IS NOT NULL AND (
           SELECT count(*) FROM resource_cursors l WHERE l.repository_id = r.github_id
           AND l.state = %(complete)s AND (l.resource, l.version) IN (
               SELECT * FROM unnest(%(later)s::text[], %(versions)s::int[])))
           < cardinality(%(later)s::text[]))
       OR EXISTS (SELECT FROM unread_objects u WHERE u.repository_id = r.github_id)
       OR EXISTS (SELECT FROM commits m WHERE m.repository_id = r.github_id
                  AND m.size_unknown <> '' AND m.size_unknown LIKE %(silent)s)
FROM repositories r
LEFT JOIN resource_cursors c ON c.repository_id = r.github_id
     AND c.resource = %(git)s AND c.state = %(complete)s
WHERE r.github_id = ANY (%(ids)s)
"""
