"""One object, one row: every column of every kind is the same by each way that GitHub shows it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module

import pytest
from django.db import connection

from autosync.github import dialect
from autosync.kinds import KINDS, RESOURCES
from autosync.kinds._events import Resource, timestamp
from autosync.mirror.models import GitHubAppInstallation, Issue, PullRequest, Repository
from autosync.sync.lists import sync_list
from autosync.sync.refetch import refetch_dirty
from githubsim.receiver import Receiver
from githubsim.testing import Sim
from tests.integration.api_rows import T0, repository
from tests.integration.api_rows import issue as issue_row
from tests.integration.api_rows import pull_request as pull_row
from tests.integration.awkward import GIT, GRAPHQL, LACKS, REST, WEBHOOK, World

ONE_WAY = {("commit", "parents"), ("commit", "complete"), ("pull_request", "reactions")}
# Nothing to compare: GraphQL or REST alone shows them. Compared in tests of their own.
SHOWN_ONCE = {
    kind.name
    for kind in KINDS.values()
    if kind.event_key is None
    and any(
        kind.gives.get(way, {""}) <= {kind.model.scope, "node_id"} for way in ("rest", "graphql")
    )
}
# What is on the edges of a list has no document of its own: see test_every_kind.py.
COLUMNS = [
    (resource.name, column)
    for resource in RESOURCES
    if resource.stream is None
    and resource.name not in SHOWN_ONCE
    and resource.name != "pull_request_commit"  # by git alone
    for column in resource.merge.content
]
COLUMNS += [(resource.name, "sets") for resource in RESOURCES if resource.sets]
# Columns that one way alone has.
TOLD_ONCE = {("commit", "parents"), ("commit", "complete")} | {
    (kind.name, column)
    for kind in KINDS.values()
    for column in kind.merge.content
    if sum(column in gives for gives in kind.gives.values()) == 1
    and not (kind.of_git and kind.by_git.picks)  # by GraphQL too
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with (
        Receiver() as receiver,
        Sim(
            repositories=2,
            commits=60,
            issues=50,
            pulls=16,
            install=False,
            limits=False,
            webhook_url=receiver.url,
            webhook_secret="s3cret",
        ) as sim,
    ):
        yield World(sim, receiver, tmp_path_factory.mktemp("git"))


@pytest.mark.parametrize(("kind", "column"), COLUMNS)
def test_a_column_is_the_same_by_every_way(world: World, kind: str, column: str) -> None:
    objects = world.objects[kind]
    assert objects
    for ways in objects:
        told = {
            way: row[column]
            for way, row in ways.items()
            if column not in LACKS.get((kind, way), (frozenset(), ""))[0]
        }
        assert len(told) > 1 or (kind, column) in TOLD_ONCE
        first = next(iter(told.values()))
        assert all(value == first for value in told.values()), told


def test_the_objects_are_as_awkward_as_they_should_be(world: World) -> None:
    rows = {
        str(ways[GRAPHQL]["title"]).removesuffix("!"): ways[GRAPHQL]
        for kind in ("issue", "pull_request")
        for ways in world.objects[kind]
    }
    assert rows.keys() == world.numbers.keys()
    for word in ("issue", "pull"):
        assert len(rows[f"{word}: 70 labels"]["labels"]) == 70
        assert len(rows[f"{word}: 100 labels"]["labels"]) == 100
        assert len(rows[f"{word}: 25 assigned"]["assignees"]) == 25
        assert len(rows[f"{word}: 100 labels"]["sets"]["issue_label"]) == 100
        assert len(rows[f"{word}: 25 assigned"]["sets"]["issue_assignee"]) == 25
        everybody = ["Copilot", "a-company", "old-hand", "robot[bot]", "somebody"]
        assert rows[f"{word}: assigned to all kinds"]["assignees"] == everybody
        assert rows[f"{word}: by Copilot"]["author_login"] == "Copilot"
        assert rows[f"{word}: by Copilot"]["author_id"] == 198982749
        assert rows[f"{word}: by robot[bot]"]["author_login"] == "robot[bot]"
        assert rows[f"{word}: by old-hand"]["author_id"] is not None
        gone = rows[f"{word}: by leaver"]
        assert (gone["author_login"], gone["author_id"]) == ("", None)
        assert rows[f"{word}: milestone"]["milestone"] == f"{word} 2.0"
        locked = rows[f"{word}: locked"]
        assert (locked["locked"], locked["active_lock_reason"]) == (True, "too heated")
        assert locked["reactions"] == {"+1": 1, "heart": 1}
        assert locked["author_association"]
    asked = rows["pull: whom to ask"]["sets"]["requested_reviewer"]
    assert [(one["reviewer_type"], one["reviewer_login"]) for one in asked] == [
        ("team", "the-crew"), ("user", "robot[bot]"), ("user", "old-hand"), ("user", "somebody"),
    ]  # fmt: skip
    for reason in ("completed", "not_planned", "duplicate"):
        assert rows[f"issue: {reason}"]["state_reason"] == reason
    assert rows["issue: closed"]["state_reason"] == "reopened"
    assert rows["pull: merged by Copilot"]["merged_by_login"] == "Copilot"
    assert rows["pull: merged by leaver"]["merged_by_login"] == ""
    assert rows["pull: waits for Copilot"]["auto_merge_by_login"] == "Copilot"
    left = rows["pull: waits for leaver"]
    assert (left["auto_merge_by_login"], left["auto_merge_by_id"]) == ("", None)
    assert left["auto_merge_method"] == "squash"
    assert rows["pull: from fork-gone"]["head_repository"] == ""
    (readme,), (license_file,) = world.objects["readme"], world.objects["license_file"]
    assert readme.keys() == {GIT, GRAPHQL}
    assert not readme[GIT]["is_binary"]
    assert license_file[GIT]["is_truncated"]
    assert license_file[GIT]["content"].endswith("é")
    errors = [ways[GIT]["error"] for ways in world.objects["codeowner"]]
    assert {*errors} == {"", "Invalid pattern", "Invalid owner"}
    assert len(world.objects["annotated_tag"]) >= 3


def test_what_a_way_does_not_have_is_named_with_the_reason(world: World) -> None:
    for kind, objects in world.objects.items():
        for ways in objects:
            for way, row in ways.items():
                absent = {column for named, column in COLUMNS if named == kind} - row.keys()
                columns, reason = LACKS.get((kind, way), (frozenset(), ""))
                assert absent <= columns
                assert reason or not columns


def test_a_server_without_assigned_actors_is_asked_for_the_assignees(world: World) -> None:
    query = (
        "query($id: ID!) { node(id: $id) { ... on Issue { assignees: assignedActors(first: 9) "
        "{ nodes { ... on Actor { login } } } } } }"
    )
    row = next(
        ways[REST]
        for ways in world.objects["issue"]
        if str(ways[WEBHOOK]["title"]).startswith("issue: assigned to all")
    )
    world.sim.control("older-server", {"lacks": ["assignedActors"]})
    try:
        for _ in range(2):  # it is asked in vain once
            found = world.client.graphql(query, {"id": row["node_id"]}).data["node"]["assignees"]
            assert found == {"nodes": [{"login": "somebody"}]}
    finally:
        world.sim.control("older-server", {"lacks": []})
        dialect._refused.clear()


def test_a_server_without_links_between_issues_is_asked_for_all_the_rest(world: World) -> None:
    lacks = ["issueDependenciesSummary", "blockedBy", "subIssues", "subIssuesSummary"]
    kind, parts, waits = KINDS["issue"], KINDS["sub_issue"].nests[0], KINDS["issue_dependency"]
    query = (
        "query($id: ID!) { node(id: $id) { ... on Issue { title "
        f"{parts.list('first: 9')} {waits.nests[0].list('first: 9')} {kind.node_fields} }} }} }}"
    )
    row = next(ways[REST] for ways in world.objects["issue"])
    world.sim.control("older-server", {"lacks": lacks})
    try:
        for _ in range(2):  # it is asked in vain once
            found = world.client.graphql(query, {"id": row["node_id"]}).data["node"]
            assert found["title"] == row["title"]
            assert found.keys().isdisjoint({*lacks, "sub_issue", "issue_dependency"})
            made = kind.from_graph(found, 1)
            assert (made["sub_issues_count"], made["blocked_by_count"]) == (None, None)
    finally:
        world.sim.control("older-server", {"lacks": []})
        dialect._refused.clear()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("resource", "model"),
    [(KINDS["issue"].resource, Issue), (KINDS["pull_request"].resource, PullRequest)],
    ids=["issues", "pull requests"],
)
def test_nothing_is_lost_by_an_import_or_a_refetch(
    world: World, resource: Resource, model: type[Issue | PullRequest]
) -> None:
    GitHubAppInstallation.objects.create(pk=world.client.installation_id, observed_at=T0)
    home = Repository.objects.create(
        pk=world.home["id"],
        node_id=world.home["node_id"],
        installation_id=world.client.installation_id,
        full_name=world.name,
        observed_at=T0,
    )
    right = {ways[WEBHOOK]["node_id"]: ways[WEBHOOK] for ways in world.objects[resource.name]}
    rows = model.objects.filter(node_id__in=right)

    def stored() -> dict[str, list[object]]:
        return {row.node_id: [len(row.labels), row.assignees, row.author_id] for row in rows}

    expected = {
        node_id: [len(row["labels"]), row["assignees"], row["author_id"]]
        for node_id, row in right.items()
    }
    sync_list(resource, home, world.client, lambda: None)
    assert stored() == expected
    rows.update(labels=[], assignees=[], author_id=None, dirty_at=T0, observed_at=T0)
    refetch_dirty(world.client, world.client.installation_id)
    assert stored() == expected


@pytest.mark.django_db(transaction=True)
def test_an_upgrade_asks_again_about_rows_that_graphql_may_have_told_wrongly() -> None:
    home = repository("acme/copilot")
    pull_row(home, author_login="Copilot", author_id=198982749)
    elsewhere = repository("acme/plain")
    many = [{"name": f"l{number}"} for number in range(50)]
    suspects = {
        issue_row(elsewhere, state_reason="not_planned").pk,
        issue_row(elsewhere, labels=many).pk,
        issue_row(elsewhere, assignees=[f"u{number}" for number in range(20)]).pk,
        issue_row(elsewhere, author_login="mannequin").pk,
        issue_row(home, updated_at=datetime(2026, 1, 1, tzinfo=UTC)).pk,
    }
    issue_row(elsewhere, state_reason="completed", author_login="u", author_id=1)
    issue_row(home)
    migration = import_module("autosync.mirror.migrations.0015_ask_again").Migration
    with connection.cursor() as cursor:
        for operation in migration.operations:
            cursor.execute(operation.sql)
    marked = Issue.objects.filter(dirty_at__isnull=False).values_list("pk", flat=True)
    assert set(marked) == suspects


def test_githubs_three_ways_to_write_a_moment() -> None:
    assert timestamp(0) == timestamp("1970-01-01T00:00:00Z")
    assert timestamp(None) is None
