"""Lists are answered from rows that were rendered before, and never from one that has changed."""

from pathlib import Path
from typing import Any

import httpx
import msgspec
from graphql import execute_sync, parse

from githubsim import jsontext
from githubsim.auth import Caller
from githubsim.gitrepos import GitRepos
from githubsim.graphql.context import Context
from githubsim.graphql.executor import Document, KeepingExecutor
from githubsim.graphql.schema import schema
from githubsim.store import Issue, Store
from githubsim.testing import Sim
from tests.client import as_installation

_GRAPHQL = """
query ($owner: String!, $name: String!, $labels: Int!, $duplicates: Boolean) {
  repository(owner: $owner, name: $name) {
    issues(first: 100, orderBy: {field: UPDATED_AT, direction: DESC}) { totalCount nodes {
      id title body state updatedAt stateReason(enableDuplicate: $duplicates)
      author { login __typename } milestone { title } labels(first: $labels) { nodes { name } }
      comments(last: 3) { totalCount nodes { body author { login } } }
      reactionGroups { content reactors { totalCount } } } }
    pullRequests(first: 100) { nodes {
      number title isDraft merged headRefName mergeCommit { oid }
      reviews(first: 5) { nodes { state body } } } } } }
"""
_LISTS = ("issues?state=all", "pulls?state=all", "issues/comments?sort=updated", "pulls/comments?")
_VERSIONS = ("2022-11-28", "2026-03-10")


def _answers(client: httpx.Client, repository: str) -> list[Any]:
    found: list[Any] = []
    for version in _VERSIONS:
        for path in _LISTS:
            for prefix in ("", "/api/v3"):
                url = f"{prefix}/repos/{repository}/{path}&per_page=100"
                answer = client.get(url, headers={"X-GitHub-Api-Version": version})
                assert answer.status_code == 200
                found.append(answer.json())
    owner, name = repository.split("/")
    for labels in (1, 10):
        for duplicates in (False, True):
            variables = {"owner": owner, "name": name, "labels": labels, "duplicates": duplicates}
            body = {"query": _GRAPHQL, "variables": variables}
            answer = client.post("/graphql", json=body).json()
            assert "errors" not in answer
            found.append(answer)
    return found


def test_a_kept_row_is_the_row_of_a_server_that_kept_none(tmp_path: Path) -> None:
    world: dict[str, Any] = {"repositories": 2, "commits": 40, "issues": 40, "pulls": 20}
    options = {**world, "data": tmp_path / "world", "public_url": "http://github.test"}
    with Sim(**options) as github, as_installation(github) as client:
        chosen = max(github.truth()["repositories"], key=lambda one: one["issues"]["total"])
        repository = chosen["full_name"]
        seen = [_answers(client, repository)]
        assert _answers(client, repository) == seen[0]
        issue = seen[0][0][0]
        label = next(one["labels"][0]["name"] for one in seen[0][0] if one["labels"])
        author = next(one["user"]["login"] for one in seen[0][0] if one["user"]["type"] == "User")
        for action, fields in (
            ("issues/edit", {"number": issue["number"], "title": "Another title"}),
            ("labels/edit", {"name": label, "new_name": "renamed"}),
            ("react", {"number": issue["number"], "content": "+1"}),
            ("accounts/rename", {"login": author, "to": "somebody-else"}),
            ("people/act", {"times": 3}),
        ):
            github.control(action, {"repository": repository, **fields})
            now = _answers(client, repository)
            assert now[0] != seen[-1][0], action
            seen.append(now)
    with Sim(**options) as github, as_installation(github) as client:
        assert _answers(client, repository) == seen[-1]


def test_each_caller_gets_rows_of_its_own() -> None:
    query = """query ($owner: String!, $name: String!) { repository(owner: $owner, name: $name) {
        issues(first: 100) { nodes { viewerDidAuthor author { login } } } } }"""
    with (
        Sim(repositories=1, commits=10, issues=10, pulls=5) as github,
        as_installation(github) as client,
    ):
        owner, name = github.truth()["repositories"][0]["full_name"].split("/")
        body = {"query": query, "variables": {"owner": owner, "name": name}}

        def wrote(**headers: str) -> list[tuple[str, bool]]:
            data = client.post("/graphql", json=body, headers=headers).json()["data"]
            nodes = data["repository"]["issues"]["nodes"]
            return [(one["author"]["login"], one["viewerDidAuthor"]) for one in nodes]

        login = wrote()[0][0]
        personal = github.control("token", {"login": login})["token"]
        assert not any(mine for _, mine in wrote())
        seen = wrote(Authorization=f"Bearer {personal}")
        assert [mine for _, mine in seen] == [one == login for one, _ in seen]
        assert not any(mine for _, mine in wrote())


class Busy(Store):
    """Somebody renames an issue as soon as the list was read, before its rows are rendered."""

    title: str | None = None

    def issues(self, *args: Any, **filters: Any) -> list[Issue]:
        found = super().issues(*args, **filters)
        if self.title is not None:
            self.edit_issue(found[0].id, title=self.title)
        return found


def test_a_row_that_changed_while_a_query_was_answered_is_not_kept(tmp_path: Path) -> None:
    store = Busy(None)
    home = store.create_repository(store.create_account("acme").id, "rocket")
    store.open_issue(home.id, "Before", author_id=home.owner_id)
    text = '{ repository(owner: "acme", name: "rocket") { issues(first: 9) { nodes { title } } } }'
    document, caller = Document(parse(text)), Caller("user", store)

    def title() -> str:
        context = Context(store, GitRepos(tmp_path), caller, "http://github", document=document)
        found = execute_sync(
            schema(), document.node, context_value=context, executor_class=KeepingExecutor
        )
        (node,) = msgspec.json.decode(jsontext.encode(found.data))["repository"]["issues"]["nodes"]
        return str(node["title"])

    store.title = "Meanwhile"
    assert title() == "Before"
    store.title = None
    assert title() == "Meanwhile"
    assert title() == "Meanwhile"
    store.close()
