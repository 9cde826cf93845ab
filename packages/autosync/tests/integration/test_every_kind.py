"""Every declared kind, without a line of its own here: its objects are equal by all their ways.

People of the simulated GitHub do everything that people there do. What a webhook shows of an object
is compared with what GraphQL, a list of REST's and REST's answer about the object alone show of it,
or git.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.utils import timezone

from autosync.github import AppCredentials, GitHubError, InstallationClient, LocalBudget
from autosync.github.files import Files
from autosync.github.git import GitReader
from autosync.github.graph_files import GraphFiles
from autosync.kinds import KINDS, Derived
from autosync.kinds._events import Envelope, Event
from autosync.kinds._kind import Inside, Nested, Rest, snake
from autosync.kinds._payload import IncompletePayload, read, reader
from autosync.kinds._rules import Carried, Whole
from autosync.mirror.upsert import Key, Row
from autosync.sync.git_lists import chosen
from githubsim.receiver import Receiver
from githubsim.testing import Sim

WEBHOOK, GRAPHQL, LIST, REST, GIT = "a webhook", "GraphQL", "a REST list", "REST", "git"
Ways = dict[str, Row]
_envelope = reader(Envelope)
each_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())


class Busy:
    """A repository in which much was done, and what GitHub told and shows of it."""

    def __init__(self, sim: Sim, receiver: Receiver, folder: Path) -> None:
        installation = sim.control("install")["id"]
        credentials = AppCredentials(sim.app.id, private_key=sim.private_key, api_url=sim.url)
        self.client = InstallationClient(credentials, installation, LocalBudget())
        (home,) = self.client.get("/installation/repositories").listed("repositories")
        self.sim = sim
        self.home: int = home["id"]
        self.node_id: str = home["node_id"]
        self.url = f"{sim.url}/repos/{home['full_name']}"
        done = sim.control("people/act", {"repository": home["full_name"], "times": 6, "seed": 3})
        assert min(done.values()) > 0, done
        sim.control("push", {"repository": home["full_name"]})
        self.clone = GitReader(folder / "1.git", home["clone_url"], self.client.token, whole=True)
        kept = {"LICENSE": "MIT License\n", "README.md": "Ünïcode\n", "CODEOWNERS": "* @a\n!b\n"}
        sim.control("push", {"repository": home["full_name"], "commits": [{"files": kept}]})
        sim.control("tags/create", {"repository": home["full_name"], "tag": "kept"})
        for what in ("milestones/create", "releases/create"):  # nothing is done to these any more
            made = {"title": "Last", "tag": "last", "assets": ["last.zip"]}
            sim.control(what, {"repository": home["full_name"], **made})
        assert sim.control("webhooks/wait", {"timeout": 60})["delivered"]
        self.received = [one for one in receiver.received if one.payload.get("repository")]

    @cached_property
    def events(self) -> list[Event]:
        """What was told, in order."""
        return [
            Event(one.event, one.body, _envelope(one.body).value, timezone.now())
            for one in self.received
        ]

    def told(self, kind: Derived) -> Mapping[str, dict[str, Any]]:
        """Node id → the object as a webhook showed it last."""
        found: dict[str, dict[str, Any]] = {}
        for one in self.received:
            rule = kind.declared.events.get(one.event)
            said = one.payload.get(rule.key) if isinstance(rule, Whole | Carried) else None
            by = kind.declared.read
            items = said.get(by.key, []) if said and isinstance(by, Inside) else [said]
            found |= {item["node_id"]: item for item in items if item and "node_id" in item}
        return found

    def ways(self, kind: Derived) -> list[Ways]:
        """Each object by the ways that show it as it is now. What a webhook showed counts if REST
        still shows the same: names that an object carries change without its clock.
        """
        told, found = self.told(kind), defaultdict[Key, Ways](dict)
        rows = self._by_webhook(kind)
        if kind.of_git:
            told_by_git = self._by_git(kind)
            if not kind.handlers:
                other = self._by_graphql(kind)
                return [
                    {GIT: row, **({GRAPHQL: other[key]} if key in other else {})}
                    for key, row in told_by_git.items()
                ]
            return [{GIT: told_by_git[key], WEBHOOK: row} for key, row in rows.items()]
        listed = self._by_list(kind)
        for key, (row, document) in listed.items():
            found[key][LIST] = row
            node_id = row.get("node_id", "")
            shown = {**told.get(node_id, {})}
            whole = self._whole(shown.get("url"))
            if whole and (alone := self._read(kind, whole)):
                found[key][REST] = alone
            now = {**document, **(whole or {})}
            if key in rows and _same(kind, now, shown):
                found[key][WEBHOOK] = rows[key]
        if not listed:  # REST has no such list
            for key, row in rows.items():
                found[key][WEBHOOK] = row
        nodes = {
            row["node_id"]: key
            for key, ways in found.items()
            for row in ways.values()
            if row.get("node_id")
        }
        for key, row in self._streamed(kind).items():
            found[key][GRAPHQL] = row
        for node_id, row in self._asked(kind, list(nodes)).items():
            found[nodes[node_id]][GRAPHQL] = row
        return list(found.values())

    def _by_webhook(self, kind: Derived) -> dict[Key, Row]:
        rows: dict[Key, Row] = {}
        for event in self.events:
            handle = kind.handlers.get(event.name)
            for upsert in handle(event).upserts if handle else ():
                if upsert.merge.table == kind.merge.table:
                    rows |= {kind.merge.key_of(row): dict(row) for row in upsert.rows}
            for move in handle(event).moves if handle else ():
                (column,) = kind.merge.columns
                whole = zip(kind.merge.key, move.key, strict=True)
                if move.after is None:
                    rows.pop(move.key, None)
                    continue
                rows |= {move.key: {**dict(whole), column: move.after}}
        if kind.of_git:  # an event shows a part, and an unknown rest with it
            shown = kind.gives.get("event", {*kind.merge.key, *kind.merge.columns})
            return {key: {name: row[name] for name in shown} for key, row in rows.items()}
        return rows

    def _by_git(self, kind: Derived) -> dict[Key, Row]:
        self.clone.sync()
        by = kind.by_git
        if by.picks is not None:
            return self._of_file(kind, self.clone)
        heads = [[*self.clone.refs().values()]] if by.history else []
        found = (kind.git.make(one, self.home) for one in by.tells(self.clone, *heads))
        return {kind.merge.key_of(row): row for row in found}

    def _by_graphql(self, kind: Derived) -> dict[Key, Row]:
        """What files say, as it comes where a clone has none."""
        if kind.by_git.picks is None:
            return {}
        return self._of_file(kind, GraphFiles(self.client, self.node_id))

    def _of_file(self, kind: Derived, files: Files) -> dict[Key, Row]:
        (branch,) = {one.payload["repository"]["default_branch"] for one in self.received[-1:]}
        found = chosen(files, self.clone.refs()[f"refs/heads/{branch}"], [kind]).get(kind.name)
        told = kind.by_git.tells(found) if found is not None else ()
        rows = (kind.git.make(one, self.home) for one in told)
        return {kind.merge.key_of(row): row for row in rows}

    def _asked(self, kind: Derived, ids: list[str]) -> dict[str, Row]:
        if not ids or not kind.node_fields:
            return {}
        query = (
            "query($ids: [ID!]!) { nodes(ids: $ids) { ... on "
            f"{kind.graphql_type} {{ {kind.node_fields} }} }} }}"
        )
        nodes = self.client.nodes(query, ids, partial=True)
        return {pk: kind.from_graph(node, self.home) for pk, node in nodes.items() if node}

    def _streamed(self, kind: Derived) -> dict[Key, Row]:
        """By the edges of a connection: what has no node id of its own."""
        stream = kind.resource.stream
        if stream is None:
            return {}
        for needed, level in stream.shown_to.items():
            self.sim.control("installation/permissions", {"permissions": {needed: level}})
        query = (
            "query($id: ID!) { node(id: $id) { ... on Repository { page: "
            f"{stream.connection}(first: 100) {{ edges {{ {stream.fields} }} }} }} }} }}"
        )
        node = self.client.graphql(query, {"id": self.node_id}).data["node"]
        rows = [stream.normalise(edge, self.home) for edge in node["page"]["edges"]]
        return {kind.merge.key_of(row): row for row in rows}

    def _by_list(self, kind: Derived) -> dict[Key, tuple[Row, dict[str, Any]]]:
        found: dict[Key, tuple[Row, dict[str, Any]]] = {}
        by = kind.declared.read
        for document in self._documents(kind.owner if isinstance(by, Inside) else kind):
            if isinstance(by, Inside):
                parent = kind.owner.from_rest(document, self.home)
                assert parent is not None
                rows = kind.from_parent(document, parent)
                pairs = list(zip(rows, document[by.key], strict=True))
            else:
                row = self._read(kind, document)
                pairs = [(row, document)] if row else []
            found |= {kind.merge.key_of(row): (row, one) for row, one in pairs}
        return found

    def _documents(self, kind: Derived) -> list[dict[str, Any]]:
        """The items of the kind's list, or of those of its parents."""
        by = kind.declared.read
        if isinstance(by, Rest):
            return self._pages(f"{self.url}{by.path}")
        if isinstance(by, Nested):
            parents = {one["url"] for one in self.told(kind.parent).values()}
            return [item for one in parents for item in self._pages(f"{one}/{snake(by.name)}")]
        lists = {one["url"].rpartition("/")[0] for one in self.told(kind).values() if "url" in one}
        return [item for one in lists for item in self._pages(f"{one}?state=all")]

    def _pages(self, url: str) -> list[dict[str, Any]]:
        try:
            return [
                item for page in self.client.pages(url, {"per_page": 100}) for item in page.items()
            ]
        except GitHubError:
            return []  # REST has no such list

    def _whole(self, url: str | None) -> dict[str, Any] | None:
        try:
            return self.client.get(url).fields() if url else None
        except GitHubError:
            return None  # deleted

    def _read(self, kind: Derived, document: dict[str, Any]) -> Row | None:
        try:
            return kind.from_rest(document, self.home)
        except IncompletePayload:
            return None  # an item of another kind's list


