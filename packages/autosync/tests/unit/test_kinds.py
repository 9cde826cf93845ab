"""Every declared kind: its columns, the ways that give them, and what is derived from them."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import models
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ProjectState
from django.utils import timezone
from graphql import GraphQLSchema, build_schema, parse, validate

import autosync
from autosync.kinds import KINDS, Derived
from autosync.kinds import _columns as gh
from autosync.kinds._events import Envelope, Event
from autosync.kinds._kind import Clock, Connection, Kind, Nested
from autosync.kinds._payload import IncompletePayload, read, reader
from autosync.kinds._rules import Pair, Whole
from autosync.mirror.sets import KNOWN
from autosync.mirror.upsert import Row
from octokit import examples, graphql_schema

HOME = Path(autosync.__file__).parent
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
# On github.com since 2025, and not in the published file:
# https://docs.github.com/graphql/reference/interfaces#assignable
# and https://docs.github.com/graphql/overview/changelog of 2025-07-30 and 2025-10-15.
NEWER = re.compile(
    r"Cannot query field '(assignedActors|blockedBy|issueDependenciesSummary)' on type '\w+'"
)


def named(name: str, column: gh.Column[Any, Any]) -> gh.Column[Any, Any]:
    """As a model would name it."""
    column.set_attributes_from_name(name)
    return column


@cache
def published_schema() -> GraphQLSchema:
    # It deprecates fields that its interfaces do not, which validation refuses.
    return build_schema(graphql_schema(), assume_valid=True, assume_valid_sdl=True)


def cells(row: Row) -> set[str]:
    """What a row gives, but for what it carries, which not every document has."""
    return row.keys() - {KNOWN, "sets"}


@each_kind
def test_every_column_says_what_it_means(kind: Derived) -> None:
    assert kind.columns
    assert [column.name for column in kind.columns if not column.about.endswith(".")] == []


@each_kind
def test_migrations_know_columns_as_plain_django_fields(kind: Derived) -> None:
    for column in kind.columns:
        _, path, args, kwargs = column.deconstruct()
        home, _, word = path.rpartition(".")
        plain = getattr(import_module(home), word)
        again = plain(*args, **kwargs)
        again.set_attributes_from_name(column.name)
        assert _told(again) == _told(column)
        assert type(column.clone()) is type(column), "the state of migrations is made of clones"
        assert "about" not in kwargs


def _told(field: models.Field[Any, Any]) -> Any:
    """As a migration has it, and what a list is a list of."""
    _, path, args, kwargs = field.deconstruct()
    inside = kwargs.pop("base_field", None)
    return path, args, kwargs, inside and inside.deconstruct()[1:]


def test_the_declarations_ask_for_no_migration_and_none_names_them() -> None:
    loader = MigrationLoader(None)
    found = MigrationAutodetector(loader.project_state(), ProjectState.from_apps(apps))
    assert found.changes(graph=loader.graph) == {}
    for file in (HOME / "mirror" / "migrations").glob("*.py"):
        assert "autosync.kinds" not in file.read_text()


def test_a_word_of_a_description_makes_no_migration() -> None:
    assert gh.Text(about="one").deconstruct()[1:] == gh.Text(about="another").deconstruct()[1:]
    assert gh.Text("a.b", graph="c").deconstruct()[1:] == gh.Text().deconstruct()[1:]
    assert gh.Word(max_length=32).deconstruct()[3] == {"max_length": 32, "default": ""}


@each_kind
def test_each_way_gives_the_columns_that_the_matrix_says(kind: Derived) -> None:
    every = set(kind.merge.content)
    if kind.is_nested:
        every -= set(kind.nests[0].place({"number": 3}))  # only its place tells
        every -= {one.name for one in kind.columns if isinstance(one, gh.Place)}
    apart = {name for group in kind.merge.groups for name in group.columns}
    # What is on an edge is shown nowhere else, and a parent's key by the place of the list.
    edges = isinstance(kind.declared.read, Nested) and kind.declared.read.edges
    if isinstance(kind.declared.read, Connection | Nested) and not edges:
        # What an event lacks and a clock governs would be unknown after each of them.
        assert kind.gives["graphql"] == every
        untold = {one.name for one in kind.columns if not one.event}
        governed = kind.declared.clock is Clock.UPDATED
        assert every - kind.gives.get("event", every) <= (apart if governed else apart | untold)
    if kind.of_git:  # what it does not tell is asked of GraphQL
        assert kind.gives["git"] == every
        assert kind.gives.get("event", set()) <= every
    else:
        assert kind.gives["rest_list"] <= kind.gives["rest"] <= every
    for column in kind.columns if not edges else ():
        if not (column.rest or column.event):
            continue  # it is declared to be GraphQL's alone, or git's
        given = sum(column.name in ways for ways in kind.gives.values())
        assert given > 1 or (given and column.name in apart), column.name
    for rows in kind.ways.values():
        made = set(re.findall(r'^        "(\w+)":', rows.source, re.M))
        assert made == every if kind.of_git and rows.gives <= every else made == rows.gives


@each_kind
def test_what_is_essential_alone_gives_a_row(kind: Derived) -> None:
    if kind.gives.get("rest", {kind.model.scope}) == {kind.model.scope}:
        return  # REST shows no such object, or nobody asks it
    with pytest.raises(IncompletePayload):
        kind.from_rest({}, 5)
    if not isinstance(kind.declared.read, Connection | Nested) or kind.merge.returns:
        return
    bare: dict[str, Any] = {"id": 7, "number": 3}
    if kind.declared.under is not None:
        bare = {"id": 7, "pull_request_url": "https://api.github.com/repos/a/b/pulls/3"}
    node: dict[str, Any] = {"fullDatabaseId": "7"}
    if kind.merge.key == ("node_id",):
        bare, node = {"node_id": "PRRT_7"}, {"id": "PRRT_7", "pullRequest": {"number": 3}}
        node["__typename"] = "LabeledEvent"
    row = kind.from_rest({**bare, **dict.fromkeys(kind._only_whole)}, 5)
    assert row is not None
    assert cells(row) == kind.gives["rest"] - {KNOWN}
    assert cells(kind.from_rest(bare, 5) or {}) == kind.gives["rest_list"] - {KNOWN}
    by_graph = kind.from_graph(node, 5)
    assert cells(by_graph) == kind.gives["graphql"] - {KNOWN}
    for field in bare:
        with pytest.raises(IncompletePayload):
            kind.from_rest({**bare, field: None}, 5)
    with pytest.raises(IncompletePayload):
        kind.from_graph({}, 5)


@pytest.mark.octokit
@each_kind
def test_the_published_examples_of_its_events_are_whole_rows(kind: Derived) -> None:
    if not any(isinstance(rule, Whole) for rule in kind.declared.events.values()):
        return
    count = 0
    for event, payload in examples():
        rule = kind.declared.events.get(event)
        if not isinstance(rule, Whole):
            continue
        row = kind.from_event(payload, _home(kind, payload))
        if row is None:
            assert kind.declared.unless is not None
            continue
        count += 1
        assert cells(row) == kind.gives["event"] - {KNOWN}
        assert row == _handled(kind, event, payload)
        by_rest = kind.from_rest(payload[rule.key], _home(kind, payload))
        assert by_rest is not None
        assert {name: row[name] for name in by_rest} == by_rest
        assert not read(payload, kind.event(rule.key).struct).amiss
    # Of threads three are published.
    assert count > (3 if kind.merge.key != ("node_id",) else 2)


@pytest.mark.octokit
def test_the_published_examples_of_pairs_come_and_go() -> None:
    returning = [kind for kind in KINDS.values() if kind.merge.returns]
    pairs = [
        kind
        for kind in returning
        if any(isinstance(rule, Pair) for rule in kind.declared.events.values())
    ]
    assert pairs
    for kind in pairs:
        seen = set()
        rules = [one for one in kind.declared.events.values() if isinstance(one, Pair)]
        for event, payload in examples():
            rule = kind.declared.events.get(event)
            if not isinstance(rule, Pair):
                continue
            body = json.dumps(payload).encode()
            told = Event(event, body, reader(Envelope)(body).value, timezone.now())
            changes = kind.handlers[event](told)
            row = kind.from_event(payload, _home(kind, payload)) or {}
            seen.add(gone := payload.get("action") in rule.gone)
            if gone:
                (tombstone,) = changes.tombstones
                assert (tombstone.keys, changes.upserts) == ([kind.merge.key_of(row)], [])
            else:
                (upsert,) = changes.upserts
                known_at = upsert.rows[0]["observed_at"]
                assert {**row, "observed_at": known_at} == upsert.rows[0]
                assert known_at <= told.received_at
                assert not rule.since or known_at < told.received_at, "as the payload says"
        assert seen == {False, any(one.gone for one in rules)}, kind


def _home(kind: Derived, payload: dict[str, Any]) -> int:
    """What the object of a payload belongs to."""
    return int(payload["organization" if kind.of_account else "repository"]["id"])


def _handled(kind: Derived, event: str, payload: dict[str, Any]) -> Any:
    body = json.dumps(payload).encode()
    envelope, amiss = reader(Envelope)(body)
    changes = kind.handlers[event](Event(event, body, envelope, timezone.now(), amiss))
    return changes.upserts[0].rows[0]


@pytest.mark.octokit
@each_kind
def test_the_selection_is_valid_by_the_published_schema(kind: Derived) -> None:
    schema = published_schema()
    read = kind.declared.read
    if read is None or not kind.node_fields:
        return
    if isinstance(read, Connection | Nested):
        home = kind.parent.graphql_type if isinstance(read, Nested) else "Repository"
        items, more, order = "nodes", "repository { databaseId }", ""
        if isinstance(read, Nested) and read.edges:
            items, more = "edges", ""
        if kind.resource.stream is not None:
            items, more = "edges", ""
            if by := kind.resource.stream.order:
                order = f", orderBy: {{field: {by}, direction: DESC}}"
        query = (
            f"query($id: ID!) {{ node(id: $id) {{ ... on {home} {{ page: {read.name}"
            f"(first: 100{order}) {{ totalCount {items} {{ {kind.node_fields} {more} }} }} }} }} }}"
        )
    else:
        query = (
            f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {kind.graphql_type} "
            f"{{ {kind.node_fields} }} }} }}"
        )
    several = kind.nests if kind.is_nested else ()
    queries = [] if several else [query]
    queries += [
        f"query($id: ID!) {{ node(id: $id) {{ ... on {nest.parent.graphql_type} "
        f"{{ {' '.join(nest.of_parent)} {nest.list('first: 100')} }} }} }}"
        for nest in several
    ] + [
        f"query($id: ID!) {{ node(id: $id) {{ ... on {kind.graphql_type} {{ {field}(first: 100) "
        f"{{ pageInfo {{ hasNextPage endCursor }} nodes {{ {fields} }} }} }} }} }}"
        for field, fields in kind.graphql.lists.values()
    ]
    for one in queries:
        wrong = [error.message for error in validate(schema, parse(one))]
        assert [message for message in wrong if not NEWER.match(message)] == []


class Remark:
    """What a declaration is read from, without a table: a comment, say."""

    scope = "repository_id"
    identity = ("github_id",)
    github = Kind(read=Connection("remarks"), events={"remark": Whole("remark")})

    class _meta:
        local_fields = [
            named("github_id", gh.Key(graph="databaseId")),
            named("issue_number", gh.Number(None, graph="issue.number", event="$.issue.number")),
            named("note", gh.Text(null=True)),
            named("author_association", gh.Word(null=True)),
            named("size", gh.BigNumber()),
            named("raw", gh.Json(graph=None, default=dict)),
            named("author_id", gh.ActorId("author", of="User", null=True)),
            named("author_login", gh.ActorLogin("author", of="User")),
        ]


class Tie(Remark):
    """The same, known by two columns; and one known by its node id."""

    identity = ("repository_id", "author_id")
    github = Kind(clock=Clock.ARRIVAL)


class Thread(Remark):
    identity = ("node_id",)

    class _meta:
        local_fields = [named("note", gh.Text()), named("node_id", gh.NodeId())]


def test_a_key_may_be_several_columns_or_a_node_id_and_none_of_them_may_lack() -> None:
    tie, thread = Derived(Tie), Derived(Thread)  # type: ignore[arg-type]
    assert tie.merge.key == ("repository_id", "author_id")
    assert tie.merge.returns
    assert not set(tie.merge.key) & set(tie.merge.columns)
    row = tie.from_rest({"id": 1, "author": {"login": "u", "id": 3}}, 5) or {}
    assert tie.merge.key_of(row) == (5, 3)
    with pytest.raises(IncompletePayload, match="author_id"):
        tie.from_rest({"id": 1, "author": {"login": "ghost", "id": 3}}, 5)
    assert [one.name for one in thread.columns] == ["node_id", "note"], "the key comes first"
    assert not thread.merge.returns
    assert thread.merge.columns == ("note", "repository_id")
    assert thread.from_graph({"id": "PRRT_1"}, 5) | {"updated_at": None} == {
        "node_id": "PRRT_1", "note": "", "repository_id": 5, "updated_at": None
    }  # fmt: skip
    with pytest.raises(IncompletePayload, match="node_id"):
        thread.from_graph({"note": "no id"}, 5)


def test_paths_may_start_at_the_payload_and_null_is_kept_where_it_is_declared() -> None:
    kind = Derived(Remark)  # type: ignore[arg-type]
    remark = {"id": 1, "size": 2**40, "raw": {"a": [1]}, "author": {"login": "u", "id": 3}}
    row = kind.from_event({"remark": remark, "issue": {"number": 9}}, 5)
    assert row is not None
    assert (row["issue_number"], row["note"], row["author_association"]) == (9, None, None)
    assert (row["raw"], row["size"], row["author_login"]) == ({"a": [1]}, 2**40, "u")
    told = {**remark, "note": "", "author_association": "OWNER", "author": {"login": "ghost"}}
    by_rest = kind.from_rest(told, 5)
    assert by_rest is not None
    assert "issue_number" not in by_rest
    assert (by_rest["note"], by_rest["author_association"]) == ("", "owner")
    assert (by_rest["author_id"], by_rest["author_login"]) == (None, "")
    node = {"databaseId": 1, "issue": {"number": 9}, "author": {"login": "u", "databaseId": 3}}
    by_graph = kind.from_graph(node, 5)
    assert "raw" not in by_graph
    assert (by_graph["issue_number"], by_graph["author_id"], by_graph["size"]) == (9, 3, 0)
    assert "author { databaseId login }" in kind.node_fields
