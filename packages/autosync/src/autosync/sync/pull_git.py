"""The commits and files of pull requests, read from git: no request for any of them.

A pull request says itself whether they are of the base and head that it has now, so nothing that
moves these needs to remember more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from django.db import connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from autosync import connect
from autosync.github import GitReader, InstallationClient
from autosync.github.git_pulls import PullChanges, PullRange
from autosync.killpoints import reached
from autosync.kinds.pull_request import UNREAD, PullRequest
from autosync.kinds.pull_request_commit import MERGE, rows_from_git
from autosync.mirror.doubt import LAG, lock_repositories
from autosync.mirror.models import PullRequestCommit, PullRequestFile, Repository, ResourceCursor
from autosync.mirror.people import unnamed
from autosync.storable import storable, text
from autosync.sync.identity import fetched
from autosync.sync.locks import exclusive

RESOURCE = "pull_request_commit"
# Pull requests that git is asked about at once, and rows that one transaction stores, about.
_PULLS = 200
_ROWS = 10_000
# More than these are left to the next sync of the repository: a first reading is no live work.
_LIVE = 500
_TABLES = (PullRequestCommit, PullRequestFile)


def unread_in(repositories: Iterable[Repository]) -> set[int]:
    """Those of the repositories with pull requests that git is still to be asked about, or whose
    rows are to go. One look into an index.
    """
    here = {one.pk: connect.files_are_affordable(one) for one in repositories}
    rows = PullRequest.objects.filter(UNREAD, repository__in=here)
    known = rows.exclude(read_head_sha="").values_list("repository_id").distinct()
    wanted = [pk for pk, affordable in here.items() if affordable]
    new = rows.filter(repository__in=wanted).values_list("repository_id").distinct()
    return {pk for (pk,) in (*known, *new)}


def sync_pull_git(
    repository: Repository,
    client: InstallationClient,
    progress: Callable[[], None],
    patience: float = 0,
) -> int:
    """Read what lacks commits and files, newest first; returns of how many pull requests.

    Raises Busy when somebody else is at this repository's git for longer than `patience` seconds
    (0: waits). A kill costs the batch it hit.
    """
    unread = PullRequest.objects.filter(UNREAD, repository=repository)
    if not unread.exists():
        return 0
    affordable = connect.files_are_affordable(repository)
    _take_away(repository, unread if not affordable else unread.filter(deleted_at__isnull=False))
    waiting = unread.count() if affordable else 0
    if not waiting or (patience and waiting > _LIVE):
        return 0
    begun, _ = ResourceCursor.objects.update_or_create(
        repository=repository,
        resource=RESOURCE,
        defaults={"state": ResourceCursor.State.RUNNING},
    )
    count = 0
    with exclusive("git", repository.pk, wait=True, seconds=patience):
        asked_at = timezone.now()
        reader = _reader(repository, client, unread)
        # What was changed just now may not be in git's answer yet.
        late = Q(observed_at__gte=asked_at - LAG)
        soon = set(unread.filter(late).values_list("pk", flat=True))
        for some in _batches(unread):
            for batch in _pieces(reader.pulls(some), soon):
                count += _store(repository, reader, batch)
                progress()
                reached("pulls: some stored, not all")
    cursor = ResourceCursor.objects.filter(pk=begun.pk)
    read = PullRequest.objects.filter(repository=repository).exclude(read_head_sha="").count()
    cursor.update(done=read, total=read, error="")
    if not unread.exists():
        cursor.update(
            state=ResourceCursor.State.COMPLETE, backfilled_at=Coalesce("backfilled_at", Now())
        )
    return count


def _reader(
    repository: Repository, client: InstallationClient, unread: QuerySet[PullRequest]
) -> GitReader:
    """The repository's git with all that these pull requests name, as far as it is to be had."""
    reader = connect.git_reader(repository, client)
    pairs = list(unread.values_list("base_sha", "head_sha"))
    heads = sorted({head for _, head in pairs})
    if not reader.is_whole() or len(reader.known(heads)) < len(heads):
        reader = fetched(repository, client)
    wanted = sorted({sha for pair in pairs for sha in pair if sha})
    here = set(reader.known(wanted))
    if lost := [sha for sha in wanted if sha not in here]:
        # A branch that was moved away from its commits: GitHub keeps what pull requests name.
        reader.bring(lost)
    return reader


