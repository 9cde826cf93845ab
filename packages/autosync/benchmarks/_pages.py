"""Stores pages of lists and says what that cost; runs with any commit's `autosync`.

`python -m benchmarks._pages FOLDER ROUND`: FOLDER keeps the embedded PostgreSQL between the rounds.
Prints list → [CPU seconds of this process, of its database session, rows], from the bytes of an
answer to the commit, each page in a transaction of its own: once new, once with another content.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec

from benchmarks._inside import cpu, make_the_repository, use

_PAGES, _PAGE = 20, 100


def main() -> None:
    """Set up, store, print."""
    folder, number = Path(sys.argv[1]), int(sys.argv[2])
    use(folder)
    from autosync.service.child import importing, set_up_django

    with importing():  # as the worker does
        set_up_django()
        from django.core.management import call_command

        from autosync.sync import unread  # noqa: F401 (the first page is not to pay for it)

    call_command("migrate", verbosity=0)
    print(json.dumps(_measured(number)))


def _measured(number: int) -> dict[str, list[float]]:
    from autosync.kinds import kind_of
    from autosync.models import Issue, PullRequest

    make_the_repository()
    # Another place for each list and each round: whatever is new is new.
    found = {}
    for place, (name, model, way, make) in enumerate(
        (
            ("issues, GraphQL", Issue, "graphql", _issue_node),
            ("issues, REST", Issue, "rest", _issue),
            ("pull requests, GraphQL", PullRequest, "graphql", _pull_node),
            ("issue comments, REST", _comments(), "rest", _comment),
        )
    ):
        first = 1 + (place + 10 * number) * _PAGES * _PAGE
        for what, turn in (("new", 0), ("changed", 1)):
            bodies = [_body(make, way, first + page * _PAGE, turn) for page in range(_PAGES)]
            before = cpu()
            for body in bodies:
                _store(kind_of(model), way, body)
            own, session = (now - then for now, then in zip(cpu(), before, strict=True))
            found[f"{name}, {what}"] = [own, session, _PAGES * _PAGE]
    return found


def _store(kind: Any, way: str, body: bytes) -> None:
    """What a list does with an answer."""
    from django.db import transaction
    from django.utils import timezone

    from autosync.mirror.doubt import lock_repositories
    from autosync.mirror.upsert import Rule
    from autosync.sync import unread

    asked_at = timezone.now()
    if way == "graphql":
        page = msgspec.json.decode(body)["data"]["repository"]["list"]
        rows, _ = unread.understood(kind.resource, page["nodes"], 5)
    else:
        rows = [row for one in msgspec.json.decode(body) if (row := kind.from_rest(one, 5))]
    with transaction.atomic():
        lock_repositories({5})
        result, refused = unread.store(kind.merge, rows, observed_at=asked_at, rule=Rule.VERSIONED)
        assert len(result.changed) == len(rows) == _PAGE, (len(result.changed), refused)


def _body(make: Callable[[int, str], Any], way: str, first: int, turn: int) -> bytes:
    at = datetime(2026, 1, 3, tzinfo=UTC) + timedelta(days=turn)
    moment = at.isoformat().replace("+00:00", "Z")
    some = [make(number, moment) for number in range(first, first + _PAGE)]
    found = some if way == "rest" else {"data": {"repository": {"list": {"nodes": some}}}}
    return msgspec.json.encode(found)


def _issue(number: int, at: str) -> Any:
    from benchmarks.rows import issue

    return _placed(issue()[0], number, at)


def _issue_node(number: int, at: str) -> Any:
    from benchmarks.rows import issue

    return _placed_node(issue()[1], number, at)


def _pull_node(number: int, at: str) -> Any:
    from benchmarks.rows import pull_request

    return _placed_node(pull_request()[1], number, at)


def _placed(one: dict[str, Any], number: int, at: str) -> dict[str, Any]:
    places = {"id": number, "node_id": f"N_{number}", "number": number}
    return {**one, **places, "title": f"number {number} at {at}", "updated_at": at}


def _placed_node(one: dict[str, Any], number: int, at: str) -> dict[str, Any]:
    places = {"id": f"N_{number}", "fullDatabaseId": str(number), "number": number}
    return {**one, **places, "title": f"number {number} at {at}", "updatedAt": at}


def _comment(number: int, at: str) -> dict[str, Any]:
    issue = _issue(number, at)
    return {
        "id": number,
        "node_id": f"N_{number}",
        "issue_url": f"https://api.github.com/repos/acme/rocket/issues/{number}",
        "html_url": f"https://github.com/acme/rocket/issues/{number}#issuecomment-{number}",
        "author_association": "NONE",
        "body": f"{at} {issue['body']}",
        "user": issue["user"],
        "created_at": issue["created_at"],
        "updated_at": at,
    }


def _comments() -> Any:
    from django.apps import apps

    return apps.get_model("mirror", "IssueComment")


if __name__ == "__main__":
    main()
