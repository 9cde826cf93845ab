"""timelineItems: the same that REST's timeline has, typed, filtered and paged."""

from typing import Any

import httpx

from githubsim.graphql.timeline import EVENT_TYPES
from githubsim.testing import Sim
from tests.test_graphql import good, named

ITEMS = """
query ($o: String!, $r: String!, $n: Int!, $types: [PullRequestTimelineItemsItemType!],
       $issueTypes: [IssueTimelineItemsItemType!], $since: DateTime, $first: Int, $after: String) {
  repository(owner: $o, name: $r) { issueOrPullRequest(number: $n) {
    ... on Issue { timelineItems(first: $first, after: $after, itemTypes: $issueTypes,
                                 since: $since) { ...onIssue } }
    ... on PullRequest { timelineItems(first: $first, after: $after, itemTypes: $types,
                                       since: $since) { ...onPull } }
  } }
}
fragment onIssue on IssueTimelineItemsConnection {
  totalCount filteredCount pageCount updatedAt pageInfo { hasNextPage endCursor }
  nodes { __typename ...node ...events }
}
fragment onPull on PullRequestTimelineItemsConnection {
  totalCount filteredCount pageCount updatedAt pageInfo { hasNextPage endCursor }
  nodes { __typename ...node ...events
    ... on MergedEvent { commit { oid } mergeRefName mergeRef { name } url }
    ... on ReviewRequestedEvent { requestedReviewer { ... on User { login } ... on Team { slug } } }
    ... on ReviewDismissedEvent { dismissalMessage previousReviewState review { state } }
    ... on PullRequestCommit { pushed: commit { oid } }
    ... on PullRequestReview { state }
    ... on ConvertToDraftEvent { pullRequest { number } url } }
}
fragment node on Node { id }
fragment events on Node {
  ... on LabeledEvent { actor { login } createdAt label { name color } labelable { __typename } }
  ... on AssignedEvent { assignee { ... on User { login } } assignable { __typename } }
  ... on ClosedEvent { stateReason closable { closed } closer { __typename } url }
  ... on ReopenedEvent { stateReason }
  ... on MilestonedEvent { milestoneTitle subject { __typename } }
  ... on RenamedTitleEvent { previousTitle currentTitle }
  ... on LockedEvent { lockReason lockable { locked } }
  ... on TransferredEvent { fromRepository { nameWithOwner } issue { number } }
  ... on IssueComment { body }
}
"""


def items(client: httpx.Client, repository: str, number: int, **args: Any) -> dict[str, Any]:
    asked = {"first": 100, "n": number} | named(repository) | args
    found = good(client, ITEMS, **asked)["repository"]["issueOrPullRequest"]["timelineItems"]
    assert found["pageCount"] == len(found["nodes"])
    return dict(found)


def rest(client: httpx.Client, repository: str, number: int) -> list[str]:
    """The types that GraphQL has for what REST's timeline tells."""
    names = EVENT_TYPES | {
        "commented": "IssueComment",
        "committed": "PullRequestCommit",
        "reviewed": "PullRequestReview",
    }
    found = client.get(f"/repos/{repository}/issues/{number}/timeline?per_page=100").json()
    return [names[one["event"]] for one in found]


