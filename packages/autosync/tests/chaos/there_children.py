"""What belongs to repositories, issues and pull requests, as REST tells it; by GraphQL threads,
and of timelines the mentions and deleted comments.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import httpx
from gidgethub.abc import GitHubAPI

from tests.chaos.child_tables import TABLES, plain
from tests.chaos.here import Rows

Found = dict[str, Rows]
Json = Mapping[str, Any]
_STAR = "application/vnd.github.star+json"
_THREADS = """query ($id: ID!, $after: String) { node(id: $id) { ... on PullRequest {
  reviewThreads(first: 100, after: $after) { pageInfo { hasNextPage endCursor } nodes {
    id path isResolved isOutdated resolvedBy { databaseId login } line originalLine startLine
    originalStartLine diffSide startDiffSide subjectType } } } } }"""


# Of these REST shows no node id, or not whose comment it was.
_BY_GRAPH = {
    "cross-referenced": ("CROSS_REFERENCED_EVENT", "CrossReferencedEvent", ""),
    "comment_deleted": (
        "COMMENT_DELETED_EVENT", "CommentDeletedEvent",
        "deletedCommentAuthor { login ... on User { databaseId } ... on Bot { databaseId } }",
    ),
}  # fmt: skip
_TIMELINE = """query ($id: ID!, $after: String) { node(id: $id) { ... on %s {
  timelineItems(first: 100, after: $after, itemTypes: [%s]) {
    pageInfo { hasNextPage endCursor } nodes { ... on %s { id createdAt %s actor { login
      ... on User { databaseId } ... on Bot { databaseId } ... on Organization { databaseId } }
} } } } } }"""
_CLOSING = """query ($id: ID!) { node(id: $id) { ... on PullRequest {
  closingIssuesReferences(first: 100) { pageInfo { hasNextPage } nodes {
    number fullDatabaseId repository { databaseId } } } } } }"""
_ELSEWHERE = {"commented", "committed", "reviewed"}  # what has a table of its own


class Children:
    """One reading of them; only of the tables that are wanted, for each costs requests. `app` asks
    as the App, for what is not shown to everyone.
    """

    def __init__(
        self,
        api: GitHubAPI,
        app: GitHubAPI,
        client: httpx.AsyncClient,
        token: str,
        wanted: Collection[str],
        found: Found,
    ) -> None:
        self._api = api
        self._app = app
        self._client = client
        self._token = token
        self._wanted = wanted
        self._found = found
        for table in wanted:
            found.setdefault(table, {})

    async def of_repository(self, repository: Json) -> None:
        """Everything but what hangs on single pull requests."""
        path, home = f"/repos/{repository['full_name']}", {"repository_id": repository["id"]}
        if self._wants("releases", "release_assets"):
            async for one in self._api.getiter(f"{path}/releases?per_page=100"):
                self._release(one, home)
        if self._wants("labels"):
            async for one in self._api.getiter(f"{path}/labels?per_page=100"):
                self._put("labels", home | one | {"is_default": one["default"]})
        if self._wants("milestones"):
            async for one in self._api.getiter(f"{path}/milestones?state=all&per_page=100"):
                self._put("milestones", home | one | _who("creator", one["creator"]))
        if self._wants("issue_comments"):
            async for one in self._api.getiter(f"{path}/issues/comments?per_page=100"):
                self._put("issue_comments", home | _said(one, issue_number="issue_url"))
        if self._wants("review_comments"):
            async for one in self._api.getiter(f"{path}/pulls/comments?per_page=100"):
                self._put("review_comments", home | _remark(one))
        if self._wants("commit_comments"):
            async for one in self._api.getiter(f"{path}/comments?per_page=100"):
                self._put("commit_comments", home | _said(one) | {"commit_sha": one["commit_id"]})
        if self._wants("stars"):
            stars = self._app.getiter(f"{path}/stargazers?per_page=100", accept=_STAR)
            async for one in stars:
                self._put("stars", home | one | _who("user", one["user"]))
        if self._wants("repository_languages"):
            languages = await self._api.getitem(f"{path}/languages")
            for name, size in languages.items():
                self._put("repository_languages", {**home, "name": name, "size": size})
        if self._wants("repository_activity"):
            async for one in self._api.getiter(f"{path}/activity?per_page=100"):
                shas = {"before_sha": one["before"], "after_sha": one["after"]}
                at = {"created_at": one["timestamp"], **_who("actor", one["actor"])}
                self._put("repository_activity", {**home, **one, **shas, **at})
        if self._wants("watchers"):
            async for one in self._api.getiter(f"{path}/subscribers?per_page=100"):
                self._put("watchers", home | _who("user", one))
        if self._wants("forks"):
            # As the App: private ones are shown to those who may see them.
            async for one in self._app.getiter(f"{path}/forks?per_page=100"):
                self._put(
                    "forks", home | one | _who("owner", one["owner"]) | {"fork_id": one["id"]}
                )
        if self._wants("issue_labels", "issue_assignees"):
            async for one in self._api.getiter(f"{path}/issues?state=all&per_page=100"):
                self._sets(one, home | {"issue_number": one["number"]})
        if self._wants("sub_issues", "issue_dependencies") and repository["has_issues"]:
            async for one in self._app.getiter(f"{path}/issues?state=all&per_page=100"):
                if "pull_request" not in one:
                    await self._links(one, path, home)
        if self._wants("reactions"):
            async for one in self._api.getiter(f"{path}/issues?state=all&per_page=100"):
                place = home | {"issue_number": one["number"]}
                items = f"{path}/issues/{one['number']}/reactions?per_page=100"
                async for reaction in self._api.getiter(items):
                    self._put("reactions", {**place, **reaction, **_who("user", reaction["user"])})
        if self._wants("timeline_events"):
            async for one in self._api.getiter(f"{path}/issues?state=all&per_page=100"):
                await self._timeline(one, path, home | {"issue_number": one["number"]})

    async def of_pull(self, pull: Json, repository: Json) -> None:
        """What hangs on one pull request (as its single answer has it)."""
        home = {"repository_id": repository["id"], "pull_number": pull["number"]}
        if self._wants("requested_reviewers"):
            for kind, people in (
                ("user", pull["requested_reviewers"]), ("team", pull["requested_teams"])
            ):  # fmt: skip
                for one in people:
                    named = {"reviewer_id": one["id"], "reviewer_type": kind}
                    login = one["login"] if kind == "user" else one["slug"]
                    self._put("requested_reviewers", home | named | {"reviewer_login": login})
        if self._wants("reviews"):
            path = f"/repos/{repository['full_name']}/pulls/{pull['number']}"
            async for one in self._api.getiter(f"{path}/reviews?per_page=100"):
                row = _said(one) | {"state": one["state"].lower(), "commit_sha": one["commit_id"]}
                self._put("reviews", home | row | {"submitted_at": one.get("submitted_at")})
        if self._wants("closing_references"):
            page = (await self._graph(_CLOSING, pull["node_id"], None))["closingIssuesReferences"]
            assert not page["pageInfo"]["hasNextPage"]
            for one in page["nodes"]:
                row = {"issue_id": int(one["fullDatabaseId"]), "issue_number": one["number"]}
                home_of = {"issue_repository_id": one["repository"]["databaseId"]}
                self._put("closing_references", {**home, **row, **home_of})
        if self._wants("review_threads"):
            await self._threads(pull["node_id"], home)

    async def _links(self, issue: Json, path: str, home: Json) -> None:
        """As the App, which sees private repositories too; parts come in their order."""
        items, number = f"{path}/issues/{issue['number']}", issue["number"]
        if self._wants("sub_issues") and issue["sub_issues_summary"]["total"]:
            place = 0
            async for one in self._app.getiter(f"{items}/sub_issues?per_page=100"):
                place += 1
                row = {
                    "parent_number": number,
                    "position": place,
                    **await self._end("issue", one, issue, home),
                }
                self._put("sub_issues", {**home, **row})
        waits = issue["issue_dependencies_summary"]["total_blocked_by"]
        if self._wants("issue_dependencies") and waits:
            async for one in self._app.getiter(f"{items}/dependencies/blocked_by?per_page=100"):
                row = {"issue_number": number, **await self._end("blocking", one, issue, home)}
                self._put("issue_dependencies", {**home, **row})

    async def _end(self, role: str, one: Json, issue: Json, home: Json) -> dict[str, Any]:
        """An issue that another is linked to; of its repository REST has only the address."""
        there = home["repository_id"]
        if one["repository_url"] != issue["repository_url"]:
            there = (await self._app.getitem(one["repository_url"]))["id"]
        ids = {f"{role}_id": one["id"], f"{role}_number": one["number"]}
        return {**ids, f"{role}_repository_id": there}

    async def _timeline(self, issue: Json, path: str, home: Json) -> None:
        items = f"{path}/issues/{issue['number']}/timeline?per_page=100"
        seen = set()
        async for one in self._api.getiter(items):
            seen.add(one["event"])
            if one["event"] in _ELSEWHERE or one["event"] in _BY_GRAPH:
                continue
            whom = one.get("assignee") or one.get("requested_reviewer")
            row = {**one, **_who("actor", one["actor"]), **_who("subject", whom)}
            self._put("timeline_events", {**home, **row, "commit_sha": one["commit_id"]})
        kind = "PullRequest" if "pull_request" in issue else "Issue"
        for event in sorted(seen & _BY_GRAPH.keys()):
            node_id = issue["node_id"]
            if kind == "PullRequest":
                node_id = (await self._api.getitem(f"{path}/pulls/{issue['number']}"))["node_id"]
            await self._events(event, kind, node_id, home)

    async def _events(self, event: str, kind: str, node_id: str, home: Json) -> None:
        item, named, more = _BY_GRAPH[event]
        after = None
        while True:
            query = _TIMELINE % (kind, item, named, more)
            page = (await self._graph(query, node_id, after))["timelineItems"]
            for one in page["nodes"]:
                row = {
                    "node_id": one["id"],
                    "event": event,
                    "created_at": one["createdAt"],
                    "commit_sha": None,
                    **_who("actor", _numbered(one["actor"])),
                    **_who("subject", _numbered(one.get("deletedCommentAuthor"))),
                }
                self._put("timeline_events", {**home, **row})
            if not page["pageInfo"]["hasNextPage"]:
                return
            after = page["pageInfo"]["endCursor"]

    async def _graph(self, query: str, node_id: str, after: str | None) -> Any:
        asked = {"query": query, "variables": {"id": node_id, "after": after}}
        headers = {"Authorization": f"Bearer {self._token}"}
        answer = await self._client.post("/graphql", json=asked, headers=headers)
        return answer.json()["data"]["node"]

    async def _threads(self, node_id: str, home: Json) -> None:
        after = None
        while True:
            page = (await self._graph(_THREADS, node_id, after))["reviewThreads"]
            for one in page["nodes"]:
                by = one["resolvedBy"] or {}
                row = {
                    "node_id": one["id"],
                    "path": one["path"],
                    "is_resolved": one["isResolved"],
                    "is_outdated": one["isOutdated"],
                    "resolved_by_id": by.get("databaseId"),
                    "resolved_by_login": by.get("login"),
                    "line": one["line"],
                    "original_line": one["originalLine"],
                    "start_line": one["startLine"],
                    "original_start_line": one["originalStartLine"],
                    "side": one["diffSide"].lower(),
                    "start_side": one["startDiffSide"] and one["startDiffSide"].lower(),
                    "subject_type": one["subjectType"].lower(),
                }
                self._put("review_threads", {**home, **row})
            if not page["pageInfo"]["hasNextPage"]:
                return
            after = page["pageInfo"]["endCursor"]

    def _release(self, one: Json, home: Json) -> None:
        if one["draft"]:
            return
        if self._wants("releases"):
            self._put("releases", {**home, **one, **_who("author", one["author"])})
        if self._wants("release_assets"):
            for asset in one["assets"]:
                row = _who("uploader", asset["uploader"]) | {"release_id": one["id"]}
                self._put("release_assets", {**home, **asset, **row})

    def _sets(self, issue: Json, home: Json) -> None:
        if self._wants("issue_labels"):
            for label in issue["labels"]:
                self._put("issue_labels", {**home, "label_node_id": label["node_id"]})
        if self._wants("issue_assignees"):
            for person in issue["assignees"]:
                self._put("issue_assignees", {**home, **_who("user", person)})

    def _wants(self, *tables: str) -> bool:
        return any(table in self._wanted for table in tables)

    def _put(self, table: str, row: Json) -> None:
        known = TABLES[table]
        cells = {"github_id": row.get("id"), **row}
        key = tuple(cells[name] for name in known.key)
        self._found[table][key if len(key) > 1 else key[0]] = {
            name: _cell(name, cells[name]) for name in (*known.columns, *known.may)
        }


def _said(one: Json, **numbers: str) -> dict[str, Any]:
    """What somebody wrote: the author, and the numbers at the end of some URLs."""
    return {
        **one,
        **_who("author", one["user"]),
        **{name: int(one[url].rpartition("/")[2]) for name, url in numbers.items()},
        "author_association": one["author_association"].lower(),
    }


def _remark(one: Json) -> dict[str, Any]:
    return _said(one, pull_number="pull_request_url") | {
        "review_id": one["pull_request_review_id"],
        "in_reply_to_id": one.get("in_reply_to_id"),
        "commit_sha": one["commit_id"],
        "original_commit_sha": one["original_commit_id"],
        "side": one["side"].lower(),
        "start_side": one["start_side"] and one["start_side"].lower(),
    }


def _who(role: str, person: Json | None) -> dict[str, Any]:
    """A deleted account is nobody; REST shows `ghost`."""
    if person is None or person["login"] == "ghost":
        return {f"{role}_id": None, f"{role}_login": None}
    return {f"{role}_id": person["id"], f"{role}_login": person["login"]}


def _numbered(person: Json | None) -> Json | None:
    """An actor of GraphQL's as REST has it."""
    return person and {"login": person["login"], "id": person["databaseId"]}


def _cell(name: str, value: Any) -> Any:
    if name.endswith(("_at", "_on")) and value is not None:
        return datetime.fromisoformat(value)
    return plain(value)
