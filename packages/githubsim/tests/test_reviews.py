"""Reviewing a pull request: what is written, listed, told by webhooks and asked by GraphQL."""

from typing import Any

import httpx
import pytest

from githubsim.receiver import Receiver
from githubsim.testing import Sim


@pytest.fixture
def pull(github: Sim, repository: str) -> dict[str, Any]:
    """A fresh pull request that changes one file with three lines."""
    name = f"review-{len(github.truth(repository=repository)['repositories'][0]['refs'])}"
    start = github.truth(repository=repository)["repositories"][0]["refs"]["refs/heads/main"]
    files = {f"{name}.txt": "one\ntwo\nthree\n"}
    github.control(
        "push",
        {"repository": repository, "branch": name, "start": start, "commits": [{"files": files}]},
    )
    found = github.control("pulls/open", {"repository": repository, "head": name})
    return dict(found) | {"file": f"{name}.txt", "at": f"/repos/{repository}/pulls"}


def post(client: httpx.Client, where: str, /, **body: Any) -> dict[str, Any]:
    answer = client.post(where, json=body)
    assert answer.status_code in (200, 201), answer.text
    return dict(answer.json())


def ask(client: httpx.Client, query: str, **variables: Any) -> dict[str, Any]:
    answer = client.post("/graphql", json={"query": query, "variables": variables}).json()
    assert "errors" not in answer, answer
    return dict(answer["data"])


def test_a_review_with_comments_is_told_and_listed(
    github: Sim, receiver: Receiver, client: httpx.Client, pull: dict[str, Any]
) -> None:
    assert github.control("webhooks/wait")["delivered"]
    receiver.clear()
    one = f"{pull['at']}/{pull['number']}"
    note = {"path": pull["file"], "line": 2, "body": "Why two?"}
    review = post(
        client, f"{one}/reviews", event="REQUEST_CHANGES", body="Not yet", comments=[note]
    )
    assert (review["state"], review["commit_id"]) == ("CHANGES_REQUESTED", pull["head"]["sha"])
    came = receiver.wait(lambda all_: len(all_) == 2)
    assert [hook.name for hook in came] == [
        "pull_request_review.submitted",
        "pull_request_review_comment.created",
    ]
    told, comment = came[0].payload, came[1].payload["comment"]
    assert (told["review"]["state"], told["review"]["id"]) == ("changes_requested", review["id"])
    assert told["pull_request"]["id"] == pull["id"]
    assert (comment["line"], comment["position"]) == (2, 2)
    assert comment["diff_hunk"] == "@@ -0,0 +1,3 @@\n+one\n+two"
    assert [item["id"] for item in client.get(f"{one}/reviews").json()] == [review["id"]]
    (listed,) = client.get(f"{one}/reviews/{review['id']}/comments").json()
    assert listed["id"] == comment["id"]
    assert "line" not in listed
    single = client.get(one).json()
    assert single["review_comments"] == 1
    assert single["updated_at"] >= review["submitted_at"]


def test_a_pending_review_is_nobodys_business(
    github: Sim, receiver: Receiver, client: httpx.Client, pull: dict[str, Any]
) -> None:
    assert github.control("webhooks/wait")["delivered"]
    receiver.clear()
    one = f"{pull['at']}/{pull['number']}"
    note = {"path": pull["file"], "position": 1, "body": "Hm"}
    review = post(client, f"{one}/reviews", comments=[note])
    assert review["state"] == "PENDING"
    assert "submitted_at" not in review
    stranger = httpx.Client(
        base_url=github.url,
        headers={"Authorization": f"Bearer {github.control('token')['token']}"},
    )
    with stranger:
        assert stranger.get(f"{one}/reviews").json() == []
        assert stranger.get(f"{one}/reviews/{review['id']}").status_code == 404
        assert stranger.get(f"{one}/comments").json() == []
    assert client.post(f"{one}/reviews", json={}).status_code == 422
    assert github.control("webhooks/wait")["delivered"]
    assert receiver.received == []
    done = post(client, f"{one}/reviews/{review['id']}/events", event="COMMENT")
    assert done["state"] == "COMMENTED"
    receiver.wait(lambda all_: len(all_) == 2)
    assert client.delete(f"{one}/reviews/{review['id']}").status_code == 422