def _same(kind: Derived, now: dict[str, Any], shown: dict[str, Any]) -> bool:
    """Whether two documents say the same, as far as both have what the columns read."""
    both = now.keys() & shown.keys()
    one, other = (
        str(msgspec.to_builtins(read({name: of[name] for name in both}, kind.rest.struct).value))
        for of in (now, shown)
    )
    return one.lower() == other.lower()  # REST shouts the states of reviews, events do not


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Busy]:
    with (
        Receiver() as receiver,
        Sim(
            repositories=1, commits=20, issues=6, pulls=4, install=False, limits=False,
            webhook_url=receiver.url,
        ) as sim,
    ):  # fmt: skip
        yield Busy(sim, receiver, tmp_path_factory.mktemp("git"))


@each_kind
def test_a_column_that_several_ways_give_is_equal_by_all_of_them(busy: Busy, kind: Derived) -> None:
    if kind.event_key is None and kind.gives.get("rest", {""}) <= {kind.model.scope, "node_id"}:
        return  # GraphQL alone shows it: compared with GitHub in a test of its own
    compared: set[str] = set()
    seen: set[str] = set()
    for ways in busy.ways(kind):
        seen |= ways.keys()
        for (one, mine), (other, its) in itertools.combinations(ways.items(), 2):
            names = mine.keys() & its.keys()
            differing = {name: (mine[name], its[name]) for name in names if mine[name] != its[name]}
            assert not differing, (one, other)
            compared |= names
    assert len(seen) > bool(kind.declared.events), "people make some of each kind"
    if any(isinstance(rule, Whole) for rule in kind.declared.events.values()):
        assert WEBHOOK in seen
    several = {
        name
        for name in kind.merge.content
        if name != kind.model.scope and sum(name in given for given in kind.gives.values()) > 1
    }
    # What REST alone gives is compared where it shows an object by itself.
    assert several - compared <= kind.gives.get("rest", set()) - kind.gives.get("graphql", set())