def _batches(unread: QuerySet[PullRequest]) -> Iterator[list[PullRange]]:
    """What they ask for, newest first."""
    found = unread.order_by("-number").values_list("pk", "base_sha", "head_sha")
    asked = [PullRange(*row) for row in found]
    for start in range(0, len(asked), _PULLS):
        yield asked[start : start + _PULLS]


def _pieces(found: Iterable[PullChanges], soon: set[int]) -> Iterator[list[PullChanges]]:
    """In pieces of a transaction each. What is not in git yet, but may be `soon`, stays unread."""
    piece: list[PullChanges] = []
    rows = 0
    for one in found:
        if one.unknown and one.asked.key in soon:
            continue
        piece.append(one)
        rows += 1 + len(one.commits) + len(one.files)
        if rows > _ROWS:
            yield piece
            piece, rows = [], 0
    if piece:
        yield piece


def _store(repository: Repository, reader: GitReader, batch: Sequence[PullChanges]) -> int:
    """Replace what is here of these pull requests, unless they have moved on meanwhile."""
    shas = list(dict.fromkeys(sha for one in batch for sha in one.commits))
    commits = {one.sha: one for one in reader.commits_alone(shas)}
    marks = [(one.asked.key, one.asked.base, one.asked.head, one.unknown) for one in batch]
    with transaction.atomic(), connection.cursor() as cursor:
        lock_repositories({repository.pk})
        cursor.execute(
            "UPDATE pull_requests p SET read_base_sha = d.base, read_head_sha = d.head, "
            "git_unknown = d.unknown "
            "FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::text[]) "
            "AS d(id, base, head, unknown) "
            "WHERE p.github_id = d.id AND p.base_sha = d.base AND p.head_sha = d.head "
            "AND p.deleted_at IS NULL RETURNING p.github_id, p.number",
            [list(column) for column in zip(*marks, strict=True)],
        )
        numbers = dict(cursor.fetchall())
        _delete(repository, numbers.values())
        kept = [(numbers[one.asked.key], one) for one in batch if one.asked.key in numbers]
        names = (*MERGE.key, *MERGE.columns)
        rows = [
            row
            for number, one in kept
            for row in rows_from_git(repository.pk, number, [commits[sha] for sha in one.commits])
        ]
        # It may ask the database, which nobody may in the midst of a COPY.
        named = unnamed(MERGE, rows)
        with cursor.copy(f"COPY {MERGE.table} ({', '.join(names)}) FROM STDIN") as copy:
            for row in named:
                copy.write_row(storable([row[name] for name in names]))
        with cursor.copy(
            f"COPY {PullRequestFile._meta.db_table} (repository_id, pull_request_number, position, "
            "path, previous_path, status, additions, deletions) FROM STDIN"
        ) as copy:
            for number, one in kept:
                for place, file in enumerate(one.files):
                    copy.write_row(
                        (repository.pk, number, place, text(file.path), text(file.previous_path),
                         file.status, file.additions, file.deletions)
                    )  # fmt: skip
    return len(numbers)


def _take_away(repository: Repository, rows: QuerySet[PullRequest]) -> None:
    """What is here of pull requests that are gone, or that git is not asked about any more."""
    with transaction.atomic():
        lock_repositories({repository.pk})
        read = rows.exclude(read_head_sha="")
        _delete(repository, list(read.values_list("number", flat=True)))
        read.update(read_base_sha="", read_head_sha="", git_unknown="")


def _delete(repository: Repository, numbers: Iterable[int]) -> None:
    for model in _TABLES:
        model.objects.filter(repository=repository, pull_request_number__in=list(numbers)).delete()