def test_a_pending_review_can_be_thrown_away(client: httpx.Client, pull: dict[str, Any]) -> None:
    one = f"{pull['at']}/{pull['number']}"
    review = post(client, f"{one}/reviews")
    assert client.delete(f"{one}/reviews/{review['id']}").status_code == 200
    assert client.get(f"{one}/reviews").json() == []


def test_an_approval_is_edited_and_dismissed(
    github: Sim, receiver: Receiver, client: httpx.Client, pull: dict[str, Any]
) -> None:
    receiver.clear()
    one = f"{pull['at']}/{pull['number']}"
    review = post(client, f"{one}/reviews", event="APPROVE")
    path = f"{one}/reviews/{review['id']}"
    assert client.put(path, json={"body": "Well done"}).json()["body"] == "Well done"
    assert receiver.wait_for("pull_request_review.edited").payload["changes"] == {
        "body": {"from": ""}
    }
    dismissed = client.put(f"{path}/dismissals", json={"message": "Too old"})
    assert dismissed.json()["state"] == "DISMISSED"
    told = receiver.wait_for("pull_request_review.dismissed").payload
    assert told["review"]["state"] == "dismissed"
    assert client.put(f"{path}/dismissals", json={"message": "Again"}).status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        {"event": "COMMENT"},
        {"event": "PRAISE", "body": "x"},
        {"event": "APPROVE", "comments": [{"path": "nowhere.txt", "line": 1, "body": "x"}]},
        {"event": "APPROVE", "comments": [{"path": "FILE", "line": 99, "body": "x"}]},
    ],
)
def test_a_review_that_makes_no_sense_is_422(
    client: httpx.Client, pull: dict[str, Any], body: dict[str, Any]
) -> None:
    for note in body.get("comments", ()):
        if note["path"] == "FILE":
            note["path"] = pull["file"]
    answer = client.post(f"{pull['at']}/{pull['number']}/reviews", json=body)
    assert answer.status_code == 422
    assert answer.json().keys() >= {"message", "errors", "documentation_url", "status"}
    assert client.get(f"{pull['at']}/{pull['number']}/reviews").json() == []


def test_a_thread_is_begun_answered_edited_resolved_and_deleted(
    github: Sim, receiver: Receiver, client: httpx.Client, pull: dict[str, Any]
) -> None:
    assert github.control("webhooks/wait")["delivered"]
    receiver.clear()
    one = f"{pull['at']}/{pull['number']}"
    place = {"path": pull["file"], "line": 3, "start_line": 1, "commit_id": pull["head"]["sha"]}
    first = post(client, f"{one}/comments", body="These three", **place)
    assert (first["start_line"], first["line"], first["side"]) == (1, 3, "RIGHT")
    answer = post(client, f"{one}/comments/{first['id']}/replies", body="Yes?")
    assert answer["in_reply_to_id"] == first["id"]
    assert answer["pull_request_review_id"] != first["pull_request_review_id"]
    edited = client.patch(f"{pull['at']}/comments/{answer['id']}", json={"body": "Yes!"})
    assert edited.json()["body"] == "Yes!"
    github.control("reviews/resolve", {"comment_id": first["id"]})
    found = ask(
        client,
        """query ($id: ID!) { node(id: $id) { ... on PullRequest {
            reviewThreads(first: 10) { totalCount nodes { id isResolved path line startLine
              resolvedBy { login } comments(first: 10) { nodes { fullDatabaseId body
                replyTo { fullDatabaseId } pullRequestReview { state } } } } } } } }""",
        id=pull["node_id"],
    )["node"]["reviewThreads"]
    (thread,) = found["nodes"]
    assert (found["totalCount"], thread["isResolved"]) == (1, True)
    assert thread["resolvedBy"]["login"]
    assert [int(item["fullDatabaseId"]) for item in thread["comments"]["nodes"]] == [
        first["id"],
        answer["id"],
    ]
    undone = ask(
        client,
        """mutation ($id: ID!) { unresolveReviewThread(input: {threadId: $id}) {
            thread { isResolved } } }""",
        id=thread["id"],
    )
    assert undone["unresolveReviewThread"]["thread"]["isResolved"] is False
    assert client.delete(f"{pull['at']}/comments/{first['id']}").status_code == 204
    (left,) = client.get(f"{one}/comments").json()
    assert left["id"] == answer["id"]
    assert "in_reply_to_id" not in left
    receiver.wait_for("pull_request_review_comment.deleted")
    assert [hook.name for hook in receiver.received] == [
        *("pull_request_review.submitted", "pull_request_review_comment.created") * 2,
        "pull_request_review_comment.edited",
        "pull_request_review_thread.resolved",
        "pull_request_review_thread.unresolved",
        "pull_request_review_comment.deleted",
    ]


