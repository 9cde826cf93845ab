"""What GitHub alone knows of a commit: its author's account, and sizes where it can count them."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import F
from django.db.models.functions import Greatest, Least, Now

from autosync.github import GraphQLTooHeavy, InstallationClient
from autosync.github.hiccups import is_uncountable
from autosync.mirror.people import GHOST, current
from autosync.models import Commit, FeedEvent, Repository
from autosync.sync.refusals import out_of_sight
from autosync.sync.unread import NOT_ANSWERED

_SIZES = "additions deletions changedFilesIfAvailable"
_AUTHOR = "author { user { databaseId login } }"
_ALIAS = re.compile(r"c[0-9]+")
_INTEGERS = range(-(2**31), 2**31)
Details = list[tuple[str, dict[str, Any] | None]]
_Stored = tuple[Any, ...]


def to_ask(repository: Repository, left_out: Collection[str], size: int) -> tuple[list[str], bool]:
    """Commits to ask GitHub for, newest first, and whether each speaks for all of its author.

    It does where git has told the sizes: the account is "the GitHub user corresponding to the email
    field" (https://docs.github.com/graphql/reference/objects#gitactor). The oldest is asked for,
    which GraphQL knows if it knows any.
    """
    lacking = Commit.objects.filter(repository=repository, detailed_at__isnull=True)
    lacking = lacking.exclude(sha__in=left_out)
    authors = lacking.filter(files_at__isnull=False).order_by("author_email", "committed_at")
    oldest = list(authors.distinct("author_email").values_list("sha", flat=True)[:size])
    if oldest:
        return oldest, True
    return list(lacking.order_by("-committed_at").values_list("sha", flat=True)[:size]), False


def fetch_details(
    repository: Repository, client: InstallationClient, shas: Sequence[str]
) -> Details:
    """What GitHub has of each commit (None: it knows none such), and under `unknown` why not its
    sizes.
    """
    node, errors = _ask(repository, client, shas, f"{_SIZES} {_AUTHOR}")
    found = dict(_answered(node, shas))
    reasons: dict[str, str] = {}
    for error in errors:
        aliases = [step for step in error.get("path") or () if _ALIAS.fullmatch(str(step))]
        # Without a path it may be of any that is not whole.
        blamed = [shas[int(alias[1:])] for alias in aliases[:1]]
        blamed = blamed or [sha for sha in shas if not _whole(found[sha])]
        reasons |= dict.fromkeys(blamed, str(error.get("message")))
    for sha, reason in reasons.items():
        if (detail := found[sha]) is not None:
            found[sha] = {**detail, "unknown": reason}
    # A count may not be null, so the commit is null instead, author and all.
    again = [sha for sha in reasons if found[sha] is None]
    if again:
        for sha, detail in without_sizes(repository, client, again, ""):
            found[sha] = None if detail is None else {**detail, "unknown": reasons[sha]}
    return list(found.items())


def fetch_alone(repository: Repository, client: InstallationClient, shas: Sequence[str]) -> Details:
    """One commit of which GitHub did not answer even alone. If it answers without the sizes, and
    still not with them, these are the trouble; if not even that, it is an outage, which is raised.
    """
    rest = without_sizes(repository, client, shas, "")
    try:
        return fetch_details(repository, client, shas)
    except GraphQLTooHeavy as error:
        why = f"{NOT_ANSWERED}: {error.what}"
    return [(sha, None if one is None else {**one, "unknown": why}) for sha, one in rest]


def ask_again(repository: Repository) -> None:
    """Commits that GitHub did not answer for, without saying that it cannot count them: it may have
    been a moment's trouble. Asked for again after growing pauses, at last once a day.
    """
    silent = Commit.objects.filter(repository=repository).exclude(size_unknown="")
    pause = Least(
        Greatest(F("detailed_at") - F("observed_at"), timedelta(minutes=1)), timedelta(days=1)
    )
    silent.filter(size_unknown__startswith=NOT_ANSWERED, detailed_at__lt=Now() - pause).update(
        detailed_at=None
    )


def _whole(detail: dict[str, Any] | None) -> bool:
    return detail is not None and not detail.get("unknown")


def without_sizes(
    repository: Repository, client: InstallationClient, shas: Sequence[str], reason: str
) -> Details:
    """The rest of what GitHub has of commits whose sizes it cannot count, and the reason."""
    node, _ = _ask(repository, client, shas, _AUTHOR)
    details = _answered(node, shas)
    return [(sha, None if one is None else {**one, "unknown": reason}) for sha, one in details]


def _ask(
    repository: Repository, client: InstallationClient, shas: Sequence[str], fields: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    query = (
        f"query($id: ID!) {{ node(id: $id) {{ ... on Repository {{ {_wanted(shas)} }} }} }} "
        f"fragment details on Commit {{ {fields} }}"
    )
    reply = client.graphql(query, {"id": repository.node_id}, tolerated=is_uncountable)
    node = reply.data.get("node")
    if not node:
        raise out_of_sight(repository)
    return node, [error for error in reply.errors if is_uncountable(error)]


def _wanted(shas: Sequence[str]) -> str:
    return " ".join(
        f'c{index}: object(oid: "{sha}") {{ ...details }}' for index, sha in enumerate(shas)
    )


def _answered(node: Mapping[str, Any], shas: Sequence[str]) -> Details:
    """What came for `_wanted`."""
    return [(sha, _understood(node.get(f"c{index}"))) for index, sha in enumerate(shas)]


def fetch_accounts(
    client: InstallationClient, asked: Sequence[tuple[Repository, Sequence[str]]]
) -> list[tuple[Repository, Details]]:
    """The accounts of commits of several repositories, in one query, for a point. A repository that
    is not shown, or of which something is wrong, is left out.
    """
    parts = []
    for place, (repository, shas) in enumerate(asked):
        home = f"r{place}: node(id: {json.dumps(repository.node_id)})"
        parts.append(f"{home} {{ ... on Repository {{ databaseId {_wanted(shas)} }} }}")
    query = f"query {{ {' '.join(parts)} }} fragment details on Commit {{ {_AUTHOR} }}"
    reply = client.graphql(query, partial=True)
    spoilt = {error["path"][0] if error.get("path") else None for error in reply.errors}
    found: list[tuple[Repository, Details]] = []
    for place, (repository, shas) in enumerate(asked):
        node = reply.data.get(f"r{place}")
        if not isinstance(node, dict) or node.get("databaseId") != repository.pk:
            continue
        if spoilt & {None, f"r{place}"}:
            continue
        details = _answered(node, shas)
        found.append((repository, [one for one in details if one[1] is not None]))
    return found


def _understood(found: Any) -> dict[str, Any] | None:
    """A commit's details, each of its kind or not there; `unknown` where a size is of none."""
    if not isinstance(found, dict):
        return None
    author = found.get("author")
    user = author.get("user") if isinstance(author, dict) else None
    user = user if isinstance(user, dict) else {}
    login, number = user.get("login"), user.get("databaseId")
    detail: dict[str, Any] = {
        "user_id": number if isinstance(number, int) else None,
        "login": login if isinstance(login, str) else "",
    }
    for name in _SIZES.split():
        size = found.get(name)
        detail[name] = size if isinstance(size, int) and size in _INTEGERS else None
    if "additions" in found and None in (detail["additions"], detail["deletions"]):
        detail["unknown"] = "GitHub answered without the numbers"
    return detail