def test_a_pull_requests_life_is_told_as_in_rest(
    github: Sim, client: httpx.Client, repository: str
) -> None:
    pull = github.control("pulls/open", {"repository": repository})
    where = {"repository": repository, "number": pull["number"]}
    people = [one["login"] for one in github.truth(accounts=1)["accounts"] if one["type"] == "User"]
    control = github.control
    control("pulls/edit", where | {"title": "Another title"})
    control("issues/label", where | {"labels": ["bug"]})
    control("issues/assign", where | {"assignees": people[:1]})
    control("reviews/request", where | {"reviewers": people[1:2], "teams": ["platform"]})
    review = control("reviews/submit", where | {"sender": people[1]})
    control("reviews/dismiss", {"review_id": review["id"], "message": "Too early"})
    control("issues/comment", where | {"body": "Well"})
    control("pulls/draft", where)
    control("pulls/draft", where | {"draft": False})
    control("issues/lock", where)
    control("issues/lock", where | {"locked": False})
    control("pulls/merge", where)
    found = items(client, repository, pull["number"])
    kinds = [one["__typename"] for one in found["nodes"]]
    assert kinds == rest(client, repository, pull["number"])
    assert found["totalCount"] == found["filteredCount"] == len(kinds)
    by_kind = {one["__typename"]: one for one in found["nodes"]}
    assert by_kind["RenamedTitleEvent"]["currentTitle"] == "Another title"
    assert by_kind["LabeledEvent"]["labelable"] == {"__typename": "PullRequest"}
    assert by_kind["AssignedEvent"]["assignee"] == {"login": people[0]}
    assert by_kind["ReviewDismissedEvent"] | {"id": ""} == {
        "__typename": "ReviewDismissedEvent",
        "id": "",
        "dismissalMessage": "Too early",
        "previousReviewState": "APPROVED",
        "review": {"state": "DISMISSED"},
    }
    asked = [one["requestedReviewer"] for one in found["nodes"] if "requestedReviewer" in one]
    assert asked == [{"login": people[1]}, {"slug": "platform"}]
    merged = by_kind["MergedEvent"]
    shown = client.get(f"/repos/{repository}/pulls/{pull['number']}").json()
    assert merged["commit"] == {"oid": shown["merge_commit_sha"]}
    assert (merged["mergeRefName"], merged["mergeRef"]) == ("main", {"name": "main"})


def test_types_and_times_filter_what_is_paged_and_not_the_total(
    github: Sim, client: httpx.Client, repository: str
) -> None:
    number = github.control("issues/open", {"repository": repository})["number"]
    where = {"repository": repository, "number": number}
    for text in "abc":
        github.control("issues/comment", where | {"body": text})
    github.control("issues/close", where)
    github.control("issues/reopen", where)
    comments = items(client, repository, number, issueTypes=["ISSUE_COMMENT"], first=2)
    assert (comments["totalCount"], comments["filteredCount"]) == (5, 3)
    assert [one["body"] for one in comments["nodes"]] == ["a", "b"]
    after = comments["pageInfo"]["endCursor"]
    more = items(client, repository, number, issueTypes=["ISSUE_COMMENT"], first=2, after=after)
    assert [one["body"] for one in more["nodes"]] == ["c"]
    assert not more["pageInfo"]["hasNextPage"]
    assert items(client, repository, number, since="2100-01-01T00:00:00Z")["nodes"] == []
    closed, reopened = items(
        client, repository, number, issueTypes=["CLOSED_EVENT", "REOPENED_EVENT"]
    )["nodes"]
    assert (closed["stateReason"], reopened["stateReason"]) == ("COMPLETED", "REOPENED")


def test_an_event_is_a_node_with_the_id_that_rest_tells(
    github: Sim, client: httpx.Client, repository: str
) -> None:
    number = github.control("issues/open", {"repository": repository})["number"]
    github.control("issues/close", {"repository": repository, "number": number})
    (event,) = client.get(f"/repos/{repository}/issues/{number}/events").json()
    query = "query ($id: ID!) { node(id: $id) { __typename id ... on ClosedEvent { createdAt } } }"
    node = good(client, query, id=event["node_id"])["node"]
    assert node == {
        "__typename": "ClosedEvent",
        "id": event["node_id"],
        "createdAt": event["created_at"],
    }


def test_a_transferred_issue_tells_where_it_came_from(
    github: Sim, client: httpx.Client, repository: str
) -> None:
    number = github.control("issues/open", {"repository": repository})["number"]
    owner = repository.split("/")[0]
    github.control("repositories/create", {"owner": owner, "name": "next-door"})
    there = f"{owner}/next-door"
    github.control("issues/transfer", {"repository": repository, "number": number, "to": there})
    (event,) = items(client, there, 1)["nodes"]
    assert event["fromRepository"] == {"nameWithOwner": repository}


