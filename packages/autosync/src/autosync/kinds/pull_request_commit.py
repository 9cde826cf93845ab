"""What pull requests bring, by git: which events say so, and whom the commits name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from autosync.kinds._events import Changes, Event, FollowUp, Resource
from autosync.kinds._payload import reader
from autosync.mirror.merge import Clock, Person
from autosync.mirror.models import PullRequestCommit
from autosync.mirror.upsert import Merge, Row

if TYPE_CHECKING:
    from autosync.github.git import GitCommit

MERGE = Merge(
    PullRequestCommit,
    key=("repository_id", "pull_request_number", "position"),
    columns=("sha", "message", "author_name", "author_email", "authored_at", "committed_at"),
    clock=Clock.NONE,
    people=(Person(name="author_name", email="author_email", writes=("message",)),),
)
# https://docs.github.com/webhooks/webhook-events-and-payloads#pull_request
_MOVING = frozenset({"opened", "reopened", "synchronize"})


class _Edited(msgspec.Struct):
    changes: dict[str, Any] = {}


_read = reader(_Edited)


def rows_from_git(repository_id: int, number: int, commits: Sequence[GitCommit]) -> list[Row]:
    """The rows of one pull request; `commits` oldest first."""
    return [
        {
            "repository_id": repository_id,
            "pull_request_number": number,
            "position": place,
            "sha": one.sha,
            "message": one.message,
            "author_name": one.author_name,
            "author_email": one.author_email,
            "authored_at": one.authored_at,
            "committed_at": one.committed_at,
        }
        for place, one in enumerate(commits)
    ]


def on_pull_request(event: Event) -> Changes:
    """It was opened, its head moved, or it has another base: git is asked what it brings.

    Payload: {"action": "edited", "changes": {"base": {"ref": {"from": …}, "sha": {…}}}, …}.
    """
    moved = event.action in _MOVING
    if event.action == "edited":
        moved = "base" in _read(event.body).value.changes
    if event.repository_id is None or not moved:
        return Changes()
    return Changes(followups={FollowUp("sync_pull_git", event.repository_id)})


RESOURCE = Resource(
    name="pull_request_commit", merge=MERGE, handlers={"pull_request": on_pull_request}
)
