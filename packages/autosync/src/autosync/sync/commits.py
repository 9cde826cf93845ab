"""Commits and refs from git, details and authors from GraphQL, contributors from both."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

from django.db import connection, transaction
from django.utils import timezone

from autosync.github import GraphQLTooHeavy, InstallationClient
from autosync.github.git import GitReader
from autosync.killpoints import reached
from autosync.kinds import git_history, git_lists, git_lists_later
from autosync.kinds.commit import commit_lines
from autosync.kinds.ref import full_name, split_ref
from autosync.mirror.digest import DIGEST
from autosync.mirror.doubt import LAG
from autosync.mirror.feed import publish
from autosync.mirror.moves import replace_whole
from autosync.mirror.upsert import Rule, upsert
from autosync.models import Commit, Repository, ResourceCursor
from autosync.sync.commit_details import (
    ask_again,
    fetch_alone,
    fetch_details,
    store_accounts,
    store_details,
    to_ask,
    without_sizes,
)
from autosync.sync.commit_files import files_later
from autosync.sync.identity import advertised, fetched
from autosync.sync.identity import asked_at as git_asked_at
from autosync.sync.locks import exclusive
from autosync.sync.paging import Paging
from autosync.sync.standing import GIT, unfinished

T = TypeVar("T")
CHUNK = 5_000
DETAILS_PER_CALL = 100
Progress = Callable[[], None]


def sync_commits(
    repository: Repository, client: InstallationClient, progress: Progress, patience: float = 0
) -> int:
    """Bring commits and refs in step with git; returns how many rows changed.

    Raises Busy when somebody else is at it for longer than `patience` seconds (0: waits). The
    cursor remembers the heads whose whole history is stored, the head from which the default branch
    was marked (null: half marked), and the heads of passes that were cut off. Chunks commit as they
    are read, so a kill costs a local re-read of git's own log and no request.
    """
    with exclusive("git", repository.pk, wait=True, seconds=patience):
        cursor, _ = ResourceCursor.objects.get_or_create(repository=repository, resource=GIT)
        stored: dict[str, Any] = {"heads": [], "default": "", "begun": []}
        stored |= json.loads(cursor.cursor or "{}")
        asked_at = git_asked_at(repository)
        repository.refresh_from_db(fields=["default_branch"])
        if cursor.state == ResourceCursor.State.COMPLETE:
            remote = advertised(repository, client)
            # Another default branch marks other commits, although no ref has moved.
            default = remote.get(f"refs/heads/{repository.default_branch}", "")
            if default == stored["default"] and _same_refs(repository, remote):
                cursor.watermark = asked_at
                cursor.save()
                return 0
        cursor.state = ResourceCursor.State.RUNNING
        cursor.backfill_started_at = cursor.backfill_started_at or asked_at
        cursor.save()
        reader = fetched(repository, client)
        repository.refresh_from_db(fields=["default_branch"])
        reached("git: fetched, not read")
        refs = followed(reader.refs())
        heads = sorted(set(refs.values()))
        default = refs.get(f"refs/heads/{repository.default_branch}", "")
        # After a kill the refs may be back to what they were: what is begun here is then undone.
        begun = {
            "begun": sorted({*stored["begun"], *heads} - {*stored["heads"]}),
            "default": default if default == stored["default"] else None,
        }
        cursor.cursor = json.dumps(stored | begun)
        cursor.save()
        count = _store_commits(repository, reader, heads, stored["heads"], cursor, progress)
        reached("git: commits stored, refs not")
        count += _mark_default_branch(repository, reader, default, stored["default"])
        reached("git: default branch marked, refs not stored")
        with transaction.atomic():
            _mark_orphans(repository, reader, heads, [*stored["heads"], *stored["begun"]], asked_at)
            count += _store_lists(repository, reader, asked_at)
            cursor.cursor = json.dumps({"heads": heads, "default": default})
            cursor.state = ResourceCursor.State.COMPLETE
            cursor.done = cursor.total = _count(repository)
            cursor.backfilled_at = cursor.backfilled_at or timezone.now()
            cursor.watermark = asked_at
            cursor.error = ""
            cursor.save()
            files_later(repository)
            # Not before: whoever counts meanwhile sees the default branch half marked.
            count_contributors_later(repository)
            reached("git: refs stored, not committed")
        reached("git: refs committed, contributors not counted")
        return count


def sync_details(repository: Repository, client: InstallationClient, progress: Progress) -> int:
    """Ask GraphQL for what git does not say of commits: their authors' accounts, once for each
    e-mail address; and additions and deletions of those whose files git was not asked for.

    100 commits cost one point. What is still missing is itself the cursor. A commit that GitHub
    does not know yet is left for later if it was seen just now: GraphQL lags behind git. One whose
    changes it cannot count is without its sizes for good, with the reason in `size_unknown`.
    """
    total = 0
    ask_again(repository)
    paging = Paging(DETAILS_PER_CALL, repository.pk, "commit details")
    too_new: set[str] = set()
    state, _ = ResourceCursor.objects.get_or_create(repository=repository, resource="commit_detail")
    while True:
        missing, for_all = to_ask(repository, too_new, paging.size)
        if not missing:
            break
        asked_at = timezone.now()
        try:
            if for_all:
                details = without_sizes(repository, client, missing, "")
            else:
                details = fetch_details(repository, client, missing)
        except GraphQLTooHeavy:
            if paging.too_heavy():
                continue
            details = fetch_alone(repository, client, missing)
            paging.was_one_object()
        else:
            paging.went_well()
        reached("details: read, not stored")
        unknown = [sha for sha, found in details if found is None]
        recent = Commit.objects.filter(
            repository=repository, sha__in=unknown, observed_at__gte=asked_at - LAG
        )
        too_new |= set(recent.values_list("sha", flat=True))
        details = [(sha, found) for sha, found in details if sha not in too_new]
        if not details:
            continue
        with transaction.atomic():
            stored = store_accounts(repository, details) if for_all else 0
            alone = [one for one in details if not for_all or one[1] is None]
            if alone:
                store_details(repository, alone)
                stored += len(alone)
            count_contributors_later(repository)
            total += stored
            state.done = (state.done or 0) + stored
            state.total = _count(repository)
            state.state = ResourceCursor.State.RUNNING
            state.save()
            progress()
    if state.state != ResourceCursor.State.COMPLETE and not too_new:
        state.done = state.total = _count(repository)
        state.state = ResourceCursor.State.COMPLETE
        state.backfilled_at = state.backfilled_at or timezone.now()
        state.save()
    return total


def count_contributors_later(repository: Repository) -> None:
    """Remember it in the transaction that ends the change: a kill before the count is healed."""
    unfinished(repository, "contributor")


def refresh_contributors(repository: Repository) -> None:
    """Recount contributors over the default branch, by account where the e-mail has one.

    Does nothing if neither commits nor their authors changed since the last count.
    """
    with transaction.atomic():
        # Locked before counting: whoever changes commits meanwhile asks for another count after it.
        counted, _ = ResourceCursor.objects.select_for_update().get_or_create(
            repository=repository, resource="contributor"
        )
        if counted.state == ResourceCursor.State.COMPLETE:
            return
        with connection.cursor() as cursor:
            cursor.execute(_CONTRIBUTORS, {"repository": repository.pk})
        counted.state = ResourceCursor.State.COMPLETE
        counted.done = counted.total = repository.contributors.count()
        counted.backfilled_at = timezone.now()
        counted.save()


_CONTRIBUTORS = """
WITH people AS (
    SELECT CASE WHEN author_user_id IS NOT NULL THEN 'user:' || author_user_id
                ELSE 'email:' || lower(author_email) END AS identity,
           max(author_user_id) AS github_user_id, max(author_login) AS login,
           (array_agg(author_name ORDER BY authored_at DESC NULLS LAST))[1] AS name,
           (array_agg(author_email ORDER BY authored_at DESC NULLS LAST))[1] AS email,
           count(*) AS contributions,
           min(authored_at) AS first_commit_at, max(authored_at) AS last_commit_at
    FROM commits
    WHERE repository_id = %(repository)s AND on_default_branch AND deleted_at IS NULL
    GROUP BY 1
), gone AS (
    DELETE FROM contributors c WHERE c.repository_id = %(repository)s
    AND NOT EXISTS (SELECT FROM people p WHERE p.identity = c.identity)
)
INSERT INTO contributors AS old (repository_id, identity, github_user_id, login, name, email,
                                 contributions, first_commit_at, last_commit_at)