def test_all_review_comments_of_a_repository_are_listed_since(
    github: Sim, client: httpx.Client, repository: str, pull: dict[str, Any]
) -> None:
    where = {"repository": repository, "number": pull["number"]}
    for _ in range(3):
        github.control("reviews/comment", where)
    (truth,) = github.truth(repository=repository)["repositories"]
    path = f"/repos/{repository}/pulls/comments"
    listed: list[dict[str, Any]] = []
    url = f"{path}?per_page=2&sort=updated&direction=asc"
    while url:
        answer = client.get(url)
        listed += answer.json()
        url = answer.links.get("next", {}).get("url", "")
    assert len({one["id"] for one in listed}) == len(listed) == truth["review_comments"]
    clocks = [one["updated_at"] for one in listed]
    assert clocks == sorted(clocks)
    newest = client.get(path, params={"sort": "updated", "direction": "desc", "per_page": 1})
    assert newest.json()[0]["updated_at"] == clocks[-1]
    since = client.get(path, params={"since": clocks[-1], "per_page": 100}).json()
    assert {one["updated_at"] for one in since} == {clocks[-1]}


def test_reviewers_are_asked_and_no_longer_once_they_have_reviewed(
    github: Sim, receiver: Receiver, client: httpx.Client, repository: str, pull: dict[str, Any]
) -> None:
    receiver.clear()
    path = f"{pull['at']}/{pull['number']}/requested_reviewers"
    accounts = github.truth(accounts=1)["accounts"]
    people = [one["login"] for one in accounts if one["type"] == "User"]
    people.remove(pull["user"]["login"])
    asked = post(client, path, reviewers=people[:2])
    assert [one["login"] for one in asked["requested_reviewers"]] == people[:2]
    told = receiver.wait_for("pull_request.review_requested").payload
    assert told["requested_reviewer"]["login"] == people[0]
    removed = client.request("DELETE", path, json={"reviewers": people[1:2]}).json()
    assert [one["login"] for one in removed["requested_reviewers"]] == people[:1]
    receiver.wait_for("pull_request.review_request_removed")
    query = """query ($id: ID!) { node(id: $id) { ... on PullRequest { reviewDecision
        reviewRequests(first: 5) { nodes { requestedReviewer { ... on User { login } } } }
        reviews(first: 5) { totalCount nodes { state author { login } commit { oid } } } } } }"""
    before = ask(client, query, id=pull["node_id"])["node"]
    (request,) = before["reviewRequests"]["nodes"]
    assert request["requestedReviewer"]["login"] == people[0]
    assert before["reviewDecision"] is None
    where = {"repository": repository, "number": pull["number"], "sender": people[0]}
    github.control("reviews/submit", where)
    assert client.get(path).json() == {"users": [], "teams": []}
    after = ask(client, query, id=pull["node_id"])["node"]
    assert (after["reviewDecision"], after["reviews"]["totalCount"]) == ("APPROVED", 1)
    assert after["reviews"]["nodes"][0]["commit"]["oid"] == pull["head"]["sha"]
    author = client.post(path, json={"reviewers": [pull["user"]["login"]]})
    assert author.status_code == 422
    assert client.post(path, json={"reviewers": ["nobody-at-all"]}).status_code == 422


