"""Commits and refs: what a push tells at once; git itself tells the rest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from autosync.kinds._events import (
    Changes,
    Event,
    FollowUp,
    News,
    RefMove,
    Resource,
    Upsert,
    When,
    beginning,
)
from autosync.kinds._payload import Name, reader
from autosync.mirror.feed import FeedLine
from autosync.mirror.models import Commit, Ref, Repository
from autosync.mirror.people import current
from autosync.mirror.upsert import Merge, Person, Row

if TYPE_CHECKING:
    from autosync.github.git import GitCommit

MERGE = Merge(
    Commit,
    key=("repository_id", "sha"),
    columns=(
        "message",
        "author_name",
        "author_email",
        "authored_at",
        "committer_name",
        "committer_email",
        "committed_at",
        "parents",
        "complete",
    ),
    clock=False,
    people=(
        Person(
            id="author_user_id",
            login="author_login",
            name="author_name",
            email="author_email",
            writes=("message",),
        ),
        Person(name="committer_name", email="committer_email"),
    ),
)
# More than this in one push is one line of the feed.
_LINES_PER_PUSH = 20


class _Person(msgspec.Struct):
    name: str = ""
    email: str | None = None
    username: Name = ""


class _PushedCommit(msgspec.Struct):
    id: Annotated[str, msgspec.Meta(max_length=64)]
    timestamp: When
    message: str = ""
    url: str = ""
    distinct: bool = True
    author: _Person = msgspec.field(default_factory=_Person)
    committer: _Person = msgspec.field(default_factory=_Person)


class _Push(msgspec.Struct):
    """OpenAPI schema `webhook-push`: at most 2,048 commits, none for a deleted ref."""

    ref: str = ""
    before: str = ""
    after: str = ""
    forced: bool = False
    commits: list[_PushedCommit] = []


_read = reader(_Push)


def row_from_git(commit: GitCommit, repository_id: int) -> Row:
    return {
        "repository_id": repository_id,
        "sha": commit.sha,
        "message": commit.message,
        "author_name": commit.author_name,
        "author_email": commit.author_email,
        "authored_at": commit.authored_at,
        "committer_name": commit.committer_name,
        "committer_email": commit.committer_email,
        "committed_at": commit.committed_at,
        "parents": list(commit.parents),
        "complete": True,
    }


def _row_from_push(commit: _PushedCommit, repository_id: int) -> Row:
    """The payload has one date and no parents: a first sight, completed from git a moment later."""
    return {
        "repository_id": repository_id,
        "sha": commit.id,
        "message": commit.message,
        "author_name": commit.author.name,
        "author_email": commit.author.email or "",
        "authored_at": beginning(commit.timestamp),
        "committer_name": commit.committer.name,
        "committer_email": commit.committer.email or "",
        "committed_at": beginning(commit.timestamp),
        "parents": [],
        "complete": False,
    }


def split_ref(ref: str) -> tuple[str, str] | None:
    """`refs/heads/main` → ("branch", "main"); None for refs that are neither branch nor tag."""
    for prefix, kind in (("refs/heads/", Ref.Kind.BRANCH), ("refs/tags/", Ref.Kind.TAG)):
        if ref.startswith(prefix):
            return kind.value, ref.removeprefix(prefix)
    return None


def _sha(value: str) -> str | None:
    return None if not value.strip("0") else value


def on_push(event: Event) -> Changes:
    """A ref moved. The commits listed are shown at once; git closes whatever gap is left.

    Payload: {"ref": "refs/heads/main", "before": sha, "after": sha, "forced": false,
    "commits": [{"id": sha, "timestamp": …, "author": {…}}, …]}; forty zeros stand for no commit.
    """
    repository = event.envelope.repository
    if repository is None:
        return Changes()
    push = _read(event.body).value
    changes = Changes(followups={FollowUp("sync_git", repository.id)})
    target = split_ref(push.ref)
    if target is None or not push.before or not push.after:
        return changes  # git tells what moved
    kind, name = target
    changes.refs.append(RefMove(repository.id, kind, name, _sha(push.before), _sha(push.after)))
    if push.commits:
        rows = [_row_from_push(c, repository.id) for c in push.commits]
        changes.upserts.append(Upsert(MERGE, rows))
    for commit in push.commits[-_LINES_PER_PUSH:]:
        changes.news.append(
            News(
                _line(
                    event,
                    kind="commit",
                    action="pushed",
                    object_key=commit.id,
                    title=commit.message.partition("\n")[0],
                    actor=commit.author.username or commit.author.name,
                    html_url=commit.url,
                ),
                table=MERGE.table,
                key=(repository.id, commit.id),
            )
        )
    if push.forced or not push.commits:
        action = "deleted" if _sha(push.after) is None else "forced" if push.forced else "moved"
        changes.news.append(News(_line(event, kind=kind, action=action, object_key=name)))
    return changes


def commit_lines(repository: Repository, commits: Sequence[GitCommit]) -> list[FeedLine]:
    """The newest of `commits` that git brought before, or without, their push; oldest first."""
    newest = sorted(commits, key=lambda commit: commit.committed_at)[-_LINES_PER_PUSH:]
    forgotten = current()
    if forgotten:
        newest = [one for one in newest if not forgotten.address(one.author_email)]
    return [
        FeedLine(
            kind="commit",
            action="pushed",
            repository_id=repository.pk,
            installation_id=repository.installation_id,
            object_key=commit.sha,
            title=commit.message.partition("\n")[0],
            actor=commit.author_name,
            html_url=f"{repository.html_url}/commit/{commit.sha}",
        )
        for commit in newest
    ]


class _RefEvent(msgspec.Struct):
    ref: str = ""
    ref_type: str = ""


_read_ref = reader(_RefEvent)


def on_create_or_delete(event: Event) -> Changes:
    """A branch or tag was created or deleted; the payload has no SHA, so git is asked.

    Payload: {"ref": "v1.0", "ref_type": "tag", …}; sent besides the push of the same ref.
    """
    repository = event.envelope.repository
    if repository is None:
        return Changes()
    payload = _read_ref(event.body).value
    changes = Changes(followups={FollowUp("sync_git", repository.id)})
    if payload.ref and payload.ref_type in (Ref.Kind.BRANCH, Ref.Kind.TAG):
        action = "created" if event.name == "create" else "deleted"
        line = _line(event, kind=payload.ref_type, action=action, object_key=payload.ref)
        changes.news.append(News(line))
    return changes


def _line(event: Event, *, kind: str, action: str, object_key: str, **more: Any) -> FeedLine:
    return FeedLine(
        kind=kind,
        action=action,
        repository_id=event.repository_id,
        installation_id=event.installation_id,
        object_key=object_key,
        title=more.get("title") or object_key,
        actor=more.get("actor") or event.actor,
        html_url=more.get("html_url", ""),
    )


NEEDS = {"contents": "read"}
RESOURCE = Resource(
    name="commit",
    merge=MERGE,
    handlers={"push": on_push, "create": on_create_or_delete, "delete": on_create_or_delete},
)