def store_accounts(repository: Repository, details: Details) -> int:
    """The account of each commit's author, for all of that address whose sizes git has told;
    returns of how many commits.
    """
    told: list[_Stored] = [
        (sha, found["user_id"], found["login"], "") for sha, found in details if found
    ]
    if not told:
        return 0
    theirs, rows = _unnamed(told)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE commits c SET author_user_id = d.user_id, author_login = d.login, "
            "detailed_at = now() "
            "FROM unnest(%s::text[], %s::bigint[], %s::text[], %s::text[]) "
            "AS d(sha, user_id, login, unknown) "
            "JOIN commits asked ON asked.repository_id = %s AND asked.sha = d.sha "
            "WHERE c.repository_id = asked.repository_id AND c.author_email = asked.author_email "
            "AND c.detailed_at IS NULL AND c.files_at IS NOT NULL",
            [*(list(column) for column in zip(*rows, strict=True)), repository.pk],
        )
        count = int(cursor.rowcount)
        if theirs:  # last: it takes the addresses away
            _erase(repository, theirs)
        return count


def store_details(repository: Repository, details: Details) -> None:
    """GitHub was asked for these: nobody asks again."""
    rows = []
    for sha, found in details:
        detail = found or {}
        rows.append(
            (
                sha,
                detail.get("additions"),
                detail.get("deletions"),
                detail.get("changedFilesIfAvailable"),
                detail.get("user_id"),
                detail.get("login") or "",
                (detail.get("unknown") or "")[:1000],
            )
        )
    theirs, rows = _unnamed(rows)
    columns = [list(column) for column in zip(*rows, strict=True)]
    with connection.cursor() as cursor:
        if theirs:
            _erase(repository, theirs)
        cursor.execute(
            "UPDATE commits c SET author_user_id = d.user_id, author_login = d.login, "
            "detailed_at = now(), "
            # What git has counted stays.
            "additions = CASE WHEN c.files_at IS NULL THEN d.additions ELSE c.additions END, "
            "deletions = CASE WHEN c.files_at IS NULL THEN d.deletions ELSE c.deletions END, "
            "changed_files = CASE WHEN c.files_at IS NULL THEN d.files ELSE c.changed_files END, "
            "size_unknown = CASE WHEN c.files_at IS NULL THEN d.unknown ELSE '' END "
            "FROM unnest(%s::text[], %s::int[], %s::int[], %s::int[], %s::bigint[], %s::text[], "
            "%s::text[]) AS d(sha, additions, deletions, files, user_id, login, unknown) "
            "WHERE c.repository_id = %s AND c.sha = d.sha",
            [*columns, repository.pk],
        )


def _unnamed(rows: list[_Stored]) -> tuple[dict[str, uuid.UUID], list[_Stored]]:
    """The commits of forgotten people, and the details without these."""
    forgotten = current()
    if not forgotten:
        return {}, rows
    theirs: dict[str, uuid.UUID] = {}
    kept: list[_Stored] = []
    for sha, *sizes, number, login, unknown in rows:
        person = forgotten.account(number, login) if number or login else None
        if person:
            theirs[sha] = person
            number, login = None, ""
        kept.append((sha, *sizes, number, login, unknown))
    return theirs, kept


def _erase(repository: Repository, theirs: dict[str, uuid.UUID]) -> None:
    """The account tells whose these are, where the address did not: it is theirs too."""
    commits = Commit.objects.filter(repository=repository, sha__in=theirs).exclude(author_email="")
    for sha, email in commits.values_list("sha", "author_email"):
        current().learn(theirs[sha], "email", email)
        same = Commit.objects.filter(author_email__iexact=email)
        same.update(author_name="", author_email="", message="")
        Commit.objects.filter(committer_email__iexact=email).update(
            committer_name="", committer_email=""
        )
        FeedEvent.objects.filter(
            kind="commit", object_key__in=theirs, repository_id=repository.pk
        ).update(title="", actor=GHOST)