def test_a_seeded_world_has_reviews_no_later_than_their_pull_requests(
    github: Sim, client: httpx.Client
) -> None:
    truth = github.truth()["repositories"]
    assert sum(one["reviews"] for one in truth) > 5
    assert sum(one["review_comments"] for one in truth) > 0
    chosen = max(truth, key=lambda one: one["reviews"])["full_name"]
    owner, name = chosen.split("/")
    found = ask(
        client,
        """query ($owner: String!, $name: String!) { repository(owner: $owner, name: $name) {
            pullRequests(first: 100) { nodes { updatedAt author { login } reviews(first: 50) {
              nodes { submittedAt author { login } comments(first: 20) { nodes {
                diffHunk path position } } } } } } } }""",
        owner=owner,
        name=name,
    )
    for pull in found["repository"]["pullRequests"]["nodes"]:
        for review in pull["reviews"]["nodes"]:
            assert review["submittedAt"] <= pull["updatedAt"]
            for comment in review["comments"]["nodes"]:
                assert comment["diffHunk"].startswith("@@ ")
                assert comment["diffHunk"].count("\n") <= comment["position"]


def test_what_other_mirrors_ask_of_pull_requests_is_answered(
    github: Sim, client: httpx.Client, repository: str, pull: dict[str, Any]
) -> None:
    """Statistics with nested counts, as data pipelines read them, and reviews a page at a time."""
    where = {"repository": repository, "number": pull["number"]}
    for comments in (2, 0, 1):
        github.control("reviews/submit", where | {"comments": comments, "state": "COMMENTED"})
    owner, name = repository.split("/")
    found = ask(
        client,
        """query ($owner: String!, $name: String!) { repository(owner: $owner, name: $name) {
            pullRequests(first: 1, orderBy: {field: UPDATED_AT, direction: DESC}) { nodes {
              number changedFiles additions mergeable canBeRebased maintainerCanModify
              mergeStateStatus comments { totalCount } commits { totalCount }
              review_comments: reviews(first: 100) { totalCount
                nodes { comments { totalCount } } }
              merged_by: mergedBy { ... on User { login } } } } } }""",
        owner=owner,
        name=name,
    )
    (stats,) = found["repository"]["pullRequests"]["nodes"]
    assert (stats["number"], stats["mergeable"]) == (pull["number"], "MERGEABLE")
    assert (stats["mergeStateStatus"], stats["merged_by"]) == ("CLEAN", None)
    counts = [one["comments"]["totalCount"] for one in stats["review_comments"]["nodes"]]
    assert (stats["review_comments"]["totalCount"], counts) == (3, [2, 0, 1])
    query = """query ($id: ID!, $after: String) { node(id: $id) { ... on PullRequest {
        reviews(first: 2, after: $after, states: [COMMENTED]) {
          nodes { id } pageInfo { hasNextPage endCursor } }
        latestReviews(first: 5) { totalCount } } } }"""
    first = ask(client, query, id=pull["node_id"])["node"]
    cursor = first["reviews"]["pageInfo"]
    assert (len(first["reviews"]["nodes"]), cursor["hasNextPage"]) == (2, True)
    rest = ask(client, query, id=pull["node_id"], after=cursor["endCursor"])["node"]["reviews"]
    assert (len(rest["nodes"]), rest["pageInfo"]["hasNextPage"]) == (1, False)
    assert first["latestReviews"]["totalCount"] == 1
    review = rest["nodes"][0]["id"]
    again = ask(
        client,
        """query ($id: ID!) { node(id: $id) { id ... on PullRequestReview {
            databaseId fullDatabaseId } } }""",
        id=review,
    )["node"]
    assert again["id"] == review
    # As on GitHub: the Int holds more than 32 bits, the BigInt is a string.
    assert again["databaseId"] > 2**32
    assert again["fullDatabaseId"] == str(again["databaseId"])


