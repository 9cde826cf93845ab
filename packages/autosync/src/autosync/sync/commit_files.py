"""The files that commits changed, and so their sizes, read from git: no request, no point.

Of a repository that is too large for it (AUTOSYNC_COMMIT_FILES) sizes come from GraphQL, and files
are not known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter

from django.db import connection, transaction
from django.db.models.functions import Coalesce, Now

from autosync import connect
from autosync.github import GitReader, InstallationClient
from autosync.github.git_changes import CommitChanges
from autosync.killpoints import reached
from autosync.kinds import git_carried
from autosync.models import Commit, Repository, ResourceCursor
from autosync.storable import BIGGEST_INTEGER, text
from autosync.sync.identity import fetched
from autosync.sync.locks import exclusive
from autosync.sync.standing import unfinished

# Commits that one `git log` is given, and files that one transaction stores, about.
_COMMITS = 10_000
_FILES = 10_000


def files_later(repository: Repository) -> None:
    """There are new commits: remember it in the transaction that ends their reading."""
    unfinished(repository, "commit_file")


def sync_files(
    repository: Repository, client: InstallationClient, progress: Callable[[], None]
) -> int:
    """Read the files of the commits that lack them, newest first; returns of how many commits.

    What is lacking is itself the cursor. Commits that no ref reaches are not in a fresh clone, and
    stay as they are. Raises Busy while somebody else is at this repository's git.
    """
    cursors = ResourceCursor.objects.filter(repository=repository, resource="commit_file")
    if not cursors.exclude(state=ResourceCursor.State.COMPLETE).exists():
        return 0
    count = 0
    # Whoever brings new commits holds this too, and asks for their files before it lets go.
    with exclusive("git", repository.pk, wait=True):
        if connect.files_are_affordable(repository):
            reader = connect.git_reader(repository, client)
            if not reader.is_whole():
                reader = fetched(repository, client)
            for batch in _batches(repository, reader):
                with transaction.atomic():
                    count += _store(repository, batch)
                    progress()
                reached("files: some stored, not all")
        read = Commit.objects.filter(repository=repository).exclude(files_at=None).count()
        cursors.update(
            state=ResourceCursor.State.COMPLETE,
            done=read,
            total=read,
            backfilled_at=Coalesce("backfilled_at", Now()),
            error="",
        )
    return count


def _batches(repository: Repository, reader: GitReader) -> Iterator[list[CommitChanges]]:
    """What the commits without files changed, in pieces of a transaction each."""
    lacking = Commit.objects.filter(
        repository=repository, files_at__isnull=True, complete=True, orphaned_at__isnull=True
    )
    shas = list(lacking.order_by("-committed_at").values_list("sha", flat=True))
    for start in range(0, len(shas), _COMMITS):
        batch: list[CommitChanges] = []
        files = 0
        for one in reader.changes(reader.known(shas[start : start + _COMMITS])):
            batch.append(one)
            files += 1 + len(one.files)
            if files > _FILES:
                yield batch
                batch, files = [], 0
        if batch:
            yield batch


def _store(repository: Repository, batch: Sequence[CommitChanges]) -> int:
    sizes = [
        (
            one.sha,
            min(one.additions, BIGGEST_INTEGER),
            min(one.deletions, BIGGEST_INTEGER),
            len(one.files),
        )
        for one in batch
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commits c SET additions = d.additions, deletions = d.deletions, "
            "changed_files = d.files, size_unknown = '', files_at = now() "
            "FROM unnest(%s::text[], %s::int[], %s::int[], %s::int[]) "
            "AS d(sha, additions, deletions, files) "
            "WHERE c.repository_id = %s AND c.sha = d.sha AND c.files_at IS NULL "
            "RETURNING c.sha, c.id",
            [*(list(column) for column in zip(*sizes, strict=True)), repository.pk],
        )
        ids = dict(cursor.fetchall())
        kind = git_carried()
        by = kind.by_git
        names = [name for name in kind.merge.content if name in kind.gives["git"]]
        told, carried = attrgetter(*names), attrgetter(by.under)
        columns = ", ".join([by.link, kind.model.scope, "position", *names])
        with cursor.copy(f"COPY {kind.merge.table} ({columns}) FROM STDIN") as copy:
            for one in batch:
                if (key := ids.get(one.sha)) is None:
                    continue
                for place, item in enumerate(carried(one)):
                    values = (text(v) if type(v) is str else v for v in told(item))
                    copy.write_row((key, repository.pk, place, *values))
    return len(ids)
