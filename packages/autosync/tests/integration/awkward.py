"""A simulated GitHub full of objects that its ways show differently; each object by every way."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from autosync.github import AppCredentials, InstallationClient, LocalBudget
from autosync.github.client import AppClient
from autosync.github.git import GitReader
from autosync.github.graph_files import GraphFiles
from autosync.kinds import KINDS, Derived, installation, repository
from autosync.kinds._events import Envelope, Event, Upsert
from autosync.kinds._kind import Inside, Rest
from autosync.kinds._payload import reader
from autosync.mirror.upsert import Key, Row
from autosync.sync.git_lists import chosen
from autosync.sync.nested_lists import complete_lists
from githubsim.receiver import Receiver
from githubsim.testing import Sim

REST, LIST, WEBHOOK, GRAPHQL, GIT = "REST", "a REST list", "a webhook", "GraphQL", "git"
ISSUES, PULLS, REVIEWS = KINDS["issue"], KINDS["pull_request"], KINDS["review"]
Ways = dict[str, Row]  # one object by each way that shows it
# kind and way → the columns that this way does not have, and why.
LACKS: Mapping[tuple[str, str], tuple[frozenset[str], str]] = {
    ("pull_request", LIST): (
        frozenset(column.name for column in PULLS.columns if not column.listed)
        | {"merge_commit_sha", "reactions"},
        "pull-request-simple has none of them",
    ),
    ("pull_request", REST): (
        frozenset({"merge_commit_sha", "reactions"}),
        "API version 2026-03-10 has no merge_commit_sha, and shows reactions of issues alone",
    ),
    ("pull_request", WEBHOOK): (frozenset({"reactions"}), "a pull request has none of its own"),
    ("commit", WEBHOOK): (
        frozenset({"parents", "complete"}),
        "a push names no parents, so its rows are completed from git",
    ),
}
LACKS = {
    **{
        (kind.name, GRAPHQL): (
            frozenset({*kind.merge.key, *kind.merge.columns}) - kind.gives["graphql"],
            "GraphQL does not show them, or not of everybody",
        )
        for kind in KINDS.values()
        if kind.listing is None and not kind.of_git
    },
    ("review_thread", WEBHOOK): (
        frozenset({*KINDS["review_thread"].merge.columns}) - KINDS["review_thread"].gives["event"],
        "the payload has the thread's node id, and all its remarks",
    ),
    **LACKS,
}
# What is picked of them are a text with a NUL far behind, one that is cut in the midst of a letter,
# and rules of all sorts.
FILES: tuple[Mapping[str, str], ...] = (
    {"README.md": "not this one", ".github/readme.rst": "\u202e\r\n" * 3000 + "\0 \U0001f600"},
    {"LICENSE": "\x01é\U0001f600" * (80 << 10), "COPYING": "nor this one"},
    {".github/CODEOWNERS": "* @a  x@y.example # why\r\n\n!b @c\n[d] @e\n/f\\ g @a/b\n* nobody\n/h"},
)
_envelope = reader(Envelope)


class World:
    """`objects`: kind → what each way says of each of its objects."""

    def __init__(self, sim: Sim, receiver: Receiver, folder: Path) -> None:
        self.sim = sim
        self.receiver = receiver
        made = sim.control("install")
        receiver.wait_for("installation.created")
        self.app = AppCredentials(sim.app.id, private_key=sim.private_key, api_url=sim.url)
        self.client = InstallationClient(self.app, made["id"], LocalBudget())
        found = self._get("/installation/repositories")["repositories"]
        self.home = max(found, key=lambda one: one["size"])
        self.name: str = self.home["full_name"]
        self.numbers: dict[str, int] = {}
        self.comments: list[int] = []
        self.remarks: list[int] = []
        self.releases: list[int] = []
        for login, kind in (
            ("Copilot", "Bot"),
            ("robot[bot]", "Bot"),
            ("old-hand", "Mannequin"),
            ("leaver", "User"),
            ("somebody", "User"),
            ("a-company", "Organization"),
        ):
            if login not in {one["login"] for one in sim.truth(accounts=1)["accounts"]}:
                sim.control("accounts/create", {"login": login, "type": kind})
        for number in range(25):
            sim.control("accounts/create", {"login": f"hand-{number}"})
        self._make()
        self._touch()
        assert sim.control("webhooks/wait", {"timeout": 60})["delivered"]
        self.objects = {
            "issue": self._issues(),
            "pull_request": self._pulls(),
            "review": self._reviews(),
            "review_thread": self._threads(),
            "repository": self._repositories(),
            "installation": self._installations(),
            "commit": self._commits(folder),
            "ref": self._refs(folder),
        }
        self.objects |= {
            kind.name: self._of_git(kind, folder) if kind.of_git else self._others(kind)
            for kind in KINDS.values()
            if kind.name not in self.objects
        }

    # Making.

    def _make(self) -> None:
        for word, opened in (("issue", self._open_issue), ("pull", self._open_pull)):
            opened(f"{word}: 70 labels", labels=70)
            opened(f"{word}: 100 labels", labels=100)
            for login in ("Copilot", "robot[bot]", "old-hand", "leaver", "a-company"):
                opened(f"{word}: by {login}", sender=login)
            number = opened(f"{word}: assigned to all kinds")
            who = ["somebody", "Copilot", "robot[bot]", "old-hand", "a-company"]
            self._do("issues/assign", number, assignees=who)
            many = [f"hand-{place}" for place in range(25)]
            self._do("issues/assign", opened(f"{word}: 25 assigned"), assignees=many)
            opened(f"{word}: 👩‍👩‍👧 \u0000 null\r\n\u2028 \u202e")
            opened(f"{word}: empty body", body="")
            locked = opened(f"{word}: locked")
            for content in ("+1", "heart"):
                self._do("react", locked, content=content)
            self._do("issues/lock", locked, reason="too heated")
            made = self.sim.control(
                "milestones/create", {"repository": self.name, "title": f"{word} 1.0"}
            )
            renamed = opened(f"{word}: milestone", labels=3)
            self._do("issues/milestone", renamed, milestone=made["number"])
            title = {"milestone": made["number"], "title": f"{word} 2.0"}
            self.sim.control("milestones/edit", {"repository": self.name, **title})
            self._do("issues/close", opened(f"{word}: closed"), reason="completed")
            self._do("issues/reopen", self.numbers[f"{word}: closed"])
        for reason in ("completed", "not_planned", "duplicate"):
            self._do("issues/close", self._open_issue(f"issue: {reason}"), reason=reason)
        self._do("pulls/close", self._open_pull("pull: given up"))
        team = {"organization": self.name.partition("/")[0], "name": "The Crew"}
        crew = self.sim.control("teams/create", team)["slug"]
        whom = {"reviewers": ["somebody", "robot[bot]", "old-hand"], "teams": [crew]}
        self._do("reviews/request", self._open_pull("pull: whom to ask"), **whom)
        self._do("pulls/draft", self._open_pull("pull: a draft"))
        for login in ("somebody", "leaver", "robot[bot]", "Copilot"):
            self._do("pulls/merge", self._open_pull(f"pull: merged by {login}"), sender=login)
            waiting = self._open_pull(f"pull: waits for {login}")
            self._do("pulls/auto-merge", waiting, method="squash", sender=login)
        self._do("pulls/merge", self._open_pull("pull: squashed"), squash=True)
        for fork in ("fork-kept", "fork-gone"):
            where = {"owner": "somebody", "name": fork}
            self.sim.control("repositories/create", where)
            self._open_pull(f"pull: from {fork}", head_repository=f"somebody/{fork}")
        self.sim.control("repositories/delete", {"repository": "somebody/fork-gone"})
        for place, login in enumerate(("Copilot", "robot[bot]", "old-hand", "leaver", "somebody")):
            for word in ("issue", "pull"):
                where = {"number": self.numbers[f"{word}: locked"], "sender": login}
                self.comments.append(
                    self._here("issues/comment", body=f"by {login}", **where)["id"]
                )
            answer = {"reply_to": self.remarks[0]} if self.remarks else {}
            where = {"number": self.numbers["pull: locked"], "sender": login, **answer}
            self.remarks.append(self._here("reviews/comment", body=f"by {login}", **where)["id"])
            files = {"assets": [f"{login}.zip", "\u202e.tar"], "sender": login}
            made = self._here("releases/create", tag=f"v9.{place}", name=None, **files)
            self.releases.append(made["id"])
        label = {"repository": self.name, "name": "l00", "new_name": "L zero", "color": "ff0000"}
        self.sim.control("labels/edit", label)
        for files in FILES:
            self._here("push", commits=[{"files": files}])
        for place, message in enumerate(("of\r\n\u2028 \u202e", "", "\U0001f600 " * 9000)):
            self._here("tags/create", tag=f"t{place}", message=message, signed=place == 1)
        self.sim.control("accounts/delete", {"login": "leaver"})

    def _open_issue(self, title: str, labels: int = 0, **more: Any) -> int:
        names = [f"l{place:02}" for place in range(labels)]
        body = {"repository": self.name, "title": title, "labels": names, **more}
        self.numbers[title] = int(self.sim.control("issues/open", body)["number"])
        return self.numbers[title]

    def _open_pull(self, title: str, labels: int = 0, **more: Any) -> int:
        body = {"repository": self.name, "title": title, **more}
        number = self.numbers[title] = int(self.sim.control("pulls/open", body)["number"])
        if labels:
            self._do("issues/label", number, labels=[f"l{place:02}" for place in range(labels)])
        return number

    def _do(self, what: str, number: int, **more: Any) -> None:
        self.sim.control(what, {"repository": self.name, "number": number, **more})

    def _here(self, what: str, **more: Any) -> Any:
        return self.sim.control(what, {"repository": self.name, **more})

    def _touch(self) -> None:
        """A webhook about each as it is now: renaming and deleting send none about the object."""
        self.receiver.clear()
        number = self.numbers["pull: squashed"]
        for login in ("somebody", "robot[bot]", "Copilot"):
            body = {"state": "COMMENTED", "body": f"said {login}\r\n", "sender": login}
            self._do("reviews/submit", number, **body)
        self._do("reviews/submit", number, state="APPROVED", body="")
        for number in self.comments:
            self._here("issues/comment/edit", comment_id=number, body="\u2028 again")
        for number in self.remarks:
            self._here("reviews/comment/edit", comment_id=number, body="\u2028 again")
        self._here("reviews/resolve", comment_id=self.remarks[0], sender="somebody")
        for number in self.releases:
            self._here("releases/edit", release_id=number, body=None)
        for login in ("somebody", "robot[bot]", "Copilot", "old-hand"):
            self._here("commits/comment", body=f"of {login}\r\n\u2028 \u0000", sender=login)
        # After reviews and comments, which move their clocks as well, maybe a second later. And
        # once: an edit that changes nothing sends nothing.
        for title, number in self.numbers.items():
            body = None if title.endswith("empty body") else f"of {title}"
            self._do("issues/edit", number, title=f"{title}!", body=body)
        self._here("labels/edit", name="l01", description="\u0000")
        self._here("labels/edit", name="l02", description=None)
        self._here("milestones/edit", milestone=1, due_on="2027-01-31T12:00:00Z")
        self._here("milestones/edit", milestone=2, state="closed", description=None)
        self.sim.control("push", {"repository": self.name, "count": 3})
        text = {"repository": self.name, "description": "half a \U0001f600 \u0000"}
        self.sim.control("repositories/edit", text)
        self.sim.control("suspend")
        self.sim.control("unsuspend")

    # Reading.

    def _issues(self) -> list[Ways]:
        graphql = self._nodes(ISSUES)
        hooks = self._told("issues", "issue", ISSUES.handlers["issues"])
        found = []
        for item in self._listed("issues"):
            row = ISSUES.from_rest(item, self.home["id"])
            if row is None or item["number"] not in hooks:
                continue
            whole = ISSUES.from_rest(
                self._get(f"/repos/{self.name}/issues/{item['number']}"), self.home["id"]
            )
            assert whole is not None
            number = item["number"]
            ways = {LIST: row, REST: whole, WEBHOOK: hooks[number], GRAPHQL: graphql[number]}
            found.append(ways)
        return found

    def _pulls(self) -> list[Ways]:
        graphql = self._nodes(PULLS)
        hooks = self._told("pull_request", "pull_request", PULLS.handlers["pull_request"])
        found = []
        for item in self._listed("pulls"):
            number = item["number"]
            if number in hooks:
                whole = self._get(f"/repos/{self.name}/pulls/{number}")
                found.append(
                    {
                        LIST: PULLS.from_rest(item, self.home["id"]),
                        REST: PULLS.from_rest(whole, self.home["id"]),
                        WEBHOOK: hooks[number],
                        GRAPHQL: graphql[number],
                    }
                )
        return found

    def _reviews(self) -> list[Ways]:
        found = []
        for one in self.receiver.received:
            if one.event == "pull_request_review":
                review, number = one.payload["review"], one.payload["pull_request"]["number"]
                path = f"/repos/{self.name}/pulls/{number}/reviews"
                listed = {item["id"]: item for item in self._get(path)}  # type: ignore[call-overload]
                query = (
                    "query($id: ID!) { node(id: $id) { ... on "
                    f"{REVIEWS.graphql_type} {{ {REVIEWS.node_fields} }} }} }}"
                )
                node = self.client.graphql(query, {"id": review["node_id"]}).data["node"]
                handler, home = REVIEWS.handlers[one.event], self.home["id"]
                whole = self._get(f"{path}/{review['id']}")
                found.append(
                    {
                        LIST: REVIEWS.from_rest(listed[review["id"]], home),
                        REST: REVIEWS.from_rest(whole, home),
                        WEBHOOK: _upserted(one.event, one.body, handler)[0],
                        GRAPHQL: REVIEWS.from_graph(node, home),
                    }
                )
        return found

    def _threads(self) -> list[Ways]:
        kind = KINDS["review_thread"]
        query = (
            f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {kind.graphql_type} "
            f"{{ {kind.node_fields} }} }} }}"
        )
        name = "pull_request_review_thread"
        (hook,) = (one for one in self.receiver.received if one.event == name)
        (row,) = _upserted(hook.event, hook.body, kind.handlers[hook.event])
        nodes = self.client.nodes(query, [row["node_id"]])
        node = nodes[row["node_id"]]
        return [{WEBHOOK: row, GRAPHQL: kind.from_graph(node, self.home["id"])}]

    def _repositories(self) -> list[Ways]:
        mine = self.client.installation_id
        one = self._get(f"/repositories/{self.home['id']}")
        listed = self._get("/installation/repositories")["repositories"]
        item = next(one for one in listed if one["id"] == self.home["id"])
        return [
            {
                REST: repository.row_from_rest(one, mine),
                LIST: repository.row_from_rest(item, mine),
                WEBHOOK: self._last_row("repository", repository.on_repository),
            }
        ]

    def _installations(self) -> list[Ways]:
        listed = next(iter(AppClient(self.app, LocalBudget()).installations()))
        return [
            {
                LIST: installation.row_from_rest(listed),
                WEBHOOK: self._last_row("installation", installation.on_installation),
            }
        ]

    def _commits(self, folder: Path) -> list[Ways]:
        (push,) = (one for one in self.receiver.received if one.event == "push")
        kind = KINDS["commit"]
        rows = _upserted(push.event, push.body, kind.handlers["push"])
        git = GitReader(folder / "1.git", self.home["clone_url"], self.client.token)
        git.sync()
        there = {one.sha: one for one in git.commits([push.payload["after"]])}
        return [
            {WEBHOOK: row, GIT: kind.git.make(there[row["sha"]], self.home["id"])} for row in rows
        ]

    def _refs(self, folder: Path) -> list[Ways]:
        (push,) = (one for one in self.receiver.received if one.event == "push")
        kind, home = KINDS["ref"], self.home["id"]
        (move,) = _changes(push.event, push.body, kind.handlers["push"]).moves
        told = {**dict(zip(kind.merge.key, move.key, strict=True)), "sha": move.after}
        git = GitReader(folder / "1.git", self.home["clone_url"], self.client.token)
        rows = (kind.git.make(one, home) for one in kind.by_git.tells(git))
        return [{WEBHOOK: told, GIT: row} for row in rows if kind.merge.key_of(row) == move.key]

    def _of_git(self, kind: Derived, folder: Path) -> list[Ways]:
        """Those that git alone tells; of what files say, GraphQL too, where a clone has none."""
        git = GitReader(folder / "whole.git", self.home["clone_url"], self.client.token, whole=True)
        git.sync()
        by, home = kind.by_git, self.home["id"]
        if by.picks is None:
            return [{GIT: kind.git.make(one, home)} for one in by.tells(git)]
        head = git.refs()[f"refs/heads/{self.home['default_branch']}"]
        found: dict[Key, Ways] = {}
        graph = GraphFiles(self.client, self.home["node_id"])
        for way, files in ((GIT, git), (GRAPHQL, graph)):
            for one in by.tells(chosen(files, head, [kind])[kind.name]):
                row = kind.git.make(one, home)
                found.setdefault(kind.merge.key_of(row), {})[way] = row
        return list(found.values())

    def _others(self, kind: Derived) -> list[Ways]:
        """Those of a kind that REST lists, each with what carries it."""
        read, home = kind.declared.read, self.home["id"]
        rows: list[Row] = []
        if isinstance(read, Rest):
            found = [kind.from_rest(one, home) for one in self._below(read)]
            rows = [row for row in found if row is not None]
        elif isinstance(read, Inside):
            owner = kind.owner
            assert isinstance(owner.declared.read, Rest)
            for document in self._below(owner.declared.read):
                parent = owner.from_rest(document, home)
                assert parent is not None
                rows += kind.from_parent(document, parent)
        told = {
            kind.merge.key_of(row): row
            for one in self.receiver.received
            for handler in [kind.handlers.get(one.event)]
            if handler is not None
            for row in _upserted(one.event, one.body, handler)
        }
        query = (
            "query($ids: [ID!]!) { nodes(ids: $ids) { ... on "
            f"{kind.graphql_type} {{ {kind.node_fields} }} }} }}"
        )
        by_key = {kind.merge.key_of(row): row for row in rows}
        ids = [row["node_id"] for key, row in by_key.items() if key in told]
        nodes = self.client.nodes(query, ids)
        return [
            {
                LIST: row,
                WEBHOOK: told[key],
                GRAPHQL: kind.from_graph(nodes[row["node_id"]], home),
            }
            for key, row in by_key.items()
            if key in told
        ]

    def _below(self, read: Rest) -> list[dict[str, Any]]:
        pages = self.client.pages(f"/repositories/{self.home['id']}{read.path}", {"per_page": 100})
        return [item for page in pages for item in msgspec.json.decode(page.content)]

    def _told(self, event: str, key: str, handler: Any) -> dict[int, Row]:
        """The newest webhook about each number."""
        return {
            one.payload[key]["number"]: _upserted(one.event, one.body, handler)[0]
            for one in self.receiver.received
            if one.event == event
        }

    def _last_row(self, event: str, handler: Any) -> Row:
        bodies = [one.body for one in self.receiver.received if one.event == event]
        return _upserted(event, bodies[-1], handler)[0]

    def _nodes(self, kind: Derived) -> dict[int, Row]:
        listing = kind.listing
        assert listing is not None
        query = (
            "query($id: ID!, $after: String) { node(id: $id) { ... on Repository { page: "
            f"{listing.connection}(first: 50, after: $after) {{ "
            "pageInfo { hasNextPage endCursor } "
            f"nodes {{ {listing.node_fields} }} }} }} }} }}"
        )
        found: dict[int, Row] = {}
        after = None
        while True:
            variables = {"id": self.home["node_id"], "after": after}
            page = self.client.graphql(query, variables).data["node"]["page"]
            complete_lists(kind.resource, self.client, page["nodes"])
            rows = [kind.from_graph(node, self.home["id"]) for node in page["nodes"]]
            found |= {row["number"]: row for row in rows}
            if not page["pageInfo"]["hasNextPage"]:
                return found
            after = page["pageInfo"]["endCursor"]

    def _listed(self, what: str) -> list[dict[str, Any]]:
        pages = self.client.pages(f"/repos/{self.name}/{what}", {"state": "all", "per_page": 100})
        return [item for page in pages for item in msgspec.json.decode(page.content)]

    def _get(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = msgspec.json.decode(self.client.get(path).content)
        return found


def _upserted(name: str, body: bytes, handler: Any) -> list[Row]:
    """The rows that a delivery brings, by its own handler."""
    upserts: list[Upsert] = _changes(name, body, handler).upserts
    return [row for upsert in upserts for row in upsert.rows]


def _changes(name: str, body: bytes, handler: Any) -> Any:
    from django.utils import timezone

    envelope, amiss = _envelope(body)
    return handler(Event(name, body, envelope, timezone.now(), amiss))
