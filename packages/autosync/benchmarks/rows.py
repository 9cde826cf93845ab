"""Rows of issues and pull requests: generated functions against functions written by hand.

Microseconds of CPU an object, the best of many short rounds taken in turns. "event" is the handler
of a webhook, from its body to what it changes.
"""

from __future__ import annotations

import time
import timeit
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from autosync.service.child import set_up_django

_NUMBER, _ROUNDS = 200, 100


def run() -> dict[str, Any]:
    """By hand and generated: microseconds by kind and way; the ratio is generated to by hand."""
    set_up_django()
    from autosync.kinds import kind_of
    from autosync.kinds._events import Envelope, Event
    from autosync.models import Issue, PullRequest
    from benchmarks import _by_hand as hand

    found: dict[str, Any] = {}
    for kind, event, by_hand, documents in (
        (
            kind_of(Issue),
            "issues",
            (hand.issue_from_rest, hand.issue_from_graphql, hand.on_issues),
            issue(),
        ),
        (
            kind_of(PullRequest),
            "pull_request",
            (hand.pull_from_rest, hand.pull_from_graphql, hand.on_pull_request),
            pull_request(),
        ),
    ):
        rest, node = documents
        key = "issue" if event == "issues" else event
        body = msgspec.json.encode({"action": "edited", key: rest, "repository": {"id": 5}})
        envelope = msgspec.json.decode(body, type=Envelope)
        delivery = Event(event, body, envelope, datetime(2026, 1, 1, tzinfo=UTC))
        ways = {
            "rest": ((by_hand[0], kind.from_rest), (rest, 5)),
            "graphql": ((by_hand[1], kind.from_graph), (node, 5)),
            "event": ((by_hand[2], kind.handlers[event]), (delivery,)),
        }
        for way, (functions, arguments) in ways.items():
            old, new = _fastest(functions, arguments)
            found[f"{kind.name}_{way}"] = {
                "by_hand_us": round(old, 2),
                "generated_us": round(new, 2),
                "ratio": round(new / old, 2),
            }
    return found


def _fastest(functions: tuple[Callable[..., Any], ...], arguments: tuple[Any, ...]) -> list[float]:
    """Microseconds a call of each, measured in turns, so that a busy moment strikes all alike."""
    timers = [timeit.Timer(lambda f=f: f(*arguments), timer=time.process_time) for f in functions]
    rounds = [[timer.timeit(_NUMBER) for timer in timers] for _ in range(_ROUNDS)]
    return [min(times) / _NUMBER * 1e6 for times in zip(*rounds, strict=True)]


def issue() -> tuple[dict[str, Any], dict[str, Any]]:
    """An issue as REST and as GraphQL show it."""
    user = {"login": "somebody", "id": 7, "type": "User", "avatar_url": "https://x/7"}
    rest: dict[str, Any] = {
        "id": 31,
        "node_id": "I_1",
        "number": 4,
        "title": "Something is wrong",
        "body": "It does not work. " * 40,
        "state": "closed",
        "state_reason": "completed",
        "user": user,
        "labels": [
            {"id": n, "node_id": f"LA_{n}", "name": f"label {n}", "color": "ff0000"}
            for n in range(3)
        ],
        "assignees": [user],
        "milestone": {"title": "1.0", "number": 1},
        "comments": 3,
        "locked": False,
        "html_url": "https://github.com/acme/rocket/issues/4",
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-02T00:00:00Z",
        "closed_at": "2026-01-02T00:00:00Z",
    }
    author = {"__typename": "User", "login": "somebody", "databaseId": 7}
    labels = [{"node_id": f"LA_{n}", "name": f"label {n}", "color": "ff0000"} for n in range(3)]
    node: dict[str, Any] = {
        "id": "I_1",
        "fullDatabaseId": "31",
        "number": 4,
        "title": rest["title"],
        "body": rest["body"],
        "state": "CLOSED",
        "stateReason": "COMPLETED",
        "author": author,
        "labels": {"nodes": labels},
        "assignees": {"nodes": [{"__typename": "User", "login": "somebody"}]},
        "milestone": {"title": "1.0", "number": 1},
        "comments": {"totalCount": 3},
        "locked": False,
        "url": rest["html_url"],
        "createdAt": rest["created_at"],
        "updatedAt": rest["updated_at"],
        "closedAt": rest["closed_at"],
    }
    return rest, node


def pull_request() -> tuple[dict[str, Any], dict[str, Any]]:
    """A pull request as REST and as GraphQL show it."""
    rest, node = issue()
    repo = {"id": 9, "full_name": "somebody/rocket"}
    rest |= {
        "draft": False,
        "merged": True,
        "merged_at": rest["closed_at"],
        "merged_by": rest["user"],
        "merge_commit_sha": "a" * 40,
        "base": {"ref": "main", "sha": "b" * 40, "repo": repo},
        "head": {"ref": "fix", "sha": "c" * 40, "repo": repo},
        "additions": 10,
        "deletions": 2,
        "changed_files": 3,
        "commits": 1,
    }
    node |= {
        "isDraft": False,
        "merged": True,
        "mergedAt": node["closedAt"],
        "mergedBy": node["author"],
        "mergeCommit": {"oid": "a" * 40},
        "state": "MERGED",
        "baseRefName": "main",
        "baseRefOid": "b" * 40,
        "headRefName": "fix",
        "headRefOid": "c" * 40,
        "headRepository": {"databaseId": 9, "nameWithOwner": "somebody/rocket"},
        "additions": 10,
        "deletions": 2,
        "changedFiles": 3,
        "commits": {"totalCount": 1},
    }
    return rest, node
