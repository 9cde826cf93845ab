"""A field that is not as GitHub describes it costs that field, and nothing else."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from autosync.kinds import KINDS, handlers
from autosync.kinds._events import Changes, Envelope, Event
from autosync.kinds._payload import IncompletePayload, reader
from autosync.mirror.models import Delivery, Issue, Repository
from autosync.mirror.sets import KNOWN
from autosync.mirror.upsert import Row
from autosync.sync import WebhookProcessor
from octokit import examples
from tests.integration.test_apply import deliver

Path = tuple[str | int, ...]
NOW = datetime(2026, 11, 29, tzinfo=UTC)
GONE: Any = object()
WRONG = (GONE, None, "a word nobody knows", 7, True, 1.5, [], {}, [None, 7, "x"], 2**70)
# Without these nobody knows what the delivery is about.
ESSENTIAL = {
    "issues": {("issue",), ("issue", "id"), ("issue", "number")},
    "issue_comment": {("issue",), ("issue", "id"), ("issue", "number")},
    "pull_request": {("pull_request",), ("pull_request", "id"), ("pull_request", "number")},
    "pull_request_review": {("pull_request",), ("pull_request", "number")},
    "pull_request_review_comment": {("pull_request",), ("pull_request", "number")},
    "pull_request_review_thread": {("pull_request",), ("pull_request", "number")},
    "sub_issues": {("parent_issue",), ("parent_issue", "number")},
    "issue_dependencies": {("blocked_issue",), ("blocked_issue", "number")},
    "release": {("release",), ("release", "id")},
    "label": {("label",), ("label", "id")},
    "star": {("sender",), ("sender", "id")},
    "fork": {("forkee",), ("forkee", "id")},
    "milestone": {("milestone",), ("milestone", "id"), ("milestone", "number")},
    "installation": {("installation",), ("installation", "id")},
    "installation_repositories": {("installation",), ("installation", "id")},
}
HOME = {("repository",), ("repository", "id")}
# Columns by the field they are read from; elsewhere a field is named as its column.
FEEDS = {
    "id": {"github_issue_id", "github_id"},
    "user": {"author_id", "author_login"},
    "comments": {"comments_count"},
    "sub_issues_summary": {"sub_issues_count"},
    "total": {"sub_issues_count"},
    "issue_dependencies_summary": {"blocked_by_count"},
    "total_blocked_by": {"blocked_by_count"},
    "commits": {"commits_count"},
    "milestone": {"milestone", "milestone_number"},
    "head": {"head_ref", "head_sha", "head_repository", "head_repository_id"},
    "base": {"base_ref", "base_sha"},
    "private": {"private", "visibility"},
    "owner": {"owner_login"},
    "account": {"account_id", "account_login", "account_type", "account_avatar_url"},
    "merged": {"merged", "merge_commit_sha"},
    "merged_by": {"merged_by_login"},
    "default": {"is_default"},
    "author": {"author_id", "author_login"},
    "creator": {"creator_id", "creator_login"},
    # Where the state itself is left out, it is told by when it ended.
    "updated_at": {"updated_at", "created_at"},
    "labels": {"labels", "issue_label"},
    "assignees": {"assignees", "issue_assignee"},
    "requested_reviewers": {"requested_reviewer"},
    "requested_teams": {"requested_reviewer"},
}
_envelope = reader(Envelope)
HANDLERS = handlers()
ISSUES, PULLS = KINDS["issue"], KINDS["pull_request"]


def paths(value: Any, at: Path = ()) -> Iterator[Path]:
    """Every field of a document, those of the first item of a list included."""
    inside: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inside = list(value.items())
    elif isinstance(value, list):
        inside = list(enumerate(value[:1]))
    for key, one in inside:
        yield (*at, key)
        yield from paths(one, (*at, key))


def with_value(document: Any, path: Path, value: Any) -> Any:
    """A document that is otherwise the same one."""
    first, *rest = path
    found = copy.copy(document)
    if rest:
        found[first] = with_value(document[first], tuple(rest), value)
    elif value is GONE:
        del found[first]
    else:
        found[first] = value
    return found


def handled(event: str, payload: dict[str, Any]) -> list[Changes]:
    body = json.dumps(payload).encode()
    envelope, amiss = _envelope(body)
    one = Event(event, body, envelope, NOW, amiss)
    return [handle(one) for handle in HANDLERS[event]]


def _about_rows(event: str, payload: dict[str, Any]) -> list[Changes]:
    """Without those that ask about what belongs to the object."""
    return [one for one in handled(event, payload) if one.upserts]


def row_of(changes: list[Changes]) -> Row | None:
    rows = [row for one in changes for upsert in one.upserts for row in upsert.rows]
    if not rows:
        return None
    row = {name: value for name, value in rows[0].items() if name != KNOWN}
    return row | row.pop("sets", {})


def kinds() -> list[tuple[str, dict[str, Any]]]:
    """An example of each event that is handled, as an App gets it."""
    found = {
        event: {"installation": {"id": 1}, **payload}
        for event, payload in reversed(examples())
        if event in HANDLERS and "pull_request" not in payload.get("issue", {})
    }
    return list(found.items())


def read_fields(payload: dict[str, Any]) -> list[Path]:
    """Those that anything of ours could read: no links to lists."""
    return [
        path
        for path in paths(payload)
        if len(path) <= 4
        and path[0] not in ("organization", "enterprise", "comment", "review", "thread")
        and (not str(path[-1]).endswith("url") or path[-1] in ("html_url", "clone_url"))
    ]


@pytest.mark.octokit
def test_no_field_but_an_essential_one_costs_a_delivery() -> None:
    count = 0
    for event, payload in kinds():
        before = row_of(handled(event, payload))
        key = "issue" if event in ("issues", "issue_comment") else event
        for path in read_fields(payload):
            for value in WRONG:
                count += 1
                essential = path in ESSENTIAL.get(event, set()) | HOME
                with suppress(IncompletePayload) if essential else nullcontext():
                    after = row_of(handled(event, with_value(payload, path, value)))
                if essential:
                    continue
                if before is None or after is None or event == "push":
                    continue
                # A set that cannot be read is left out.
                changed = {one for one in before if one in after and before[one] != after[one]}
                if path[0] == key and len(path) > 1:
                    name = str(path[1])
                    assert changed <= FEEDS.get(name, {name}), (event, path, value, changed)
                elif event in ("issues", "issue_comment", "pull_request"):
                    assert not changed, (event, path, value, changed)
    assert count > 5_000


@pytest.mark.octokit
def test_what_is_left_out_is_asked_for() -> None:
    for event, payload in kinds():
        if event not in ("issues", "pull_request"):
            continue
        key = "issue" if event == "issues" else "pull_request"
        (changes,) = _about_rows(event, payload)
        assert not changes.doubts
        for field in ("title", "labels", "html_url", "node_id"):
            (changes,) = _about_rows(event, with_value(payload, (key, field), None))
            (doubt,) = changes.doubts
            assert doubt.where["number"] == payload[key]["number"]


@pytest.mark.octokit
@pytest.mark.django_db(transaction=True)
def test_a_null_anywhere_parks_nothing() -> None:
    """In the database too: a column that must have a value gets one."""
    for event, payload in kinds():
        for path in read_fields(payload):
            if len(path) > 2 + (event == "push") or path in ESSENTIAL.get(event, set()) | HOME:
                continue
            guid = f"{event}/{payload.get('action')}/{'.'.join(map(str, path))}"[-64:]
            deliver(event, with_value(payload, path, None), guid)
    WebhookProcessor().drain()
    failed = Delivery.objects.exclude(status__in=["applied", "ignored"])
    assert not failed.values_list("guid", "error")
    assert Delivery.objects.filter(status="applied").count() > 200


@pytest.mark.django_db(transaction=True)
def test_a_list_that_is_null_is_empty_and_what_is_missing_is_named() -> None:
    owner = {"login": "acme", "id": 1, "type": "Organization"}
    home = {
        "id": 5, "node_id": None, "name": "a", "full_name": "acme/a", "private": None,
        "owner": owner, "topics": None, "visibility": None, "archived": None, "size": None,
    }  # fmt: skip
    whole = {
        "id": 9, "node_id": "I_3", "number": 3, "title": "a case", "body": "", "state": "open",
        "user": {"login": "someone", "id": 2, "type": None}, "labels": None, "assignees": None,
        "milestone": {"title": None}, "comments": None, "locked": None, "html_url": None,
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
        "closed_at": None,
    }  # fmt: skip
    payload = {"action": "edited", "repository": home, "sender": None, "issue": whole}
    deliver("issues", payload, "null")
    deliver("issues", {**payload, "issue": {**whole, "id": None}}, "no id")
    deliver("issues", {**payload, "repository": None}, "no repository")
    WebhookProcessor().drain()
    row = Issue.objects.get()
    assert (row.labels, row.assignees, row.title, row.author_login) == ([], [], "a case", "someone")
    assert row.dirty_at is not None
    assert Repository.objects.get().private, "nobody is shown more than GitHub said"
    assert "sent null for `$.issue.id`" in Delivery.objects.get(guid="no id").error
    assert "left out the `repository`" in Delivery.objects.get(guid="no repository").error


@pytest.mark.django_db(transaction=True)
def test_a_node_id_once_known_is_not_forgotten() -> None:
    issue_ = {
        "id": 9, "node_id": "I_9", "number": 3, "title": "first", "state": "open",
        "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    home = {"id": 5, "name": "a", "full_name": "acme/a", "private": False}
    deliver("issues", {"action": "opened", "repository": home, "issue": issue_}, "1")
    later = {**issue_, "node_id": None, "title": "second", "updated_at": "2026-01-02T00:00:00Z"}
    deliver("issues", {"action": "edited", "repository": home, "issue": later}, "2")
    WebhookProcessor().drain()
    row = Issue.objects.get()
    assert (row.title, row.node_id) == ("second", "I_9")


@pytest.mark.parametrize("value", [GONE, None, "", 7, [], {}, True])
def test_a_node_of_graphql_loses_only_the_field(value: Any) -> None:
    nothing: dict[str, Any] = {"nodes": []}
    node: dict[str, Any] = {
        "id": "I_1", "fullDatabaseId": "31", "number": 4, "title": "t", "body": "b",
        "state": "CLOSED", "stateReason": "DUPLICATE", "locked": True, "url": "https://x/4",
        "createdAt": "2026-01-01T00:00:00Z", "updatedAt": "2026-01-02T00:00:00Z",
        "closedAt": "2026-01-02T00:00:00Z",
        "author": {"__typename": "Bot", "login": "copilot-swe-agent", "databaseId": 198982749},
        "labels": {"nodes": [{"node_id": "LA_1", "name": "bug", "color": "ff0000"}, None]},
        "assignees": nothing, "milestone": {"number": 1, "title": "m"},
        "comments": {"totalCount": 3},
    }  # fmt: skip
    pull = node | {
        "isDraft": True, "merged": True, "mergedAt": "2026-01-02T00:00:00Z",
        "mergedBy": {"__typename": "User", "login": "u"}, "mergeCommit": {"oid": "a" * 40},
        "baseRefName": "main", "baseRefOid": "b" * 40, "headRefName": "x", "headRefOid": "c" * 40,
        "headRepository": {"databaseId": 7, "nameWithOwner": "a/b"}, "additions": 1,
        "deletions": 2, "changedFiles": 3, "commits": {"totalCount": 1}, "state": "MERGED",
    }  # fmt: skip
    for whole, read in (
        (node, ISSUES.from_graph),
        (pull, PULLS.from_graph),
    ):
        right = read(whole, 5)
        assert right["author_login"] == "Copilot"
        for field in whole.keys() - {"fullDatabaseId"}:
            row = read(with_value(whole, (field,), value), 5)
            wrong = {name for name in right if row[name] != right[name]}
            assert len(wrong) <= 4, (field, wrong)
    with pytest.raises(IncompletePayload):
        ISSUES.from_graph(with_value(node, ("fullDatabaseId",), None), 5)


def test_a_state_nobody_knows_is_kept_in_lower_case() -> None:
    base = {"fullDatabaseId": "1", "state": "ARCHIVED", "stateReason": "MERGED_INTO"}
    row = ISSUES.from_graph(base, 5)
    assert (row["state"], row["state_reason"]) == ("archived", "merged_into")
    assert PULLS.from_graph(base, 5)["state"] == "archived"


def test_half_a_character_in_a_payload_costs_one_character() -> None:
    payload = {"action": "opened", "repository": {"id": 5}, "installation": {"id": 1}}
    body = json.dumps({**payload, "issue": {"id": 1, "number": 2, "title": "x\ud83dy"}}).encode()
    envelope, _ = _envelope(body)
    row = row_of([ISSUES.handlers["issues"](Event("issues", body, envelope, NOW))])
    assert row is not None
    assert row["title"] == "x\ufffdy"
