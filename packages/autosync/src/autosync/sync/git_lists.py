"""The kinds of which git tells all that there is, beside the refs: tags, and what files of the
default branch say. Read after the refs, and only when these have moved: a quiet day costs nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from autosync import connect
from autosync.github import GitReader, InstallationClient
from autosync.github.files import File, Files
from autosync.github.graph_files import GraphFiles
from autosync.killpoints import reached
from autosync.kinds import Derived, git_lists_later
from autosync.mirror.models import Repository, ResourceCursor
from autosync.mirror.moves import replace_whole
from autosync.mirror.upsert import Row
from autosync.sync.commits import followed
from autosync.sync.identity import fetched
from autosync.sync.locks import exclusive
from autosync.sync.standing import GIT, wanted_version

GIT_LISTS = "git_list"  # the part of a sync that reads them
_COMPLETE = ResourceCursor.State.COMPLETE


def sync_git_lists(
    repository: Repository, client: InstallationClient, progress: Callable[[], None]
) -> int:
    """Read those that are not complete; returns how many rows changed.

    Which are not is said by their cursors, which the reading of refs opens: a kill costs one list.
    The cursor of a kind that a file tells has the commit whose file it was.
    """
    if not _waiting(repository):
        return 0
    with exclusive("git", repository.pk, wait=True):
        read = ResourceCursor.objects.filter(repository=repository, resource=GIT, state=_COMPLETE)
        known = read.values_list("cursor", flat=True).first()
        if known is None:
            return 0  # what refs there are comes first
        asked_at = timezone.now()
        heads = json.loads(known)["heads"]
        if not heads:  # an empty repository has nothing of them, and no git is started for it
            return sum(_store(repository, kind, (), "", asked_at) for kind in _waiting(repository))
        reader = _reader(repository, client, heads)
        repository.refresh_from_db(fields=["default_branch", "node_id"])
        head = reader.refs().get(f"refs/heads/{repository.default_branch}", "")
        waiting = _waiting(repository)
        moved = _moved(repository, waiting, head)
        count = 0
        for kind, rows in told(repository, client, reader, head, moved):
            count += _store(repository, kind, rows, head, asked_at)
            progress()
            reached("git lists: one stored, not all")
        for kind in waiting:
            if kind not in moved:
                _done(repository, kind, head, asked_at)
    return count


def told(
    repository: Repository,
    client: InstallationClient,
    reader: GitReader,
    head: str,
    kinds: Sequence[Derived],
) -> Iterator[tuple[Derived, list[Row]]]:
    """What git has of these kinds now; files are those of the commit `head`, none if it is "".

    Files of a clone that has none are read by GraphQL.
    """
    files: Files = reader if reader.is_whole() else GraphFiles(client, repository.node_id)
    found = chosen(files, head, [kind for kind in kinds if kind.by_git.picks]) if head else {}
    for kind in kinds:
        by, make = kind.by_git, kind.git.make
        if by.picks is None:
            yield kind, [make(one, repository.pk) for one in by.tells(reader)]
        else:
            file = found.get(kind.name)
            rows = by.tells(file) if file is not None else ()
            yield kind, [make(one, repository.pk) for one in rows]


def chosen(files: Files, head: str, kinds: Sequence[Derived]) -> Mapping[str, File]:
    """Kind → the file that it is read from: all of them in two questions."""
    if not kinds:
        return {}
    names = files.names(head)
    paths = {kind.name: kind.by_git.picks(names) for kind in kinds if kind.by_git.picks}
    wanted: dict[str, int] = {}
    for kind in kinds:
        if path := paths[kind.name]:
            wanted[path] = max(kind.by_git.most, wanted.get(path, 0))
    read = files.files(head, wanted) if wanted else {}
    return {name: read[path] for name, path in paths.items() if path and path in read}


def _reader(repository: Repository, client: InstallationClient, heads: Sequence[str]) -> GitReader:
    """The repository's git with the refs that are stored, or later ones."""
    reader = connect.git_reader(repository, client)
    whole = reader.is_whole() or not connect.files_are_affordable(repository)
    if whole and {*followed(reader.refs()).values()} == {*heads}:
        return reader
    return fetched(repository, client)  # another machine's clone was read, or this one was removed


def _waiting(repository: Repository) -> list[Derived]:
    """The kinds that are not complete, or of another version."""
    done = Q(pk__in=())
    for kind in git_lists_later():
        done |= Q(resource=kind.name, version=wanted_version(kind.resource))
    complete = ResourceCursor.objects.filter(done, repository=repository, state=_COMPLETE)
    names = set(complete.values_list("resource", flat=True))
    return [kind for kind in git_lists_later() if kind.name not in names]


def _moved(repository: Repository, kinds: Sequence[Derived], head: str) -> list[Derived]:
    """Those of the kinds that are not read from the very commit that they were read from last."""
    cursors = {
        cursor.resource: cursor
        for cursor in ResourceCursor.objects.filter(
            repository=repository,
            resource__in=[kind.name for kind in kinds],
            backfilled_at__isnull=False,
        )
    }

    def same(kind: Derived) -> bool:
        cursor = cursors.get(kind.name)
        version = wanted_version(kind.resource)
        return (
            kind.by_git.picks is not None
            and cursor is not None
            and (cursor.cursor, cursor.version) == (head, version)
        )

    return [kind for kind in kinds if not same(kind)]


def _store(
    repository: Repository, kind: Derived, rows: Sequence[Row], head: str, asked_at: datetime
) -> int:
    with transaction.atomic():
        count = replace_whole(kind.merge, rows, {kind.model.scope: repository.pk}, asked_at)
        _done(repository, kind, head, asked_at, len(rows))
    return count


def _done(
    repository: Repository,
    kind: Derived,
    head: str,
    asked_at: datetime,
    count: int | None = None,
) -> None:
    """The kind is complete; `count` if its rows were read."""
    values = {
        "state": _COMPLETE,
        "version": wanted_version(kind.resource),
        "watermark": asked_at,
        "error": "",
    }
    if kind.by_git.picks is not None:
        values["cursor"] = head
    if count is not None:
        values |= {"done": count, "total": count, "backfilled_at": timezone.now()}
    ResourceCursor.objects.update_or_create(
        repository=repository, resource=kind.name, defaults=values
    )