SELECT %(repository)s, identity, github_user_id, login, name, email,
       contributions, first_commit_at, last_commit_at
FROM people
ON CONFLICT (repository_id, __IDENTITY__) DO UPDATE
SET github_user_id = EXCLUDED.github_user_id, login = EXCLUDED.login, name = EXCLUDED.name,
    email = EXCLUDED.email, contributions = EXCLUDED.contributions,
    first_commit_at = EXCLUDED.first_commit_at, last_commit_at = EXCLUDED.last_commit_at
WHERE (old.github_user_id, old.login, old.name, old.email, old.contributions,
       old.first_commit_at, old.last_commit_at)
      IS DISTINCT FROM (EXCLUDED.github_user_id, EXCLUDED.login, EXCLUDED.name, EXCLUDED.email,
       EXCLUDED.contributions, EXCLUDED.first_commit_at, EXCLUDED.last_commit_at)
""".replace("__IDENTITY__", DIGEST.format("identity"))


def chunks(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _count(repository: Repository) -> int:
    return Commit.objects.filter(repository=repository).count()


def refs_here(repository: Repository) -> dict[str, str]:
    """Branches and tags of the mirror under git's names, with their commits."""
    return {
        full_name(kind, name): sha
        for kind, name, sha in repository.refs.filter(deleted_at__isnull=True).values_list(
            "kind", "name", "sha"
        )
    }


def followed(refs: Mapping[str, str]) -> dict[str, str]:
    """The branches and tags of these."""
    return {name: sha for name, sha in refs.items() if split_ref(name)}