MORE = """
query ($id: ID!) { node(id: $id) {
  ... on Issue { timelineItems(first: 9) { nodes { __typename
    ... on CrossReferencedEvent { willCloseTarget isCrossRepository source { __typename
      ... on Issue { number } ... on PullRequest { number } } }
    ... on ReferencedEvent { commit { oid } commitRepository { databaseId } }
    ... on ConnectedEvent { source { ... on PullRequest { number } } } } } }
  ... on PullRequest { closingIssuesReferences(first: 9) { nodes { number } }
    linked: closingIssuesReferences(first: 9, userLinkedOnly: true) { totalCount }
    timelineItems(first: 9) { nodes { __typename
      ... on HeadRefForcePushedEvent { beforeCommit { oid } afterCommit { oid } }
      ... on HeadRefDeletedEvent { headRefName } } } }
} }
"""


def test_what_names_an_issue_is_in_its_timeline_and_moves_no_clock(
    github: Sim, client: httpx.Client, repository: str
) -> None:
    where = {"repository": repository}
    issue = github.control("issues/open", where)
    other = github.control("issues/open", where)
    body = f"Fixes #{issue['number']} for {repository}#{issue['number']}, not a#1"
    pull = github.control("pulls/open", where | {"body": body})
    names = {"number": other["number"], "body": f"See #{issue['number']} and #99999"}
    github.control("issues/comment", where | names)
    github.control("issues/comment", where | names)
    message = {"message": f"Help with GH-{issue['number']}"}
    sha = github.control("push", where | {"commits": [message]})["after"]
    link = {"number": pull["number"], "issue": other["number"]}
    github.control("pulls/link", where | link)
    path = f"/repos/{repository}/issues/{issue['number']}"
    assert client.get(path).json()["updated_at"] == issue["updated_at"]
    events = [one["event"] for one in client.get(f"{path}/events").json()]
    assert events == ["referenced"]
    shown = client.get(f"{path}/timeline").json()
    assert [one["event"] for one in shown] == ["cross-referenced"] * 2 + ["referenced"]
    assert [one["source"]["issue"]["number"] for one in shown[:2]] == [
        pull["number"], other["number"],
    ]  # fmt: skip
    items = good(client, MORE, id=issue["node_id"])["node"]["timelineItems"]["nodes"]
    one, two, three = items
    assert (one["willCloseTarget"], one["source"]["__typename"]) == (True, "PullRequest")
    assert (two["willCloseTarget"], two["source"]["number"]) == (False, other["number"])
    assert three["commit"] == {"oid": sha}
    found = good(client, MORE, id=pull["node_id"])["node"]
    assert found["closingIssuesReferences"]["nodes"] == [
        {"number": issue["number"]}, {"number": other["number"]},
    ]  # fmt: skip
    assert found["linked"] == {"totalCount": 1}
    # It goes with what made it.
    github.control("issues/delete", where | {"number": other["number"]})
    shown = client.get(f"{path}/timeline").json()
    assert [one["event"] for one in shown] == ["cross-referenced", "referenced"]


def test_a_forced_push_and_a_deleted_branch_are_in_the_timeline(
    github: Sim, client: httpx.Client, repository: str
) -> None:
    where = {"repository": repository}
    pull = github.control("pulls/open", where)
    branch, head, base = pull["head"]["ref"], pull["head"]["sha"], pull["base"]["sha"]
    moved = {"branch": branch, "force": True, "start": base, "count": 1}
    after = github.control("push", where | moved)["after"]
    github.control("refs/delete", where | {"ref": f"refs/heads/{branch}"})
    nodes = good(client, MORE, id=pull["node_id"])["node"]["timelineItems"]["nodes"]
    by_kind = {one["__typename"]: one for one in nodes}
    assert by_kind["HeadRefForcePushedEvent"]["beforeCommit"] == {"oid": head}
    assert by_kind["HeadRefForcePushedEvent"]["afterCommit"] == {"oid": after}
    assert by_kind["HeadRefDeletedEvent"]["headRefName"] == branch
