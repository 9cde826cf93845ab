"""What was done to an issue: its events, its timeline, and the events of a whole repository."""

from typing import Any

import httpx

from githubsim.testing import Sim


def events(client: httpx.Client, path: str) -> list[dict[str, Any]]:
    answer = client.get(path + ("&" if "?" in path else "?") + "per_page=100")
    assert answer.status_code == 200, answer.text
    return list(answer.json())


def test_every_act_leaves_an_event(github: Sim, client: httpx.Client, repository: str) -> None:
    made = github.control("issues/open", {"repository": repository, "title": "Before"})
    where = {"repository": repository, "number": made["number"]}
    person = made["user"]["login"]
    github.control("issues/edit", where | {"title": "After"})
    github.control("issues/edit", where | {"body": "A new text leaves none"})
    github.control("issues/label", where | {"labels": ["bug"]})
    github.control("issues/label", where | {"labels": []})
    github.control("issues/assign", where | {"assignees": [person]})
    github.control("issues/assign", where | {"assignees": []})
    github.control("issues/lock", where)
    github.control("issues/lock", where | {"locked": False})
    github.control("issues/close", where | {"reason": "not_planned"})
    github.control("issues/reopen", where)
    path = f"/repos/{repository}/issues/{made['number']}"
    found = events(client, f"{path}/events")
    assert [one["event"] for one in found] == [
        *("renamed", "labeled", "unlabeled", "assigned", "unassigned"),
        *("locked", "unlocked", "closed", "reopened"),
    ]
    assert found[0]["rename"] == {"from": "Before", "to": "After"}
    assert found[1]["label"]["name"] == "bug"
    assert found[3]["assignee"]["login"] == person
    assert found[7]["state_reason"] == "not_planned"
    assert len({one["id"] for one in found}) == len(found)
    newest = events(client, f"/repos/{repository}/issues/events")
    assert [one["id"] for one in newest[:9]] == [one["id"] for one in found][::-1]
    assert newest[0]["issue"]["number"] == made["number"]
    single = client.get(f"/repos/{repository}/issues/events/{found[0]['id']}").json()
    assert (single["event"], single["issue"]["id"]) == ("renamed", made["id"])
    assert client.get(f"/repos/{repository}/issues/events/1").status_code == 404


def test_a_timeline_mixes_events_with_talk_reviews_and_commits(
    github: Sim, client: httpx.Client, repository: str
) -> None:
    pull = github.control("pulls/open", {"repository": repository})
    where = {"repository": repository, "number": pull["number"]}
    github.control("issues/comment", where)
    review = github.control("reviews/submit", where)
    github.control("reviews/dismiss", {"review_id": review["id"], "message": "No"})
    merged = github.control("pulls/merge", where)
    path = f"/repos/{repository}/issues/{pull['number']}"
    found = {one["event"]: one for one in events(client, f"{path}/timeline")}
    assert found.keys() == {
        *("committed", "commented", "reviewed", "review_dismissed", "merged", "closed"),
    }
    assert found["committed"]["sha"] == pull["head"]["sha"]
    assert found["merged"]["commit_id"] == merged["merge_commit_sha"]
    assert found["review_dismissed"]["dismissed_review"] == {
        "state": "approved",
        "review_id": review["id"],
        "dismissal_message": "No",
    }
    assert {one["event"] for one in events(client, f"{path}/events")} == {
        *("review_dismissed", "merged", "closed"),
    }


def test_a_transferred_issue_keeps_its_past(
    github: Sim, client: httpx.Client, repository: str
) -> None:
    owner = repository.split("/")[0]
    github.control("repositories/create", {"owner": owner, "name": "new-home"})
    made = github.control("issues/open", {"repository": repository, "labels": ["bug"]})
    where = {"repository": repository, "number": made["number"]}
    github.control("react", where)
    moved = github.control("issues/transfer", where | {"to": f"{owner}/new-home"})
    path = f"/repos/{owner}/new-home/issues/{moved['number']}"
    assert [one["event"] for one in events(client, f"{path}/events")] == ["labeled", "transferred"]
    assert client.get(path).json()["reactions"]["total_count"] == 1


def test_a_seeded_world_has_a_past(github: Sim, client: httpx.Client, repository: str) -> None:
    for issue in events(client, f"/repos/{repository}/issues?state=closed")[-10:]:
        path = f"/repos/{repository}/issues/{issue['number']}/events"
        kinds = [one["event"] for one in events(client, path)]
        assert kinds.count("labeled") >= len(issue["labels"])
        assert kinds[-1] == "closed"
        if issue.get("pull_request", {}).get("merged_at"):
            assert "merged" in kinds