def test_a_comment_follows_its_line_until_the_line_is_changed(
    github: Sim, client: httpx.Client, repository: str, pull: dict[str, Any]
) -> None:
    one = f"{pull['at']}/{pull['number']}"
    place = {"path": pull["file"], "line": 2, "commit_id": pull["head"]["sha"]}
    made = post(client, f"{one}/comments", body="Two?", **place)
    where = {"repository": repository, "branch": pull["head"]["ref"]}

    def push(text: str) -> dict[str, Any]:
        files = {pull["file"]: text}
        pushed = github.control("push", where | {"commits": [{"files": files}]})
        shown = client.get(f"{pull['at']}/comments/{made['id']}").json()
        return dict(shown) | {"head": pushed["after"]}

    moved = push("zero\none\ntwo\nthree\n")
    assert (moved["line"], moved["position"], moved["original_line"]) == (3, 3, 2)
    assert (moved["commit_id"], moved["original_commit_id"]) == (moved["head"], place["commit_id"])
    assert moved["updated_at"] == made["updated_at"]
    gone = push("zero\none\n2\nthree\n")
    assert (gone["line"], gone["position"]) == (None, None)
    assert (gone["original_line"], gone["original_position"]) == (2, 2)
    assert gone["commit_id"] == moved["head"]
    found = ask(
        client,
        """query ($id: ID!) { node(id: $id) { ... on PullRequest { reviewThreads(first: 5) {
            nodes { isOutdated line originalLine comments(first: 1) { nodes { outdated } } } } } }
        }""",
        id=pull["node_id"],
    )
    assert found["node"]["reviewThreads"]["nodes"] == [
        {
            "isOutdated": True,
            "line": None,
            "originalLine": 2,
            "comments": {"nodes": [{"outdated": True}]},
        }
    ]


def test_a_thread_outlives_its_first_comment(
    github: Sim, client: httpx.Client, repository: str
) -> None:
    where = {"repository": repository}
    where["number"] = github.control("pulls/open", where)["number"]
    first = github.control("reviews/comment", where)["id"]
    reply = github.control("reviews/reply", {"comment_id": first, "body": "Indeed"})["id"]
    owner, name = repository.split("/")
    query = """query ($owner: String!, $name: String!, $number: Int!) {
        repository(owner: $owner, name: $name) { pullRequest(number: $number) {
          reviewThreads(first: 5) { nodes { id isResolved comments(first: 5) {
            nodes { fullDatabaseId } } } } } } }"""
    asked = {"query": query, "variables": where | {"owner": owner, "name": name}}

    def threads() -> Any:
        answer = client.post("/graphql", json=asked).json()
        return answer["data"]["repository"]["pullRequest"]["reviewThreads"]["nodes"]

    (before,) = threads()
    assert [one["fullDatabaseId"] for one in before["comments"]["nodes"]] == [
        str(first),
        str(reply),
    ]
    github.control("reviews/comment/delete", {"comment_id": first})
    (after,) = threads()
    assert after["id"] == before["id"]
    assert [one["fullDatabaseId"] for one in after["comments"]["nodes"]] == [str(reply)]
    asked = {
        "query": "query ($ids: [ID!]!) { nodes(ids: $ids) { id } }",
        "variables": {"ids": [after["id"]]},
    }
    answer = client.post("/graphql", json=asked).json()
    assert answer["data"]["nodes"] == [{"id": before["id"]}]
