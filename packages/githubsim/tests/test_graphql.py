"""GraphQL over HTTP: pages, errors, prices and mutations as GitHub has them."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from githubsim.testing import Sim
from tests.client import as_installation

ISSUES = """
query ($o: String!, $r: String!, $first: Int, $after: String, $last: Int, $before: String) {
  repository(owner: $o, name: $r) {
    issues(first: $first, after: $after, last: $last, before: $before) {
      totalCount
      pageInfo { startCursor endCursor hasNextPage hasPreviousPage }
      edges { cursor node { number } }
    }
  }
}
"""


def ask(client: httpx.Client, query: str, **variables: Any) -> dict[str, Any]:
    answer = client.post("/graphql", json={"query": query, "variables": variables})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def good(client: httpx.Client, query: str, **variables: Any) -> dict[str, Any]:
    found = ask(client, query, **variables)
    assert "errors" not in found, found["errors"]
    data: dict[str, Any] = found["data"]
    return data


def problem(client: httpx.Client, query: str, **variables: Any) -> dict[str, Any]:
    """The only error of a query."""
    (error,) = ask(client, query, **variables)["errors"]
    found: dict[str, Any] = error
    return found


def named(repository: str) -> dict[str, str]:
    owner, name = repository.split("/")
    return {"o": owner, "r": name}


def pages(client: httpx.Client, repository: str, size: int, forward: bool) -> Iterator[Any]:
    cursor: str | None = None
    for _ in range(100):
        page = {"first": size, "after": cursor} if forward else {"last": size, "before": cursor}
        found = good(client, ISSUES, **named(repository), **page)["repository"]["issues"]
        yield found
        info = found["pageInfo"]
        if not info["hasNextPage" if forward else "hasPreviousPage"]:
            return
        cursor = info["endCursor" if forward else "startCursor"]


# Pages.


def test_pages_run_both_ways_over_the_same_issues(
    github: Sim, client: httpx.Client, repository: str
) -> None:
    (truth,) = github.truth(repository=repository)["repositories"]
    forward = list(pages(client, repository, 7, True))
    backward = list(pages(client, repository, 7, False))
    seen = [edge["node"]["number"] for page in forward for edge in page["edges"]]
    assert len(seen) == len(set(seen)) == truth["issues"]["total"] > 14
    assert seen == [edge["node"]["number"] for page in reversed(backward) for edge in page["edges"]]
    assert {page["totalCount"] for page in (*forward, *backward)} == {truth["issues"]["total"]}
    assert [page["pageInfo"]["hasPreviousPage"] for page in forward][:2] == [False, True]
    assert [page["pageInfo"]["hasNextPage"] for page in backward][:2] == [False, True]
    for page in forward:
        assert page["pageInfo"]["startCursor"] == page["edges"][0]["cursor"]
        assert page["pageInfo"]["endCursor"] == page["edges"][-1]["cursor"]


def test_history_has_every_commit_once(github: Sim, client: httpx.Client, repository: str) -> None:
    (truth,) = github.truth(repository=repository)["repositories"]
    query = """
    query ($o: String!, $r: String!, $after: String) {
      repository(owner: $o, name: $r) { defaultBranchRef { target { ... on Commit {
        history(first: 20, after: $after) {
          totalCount pageInfo { hasNextPage endCursor } nodes { oid additions deletions }
        } } } } }
    }
    """
    seen, after = [], None
    while True:
        data = good(client, query, **named(repository), after=after)
        found = data["repository"]["defaultBranchRef"]["target"]["history"]
        assert found["totalCount"] == truth["commits_on_default"]
        seen += [one["oid"] for one in found["nodes"]]
        if not found["pageInfo"]["hasNextPage"]:
            break
        after = found["pageInfo"]["endCursor"]
    assert len(seen) == len(set(seen)) == truth["commits_on_default"]


def test_a_commit_that_cannot_be_counted_is_null_where_a_count_is_asked_for(
    github: Sim, client: httpx.Client, repository: str
) -> None:
    shas = [one["sha"] for one in client.get(f"/repos/{repository}/commits").json()[:2]]
    github.control("commits/uncountable", {"shas": shas[:1]})
    objects = " ".join(
        f'c{n}: object(oid: "{sha}") {{ ... on Commit {{ %s author {{ name }} }} }}'
        for n, sha in enumerate(shas)
    )
    query = (
        f"query ($o: String!, $r: String!) {{ repository(owner: $o, name: $r) {{ {objects} }} }}"
    )
    try:
        answer = ask(client, query.replace("%s", "additions"), **named(repository))
        files = good(client, query.replace("%s", "changedFilesIfAvailable"), **named(repository))
    finally:
        github.control("commits/uncountable", {"shas": []})
    assert answer["data"]["repository"]["c0"] is None
    assert answer["data"]["repository"]["c1"]["additions"] >= 0
    (error,) = answer["errors"]
    assert error["message"] == "The additions count for this commit is unavailable."
    assert error["path"] == ["repository", "c0", "additions"]
    assert files["repository"]["c0"]["changedFilesIfAvailable"] is None
    assert files["repository"]["c1"]["changedFilesIfAvailable"] >= 0


def test_a_count_alone_needs_no_bounds(github: Sim, client: httpx.Client, repository: str) -> None:
    query = """
    query ($o: String!, $r: String!) { repository(owner: $o, name: $r) {
      issues { totalCount } open: issues(states: OPEN) { totalCount } pullRequests { totalCount }
    } }
    """
    (truth,) = github.truth(repository=repository)["repositories"]
    found = good(client, query, **named(repository))["repository"]
    assert found["issues"]["totalCount"] == truth["issues"]["total"]
    assert found["open"]["totalCount"] == truth["issues"]["open"]
    assert found["pullRequests"]["totalCount"] == truth["pulls"]["total"]


@pytest.mark.parametrize(
    ("arguments", "type_"),
    [
        ("", "MISSING_PAGINATION_BOUNDARIES"),
        ("(first: 101)", "EXCESSIVE_PAGINATION"),
        ("(last: 101)", "EXCESSIVE_PAGINATION"),
        ("(first: 0)", "INVALID_PAGINATION_BOUNDARIES"),
        ("(first: 1, last: 1)", "INVALID_PAGINATION_BOUNDARIES"),
        ('(first: 1, after: "nonsense")', "INVALID_CURSOR_ARGUMENTS"),
    ],
)
def test_bounds_outside_1_to_100_are_refused(
    client: httpx.Client, repository: str, arguments: str, type_: str
) -> None:
    query = "query ($o: String!, $r: String!) { repository(owner: $o, name: $r) { labels%s %s } }"
    error = problem(client, query % (arguments, "{ nodes { name } }"), **named(repository))
    assert error["type"] == type_
    assert error["path"][:2] == ["repository", "labels"]


# Nodes and permissions.


def test_nodes_answers_null_and_an_error_where_nothing_is(
    client: httpx.Client, repository: str
) -> None:
    page = good(client, ISSUES, **named(repository), first=1)
    query = "query ($o: String!, $r: String!) { repository(owner: $o, name: $r) { id } }"
    home = good(client, query, **named(repository))["repository"]["id"]
    number = page["repository"]["issues"]["edges"][0]["node"]["number"]
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id ... on Issue { number } __typename } }"
    issue = client.get(f"/repos/{repository}/issues/{number}").json()["node_id"]
    found = ask(client, query, ids=[home, "I_nonsense", issue, "R_kgAA"])
    first, second, third, fourth = found["data"]["nodes"]
    assert (first["__typename"], third["number"]) == ("Repository", number)
    assert (second, fourth) == (None, None)
    assert [(one["type"], one["path"]) for one in found["errors"]] == [
        ("NOT_FOUND", ["nodes", 1]),
        ("NOT_FOUND", ["nodes", 3]),
    ]
    assert "I_nonsense" in found["errors"][0]["message"]
    assert problem(client, query, ids=[home] * 101)["type"] == "ARGUMENT_LIMIT"


def test_an_unknown_repository_is_not_found(client: httpx.Client) -> None:
    query = '{ repository(owner: "acme-labs", name: "nowhere") { id } }'
    found = ask(client, query)
    assert found["data"] == {"repository": None}
    assert found["errors"][0]["type"] == "NOT_FOUND"
    assert "acme-labs/nowhere" in found["errors"][0]["message"]


def test_a_permission_that_is_missing_is_forbidden_and_the_rest_is_answered(
    github: Sim, repository: str
) -> None:
    query = """
    query ($o: String!, $r: String!) { repository(owner: $o, name: $r) {
      name issues(first: 1) { nodes { number } } labels(first: 1) { nodes { name } }
    } }
    """
    with as_installation(github, permissions={"contents": "read"}) as narrow:
        found = ask(narrow, query, **named(repository))
    assert {one["type"] for one in found["errors"]} == {"FORBIDDEN"}
    assert found["errors"][0]["message"] == "Resource not accessible by integration"
    # `issues` may not be null, so that the repository is null instead.
    assert found["data"] == {"repository": None}
    with as_installation(github, permissions={"issues": "read"}) as narrow:
        found = ask(narrow, query, **named(repository))
        assert "errors" not in found
        assert found["data"]["repository"]["issues"]["nodes"]
        head = "query ($o: String!, $r: String!) { repository(owner: $o, name: $r) { name %s } }"
        found = ask(narrow, head % "defaultBranchRef { name }", **named(repository))
    assert found["data"]["repository"]["defaultBranchRef"] is None
    assert found["data"]["repository"]["name"] == named(repository)["r"]
    assert found["errors"][0]["path"] == ["repository", "defaultBranchRef"]


def test_strangers_and_apps_are_sent_away(github: Sim) -> None:
    answer = httpx.post(f"{github.url}/graphql", json={"query": "{ id }"})
    assert answer.status_code == 401
    wrong = httpx.post(
        f"{github.url}/graphql",
        json={"query": "{ id }"},
        headers={"Authorization": "Bearer ghs_wrong"},
    )
    assert (wrong.status_code, wrong.json()["message"]) == (401, "Bad credentials")


def test_a_query_that_is_no_query_says_why(client: httpx.Client) -> None:
    error = problem(client, "{ repositry { id } }")
    assert error["message"] == "Field 'repositry' doesn't exist on type 'Query'"
    assert error["extensions"]["code"] == "undefinedField"
    assert problem(client, "{ id")["message"].startswith("Parse error")
    broken = client.post("/graphql", content=b"{")
    assert (broken.status_code, broken.json()["message"]) == (400, "Problems parsing JSON")


# Prices.

_LABELS = """
query ($login: String!, $repos: Int!) {
  rateLimit { cost nodeCount remaining used limit }
  repositoryOwner(login: $login) {
    repositories(first: $repos) { edges { node { id
      issues(first: 50) { edges { node { id labels(first: 60) { edges { node { id } } } } } }
    } } }
  }
}
"""
_COMMENTS = """
query ($login: String!) {
  rateLimit { cost nodeCount }
  repositoryOwner(login: $login) { repositories(first: 50) { edges { node {
    pullRequests(first: 20) { edges { node { comments(first: 10) { edges { node { id } } } } } }
    issues(first: 20) { edges { node { comments(first: 10) { edges { node { id } } } } } }
  } } } }
}
"""


def test_a_query_costs_what_githubs_formula_says(client: httpx.Client, repository: str) -> None:
    # The examples of GitHub's own page on rate limits and query limits.
    owner = named(repository)["o"]
    before = good(client, "{ rateLimit { used } }")["rateLimit"]["used"]
    found = good(client, _LABELS, login=owner, repos=100)["rateLimit"]
    # 1 + 100 + 100 × 50 requests, divided by 100.
    assert (found["cost"], found["nodeCount"]) == (51, 100 + 100 * 50 + 100 * 50 * 60)
    assert found["used"] == before + 51
    assert found["remaining"] == found["limit"] - found["used"]
    found = good(client, _COMMENTS, login=owner)["rateLimit"]
    # 1 + 50 + 50 + 50 × 20 + 50 × 20 requests; GitHub's page counts 22,050 nodes so far.
    assert (found["cost"], found["nodeCount"]) == (21, 50 + 2 * (50 * 20 + 50 * 20 * 10))
    assert good(client, "{ rateLimit { cost } }")["rateLimit"]["cost"] == 1


def test_more_than_500000_nodes_are_never_fetched(client: httpx.Client, repository: str) -> None:
    query = _LABELS.replace("first: 50", "first: 100").replace("first: 60", "first: 100")
    before = good(client, "{ rateLimit { used } }")["rateLimit"]["used"]
    error = problem(client, query, login=named(repository)["o"], repos=100)
    assert error["type"] == "MAX_NODE_LIMIT_EXCEEDED"
    assert "1,010,100" in error["message"]
    assert "500,000" in error["message"]
    assert good(client, "{ rateLimit { used } }")["rateLimit"]["used"] == before + 1


def test_spent_points_are_a_200_with_an_error(
    github: Sim, client: httpx.Client, repository: str
) -> None:
    github.control("quota", {"resource": "graphql", "remaining": 0})
    try:
        answer = client.post("/graphql", json={"query": "{ rateLimit { cost } }"})
        assert answer.status_code == 200
        assert answer.headers["x-ratelimit-remaining"] == "0"
        assert answer.headers["x-ratelimit-resource"] == "graphql"
        (error,) = answer.json()["errors"]
        assert error["type"] == "RATE_LIMITED"
        assert "data" not in answer.json()
        # REST has an hour of its own.
        assert client.get(f"/repos/{repository}").status_code == 200
    finally:
        github.control("quota", {"resource": "graphql", "remaining": 5000})


# Both interfaces, one world.


def test_rest_and_graphql_agree(client: httpx.Client, repository: str) -> None:
    query = """
    query ($o: String!, $r: String!) { repository(owner: $o, name: $r) {
      databaseId
      issues(first: 100) { nodes {
        id fullDatabaseId number title state body updatedAt closedAt author { login }
        labels(first: 100) { nodes { name } } comments { totalCount }
      } }
      pullRequests(first: 100) { nodes {
        id fullDatabaseId number merged isDraft headRefOid additions updatedAt
      } }
    } }
    """
    found = good(client, query, **named(repository))["repository"]
    rest = client.get(f"/repos/{repository}/issues?state=all&per_page=100").json()
    by_number = {one["number"]: one for one in rest}
    assert len(found["issues"]["nodes"]) + len(found["pullRequests"]["nodes"]) == len(by_number)
    assert found["databaseId"] == client.get(f"/repos/{repository}").json()["id"]
    for one in found["issues"]["nodes"]:
        same = by_number[one["number"]]
        assert "pull_request" not in same
        assert (one["id"], int(one["fullDatabaseId"])) == (same["node_id"], same["id"])
        assert (one["title"], one["state"].lower()) == (same["title"], same["state"])
        assert one["body"] == (same["body"] or "")
        assert (one["updatedAt"], one["closedAt"]) == (same["updated_at"], same["closed_at"])
        assert one["comments"]["totalCount"] == same["comments"]
        labels = {label["name"] for label in one["labels"]["nodes"]}
        assert labels == {label["name"] for label in same["labels"]}
        login = same["user"]["login"] if same["user"] else "ghost"
        assert (one["author"] or {"login": "ghost"})["login"] == login.removesuffix("[bot]")
    for one in found["pullRequests"]["nodes"]:
        same = client.get(f"/repos/{repository}/pulls/{one['number']}").json()
        assert (one["id"], int(one["fullDatabaseId"])) == (same["node_id"], same["id"])
        assert (one["merged"], one["isDraft"]) == (same["merged"], same["draft"])
        assert (one["headRefOid"], one["additions"]) == (same["head"]["sha"], same["additions"])
        assert one["updatedAt"] == same["updated_at"]


def test_issues_are_deleted_and_transferred_by_mutations(
    github: Sim, client: httpx.Client, repository: str
) -> None:
    owner = named(repository)["o"]
    other = github.control("repositories/create", {"owner": owner, "name": "elsewhere"})
    gone = github.control("issues/open", {"repository": repository, "title": "Goes"})
    moved = github.control("issues/open", {"repository": repository, "title": "Moves"})
    delete = """
    mutation ($i: DeleteIssueInput!) { deleteIssue(input: $i) {
      clientMutationId repository { nameWithOwner } } }
    """
    done = good(client, delete, i={"issueId": gone["node_id"], "clientMutationId": "m1"})
    assert done["deleteIssue"] == {
        "clientMutationId": "m1",
        "repository": {"nameWithOwner": repository},
    }
    assert client.get(f"/repos/{repository}/issues/{gone['number']}").status_code == 410
    assert problem(client, delete, i={"issueId": gone["node_id"]})["type"] == "NOT_FOUND"
    transfer = """
    mutation ($i: TransferIssueInput!) { transferIssue(input: $i) {
      issue { number title repository { name } } } }
    """
    wanted = {"issueId": moved["node_id"], "repositoryId": other["node_id"]}
    done = good(client, transfer, i=wanted)["transferIssue"]["issue"]
    assert done == {"number": 1, "title": "Moves", "repository": {"name": "elsewhere"}}
    old = client.get(f"/repos/{repository}/issues/{moved['number']}", follow_redirects=False)
    assert old.status_code == 301
    with as_installation(github, permissions={"issues": "read"}) as reader:
        kept = github.control("issues/open", {"repository": repository})
        assert problem(reader, delete, i={"issueId": kept["node_id"]})["type"] == "FORBIDDEN"