def marked_from(repository: Repository) -> str | None:
    """The head from which the default branch was marked; empty before that, None if half marked."""
    cursor = ResourceCursor.objects.filter(repository=repository, resource=GIT).first()
    if cursor is None or not cursor.cursor:
        return ""
    marked: str | None = json.loads(cursor.cursor)["default"]
    return marked


def _same_refs(repository: Repository, remote: dict[str, str]) -> bool:
    incomplete = Commit.objects.filter(
        repository=repository, complete=False, orphaned_at__isnull=True
    )
    return refs_here(repository) == followed(remote) and not incomplete.exists()


def _store_commits(
    repository: Repository,
    reader: GitReader,
    heads: Sequence[str],
    known: Sequence[str],
    cursor: ResourceCursor,
    progress: Progress,
) -> int:
    count = 0
    kind = git_history()
    make = kind.git.make
    for chunk in chunks(reader.commits(new=heads, known=known), CHUNK):
        rows = [make(commit, repository.pk) for commit in chunk]
        with transaction.atomic():
            result = upsert(kind.merge, rows, observed_at=timezone.now(), rule=Rule.VERSIONED)
            Commit.objects.filter(
                repository=repository, sha__in=[c.sha for c in chunk], orphaned_at__isnull=False
            ).update(orphaned_at=None)
            if repository.imported_at is not None:
                # Before its push was applied, or instead of one that was lost.
                new = {key[1] for key in result.inserted}
                publish(commit_lines(repository, [c for c in chunk if c.sha in new]))
            cursor.done += len(chunk)
            cursor.save()
            progress()
        count += len(result.changed)
    return count


def _mark_orphans(
    repository: Repository,
    reader: GitReader,
    heads: Sequence[str],
    previous: Sequence[str],
    asked_at: datetime,
) -> None:
    """Mark what was reached and is no more; and what a push named and git no longer has."""
    left = sorted(set(previous) - set(heads))
    lost = reader.known(left)
    if len(lost) < len(left):
        # A fresh clone does not hold what no ref reaches any more.
        _mark_unreached(repository, reader, heads, asked_at)
    for chunk in chunks(reader.commits(new=lost, known=heads), CHUNK):
        Commit.objects.filter(repository=repository, sha__in=[c.sha for c in chunk]).update(
            orphaned_at=asked_at, on_default_branch=False
        )
    # It was pushed before git was asked, and forced away before git could answer.
    Commit.objects.filter(
        repository=repository,
        complete=False,
        orphaned_at__isnull=True,
        observed_at__lt=asked_at,
    ).update(orphaned_at=asked_at)


def _mark_unreached(
    repository: Repository, reader: GitReader, heads: Sequence[str], asked_at: datetime
) -> None:
    """Mark every commit that `heads` do not reach, read from the whole history."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE reached_commits (sha text) ON COMMIT DROP")
        for chunk in chunks(reader.commits(new=heads), CHUNK):
            cursor.execute(
                "INSERT INTO reached_commits SELECT unnest(%s::text[])", [[c.sha for c in chunk]]
            )
        cursor.execute("ANALYZE reached_commits")
        cursor.execute(
            "UPDATE commits SET orphaned_at = %(asked_at)s, on_default_branch = false "
            "WHERE repository_id = %(repository)s AND orphaned_at IS NULL AND complete "
            "AND observed_at < %(asked_at)s "
            "AND NOT EXISTS (SELECT FROM reached_commits r WHERE r.sha = commits.sha)",
            {"repository": repository.pk, "asked_at": asked_at},
        )


def _mark_default_branch(
    repository: Repository, reader: GitReader, head: str, previous: str | None
) -> int:
    """Keep `on_default_branch` true for exactly the commits the default branch reaches.

    `previous` is the head from which it was marked, None if that was cut off in the middle.
    """
    if head == previous:
        return 0
    marked = 0
    shas: Iterator[str]
    # A fresh clone holds what was the head only if something still reaches it.
    known = bool(previous and head and reader.known([previous]))
    if previous and known and not any(reader.commits(new=[previous], known=[head])):
        shas = (commit.sha for commit in reader.commits(new=[head], known=[previous]))
    else:
        Commit.objects.filter(repository=repository, on_default_branch=True).update(
            on_default_branch=False
        )
        shas = reader.ancestors(head) if head else iter(())
    for chunk in chunks(shas, CHUNK):
        marked += Commit.objects.filter(repository=repository, sha__in=chunk).update(
            on_default_branch=True
        )
    return marked


def _store_lists(repository: Repository, reader: GitReader, asked_at: datetime) -> int:
    """The kinds of which git tells all that there is, as it has them now."""
    count = 0
    for kind in git_lists():
        if kind in git_lists_later():
            unfinished(repository, kind.name)
            continue
        rows = [kind.git.make(one, repository.pk) for one in kind.by_git.tells(reader)]
        scope = {kind.model.scope: repository.pk}
        count += replace_whole(kind.merge, rows, scope, asked_at)
    return count
