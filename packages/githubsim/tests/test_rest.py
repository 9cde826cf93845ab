"""REST as a client meets it: pages, ETags, redirects, filters, writes and errors."""

from typing import Any

import httpx
import pytest

from githubsim.receiver import Receiver
from githubsim.testing import Sim
from tests.client import as_app, as_installation


def everything(client: httpx.Client, url: str) -> list[dict[str, Any]]:
    """All pages, by Link."""
    found: list[dict[str, Any]] = []
    while url:
        answer = client.get(url)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        found += body if isinstance(body, list) else body["repositories"]
        url = answer.links.get("next", {}).get("url", "")
    return found


def truth_of(github: Sim, repository: str) -> dict[str, Any]:
    (found,) = github.truth(repository=repository, items=1)["repositories"]
    return dict(found)


def test_pages_together_are_everything_once(
    github: Sim, client: httpx.Client, repository: str
) -> None:
    truth = truth_of(github, repository)
    issues = everything(client, f"/repos/{repository}/issues?state=all&per_page=7")
    items = truth["items"]
    assert isinstance(items, list)
    assert sorted(one["id"] for one in issues) == sorted(one["id"] for one in items)
    pulls = everything(client, f"/repos/{repository}/pulls?state=all&per_page=7")
    assert {one["id"] for one in pulls} == {one["pull_id"] for one in items if one["pull_id"]}
    commits = everything(client, f"/repos/{repository}/commits?per_page=7")
    assert len({one["sha"] for one in commits}) == truth["commits_on_default"]
    branches = everything(client, f"/repos/{repository}/branches?per_page=3")
    assert len(branches) == truth["branches"]
    repositories = everything(client, "/installation/repositories?per_page=2")
    assert len(repositories) == len(github.truth()["installations"][0]["repository_ids"])


def relations(answer: httpx.Response) -> set[str]:
    """What its Link names, besides the end of the version."""
    return set(answer.links) - {"deprecation"}


def test_a_version_that_ends_says_when_beside_the_other_links(
    client: httpx.Client, repository: str
) -> None:
    url = f"/repos/{repository}/pulls?state=all&per_page=2"
    old = client.get(url)
    assert old.headers["deprecation"] == "Tue, 10 Mar 2026 00:00:00 GMT"
    assert old.headers["sunset"] == "Fri, 10 Mar 2028 00:00:00 GMT"
    assert set(old.links) == {"deprecation", "next", "last"}
    new = client.get(url, headers={"X-GitHub-Api-Version": "2026-03-10"})
    assert not {"deprecation", "sunset"} & new.headers.keys()
    assert set(new.links) == {"next", "last"}


def test_links_name_the_neighbours(client: httpx.Client, repository: str) -> None:
    first = client.get(f"/repos/{repository}/pulls?state=all&per_page=2")
    assert relations(first) == {"next", "last"}
    assert "/repositories/" in first.links["next"]["url"]
    second = client.get(first.links["next"]["url"])
    assert relations(second) == {"prev", "next", "last", "first"}
    last = client.get(first.links["last"]["url"])
    assert relations(last) == {"prev", "first"}


def test_issues_page_by_cursor_and_never_tell_the_last(
    github: Sim, client: httpx.Client, repository: str
) -> None:
    url = f"/repos/{repository}/issues?state=all&sort=updated&direction=asc&per_page=10"
    first = client.get(url)
    assert relations(first) == {"next"}
    second = client.get(first.links["next"]["url"])
    assert relations(second) == {"prev", "next"}
    assert second.json() == client.get(f"{url}&page=2").json()
    assert client.get(second.links["prev"]["url"]).json() == first.json()
    # What changes in the meantime moves no page under the reader.
    (moved, *_) = first.json()
    github.control("issues/comment", {"repository": repository, "number": moved["number"]})
    again = client.get(first.links["next"]["url"])
    assert [one["id"] for one in again.json()] == [one["id"] for one in second.json()]
    last = second
    while "next" in last.links:
        last = client.get(last.links["next"]["url"])
    assert relations(last) == {"prev"}
    assert last.json()[-1]["id"] == moved["id"]
    assert client.get(f"{url}&after=nonsense").status_code == 422
    assert client.get(f"{url}&page=1000").status_code == 422


def test_an_unchanged_answer_is_304_and_free(
    github: Sim, client: httpx.Client, repository: str
) -> None:
    path = f"/repos/{repository}/issues?state=all&sort=updated&direction=desc&per_page=1"
    first = client.get(path)
    etag = first.headers["etag"]
    used = first.headers["x-ratelimit-used"]
    again = client.get(path, headers={"If-None-Match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["x-ratelimit-used"] == used
    assert again.headers["etag"] == etag
    github.control("issues/open", {"repository": repository})
    changed = client.get(path, headers={"If-None-Match": etag})
    assert changed.status_code == 200
    assert int(changed.headers["x-ratelimit-used"]) == int(used) + 1


def test_another_token_has_other_etags(github: Sim, client: httpx.Client, repository: str) -> None:
    path = f"/repos/{repository}/labels"
    etag = client.get(path).headers["etag"]
    with as_installation(github) as other:
        answer = other.get(path, headers={"If-None-Match": etag})
    assert answer.status_code == 200
    assert answer.headers["etag"] != etag
    assert client.get(path, headers={"If-None-Match": etag}).status_code == 304


def test_if_modified_since_is_304_too(client: httpx.Client, repository: str) -> None:
    first = client.get(f"/repos/{repository}")
    headers = {"If-Modified-Since": first.headers["last-modified"]}
    assert client.get(f"/repos/{repository}", headers=headers).status_code == 304


def test_an_old_name_redirects_for_good(github: Sim, client: httpx.Client) -> None:
    owner = github.truth()["repositories"][0]["full_name"].split("/")[0]
    made = github.control("repositories/create", {"owner": owner, "name": "before"})
    github.control("repositories/edit", {"repository": f"{owner}/before", "name": "after"})
    moved = client.get(f"/repos/{owner}/before/issues?state=all")
    assert moved.status_code == 301
    url = f"{github.url}/repositories/{made['id']}/issues?state=all"
    assert moved.headers["location"] == url == moved.json()["url"]
    assert client.get(url).status_code == 200
    by_id = client.get(f"/repositories/{made['id']}").json()
    assert by_id["full_name"] == f"{owner}/after"
    github.control("repositories/delete", {"repository": f"{owner}/after"})
    assert client.get(f"/repositories/{made['id']}").status_code == 404


def test_issues_filter_and_sort(github: Sim, client: httpx.Client, repository: str) -> None:
    listed = client.get(
        f"/repos/{repository}/issues?state=all&sort=updated&direction=asc&per_page=100"
    ).json()
    clocks = [one["updated_at"] for one in listed]
    assert clocks == sorted(clocks)
    middle = clocks[len(clocks) // 2]
    since = client.get(
        f"/repos/{repository}/issues",
        params={"state": "all", "since": middle, "per_page": 100},
    ).json()
    assert {one["updated_at"] >= middle for one in since} == {True}
    assert any(one["updated_at"] == middle for one in since)
    open_ones = client.get(f"/repos/{repository}/issues?per_page=100").json()
    assert {one["state"] for one in open_ones} == {"open"}
    github.control("issues/open", {"repository": repository, "labels": ["sharp label/1"]})
    by_label = client.get(f"/repos/{repository}/issues", params={"labels": "sharp label/1"})
    assert len(by_label.json()) == 1
    assert client.get(f"/repos/{repository}/labels/sharp%20label%2F1").status_code == 200


def test_pull_requests_are_in_the_list_of_issues(
    github: Sim, client: httpx.Client, repository: str
) -> None:
    made = github.control("pulls/open", {"repository": repository, "head": "listed"})
    as_issue = client.get(f"/repos/{repository}/issues/{made['number']}").json()
    assert as_issue["id"] != made["id"]
    assert as_issue["node_id"] == made["node_id"]
    assert as_issue["pull_request"]["url"].endswith(f"/pulls/{made['number']}")
    single = client.get(f"/repos/{repository}/pulls/{made['number']}").json()
    assert (single["additions"], single["commits"], single["merged"]) == (1, 1, False)
    files = client.get(f"/repos/{repository}/pulls/{made['number']}/files").json()
    assert [one["status"] for one in files] == ["added"]
    commits = client.get(f"/repos/{repository}/pulls/{made['number']}/commits").json()
    assert [one["sha"] for one in commits] == [made["head"]["sha"]]


def test_a_commit_has_its_stats_and_files(
    github: Sim, client: httpx.Client, repository: str
) -> None:
    done = github.control(
        "push",
        {"repository": repository, "commits": [{"message": "Two", "files": {"ä.txt": "1\n2\n"}}]},
    )
    one = client.get(f"/repos/{repository}/commits/{done['after']}").json()
    assert one["stats"] == {"total": 2, "additions": 2, "deletions": 0}
    assert one["files"][0]["filename"] == "ä.txt"
    assert one["files"][0]["patch"] == "@@ -0,0 +1,2 @@\n+1\n+2"
    assert one["parents"][0]["sha"] == done["before"]
    compared = client.get(f"/repos/{repository}/compare/{done['before']}...{done['after']}").json()
    assert (compared["status"], compared["ahead_by"]) == ("ahead", 1)
    assert client.get(f"/repos/{repository}/commits/{'0' * 40}").status_code == 422
    assert client.get(f"/repos/{repository}/commits?sha=nowhere").status_code == 404


def test_an_empty_repository_answers_as_githubs_does(github: Sim, client: httpx.Client) -> None:
    owner = github.truth()["repositories"][0]["full_name"].split("/")[0]
    github.control("repositories/create", {"owner": owner, "name": "empty-one"})
    path = f"/repos/{owner}/empty-one"
    commits = client.get(f"{path}/commits")
    assert (commits.status_code, commits.json()["message"]) == (409, "Git Repository is empty.")
    assert client.get(f"{path}/contributors").status_code == 204
    assert client.get(f"{path}/branches").json() == []
    assert client.get(f"{path}/issues").json() == []


def test_where_issues_are_disabled_pull_requests_are_still_listed(
    github: Sim, client: httpx.Client
) -> None:
    owner = github.truth()["repositories"][0]["full_name"].split("/")[0]
    github.control("repositories/create", {"owner": owner, "name": "no-issues"})
    where = {"repository": f"{owner}/no-issues"}
    github.control("push", where | {"branch": "main"})
    issue = github.control("issues/open", where)
    pull = github.control("pulls/open", where)
    github.control("repositories/edit", where | {"has_issues": False})
    path = f"/repos/{owner}/no-issues/issues"
    assert [one["number"] for one in client.get(path).json()] == [pull["number"]]
    assert client.get(f"{path}/{pull['number']}").status_code == 200
    assert client.get(f"{path}/{issue['number']}").status_code == 410
    assert client.post(path, json={"title": "No"}).status_code == 410


def test_deleted_and_transferred_issues(github: Sim, client: httpx.Client, repository: str) -> None:
    owner = repository.split("/")[0]
    target = {"repository": f"{owner}/target"}
    github.control("repositories/create", {"owner": owner, "name": "target"})
    gone = github.control("issues/open", {"repository": repository})["number"]
    moved = github.control("issues/open", {"repository": repository})["number"]
    github.control("issues/delete", {"repository": repository, "number": gone})
    where = {"repository": repository, "number": moved}
    github.control("issues/label", where | {"labels": ["bug", "only here"]})
    soon = github.control("milestones/create", {"repository": repository, "title": "Soon"})
    github.control("issues/milestone", where | {"milestone": soon["number"]})
    kept = github.control("milestones/create", target | {"title": "Soon"})
    said = github.control("issues/comment", where)
    there = github.control(
        "issues/transfer", {"repository": repository, "number": moved, "to": f"{owner}/target"}
    )
    assert client.get(f"/repos/{repository}/issues/{gone}").status_code == 410
    redirect = client.get(f"/repos/{repository}/issues/{moved}")
    assert redirect.status_code == 301
    assert client.get(redirect.headers["location"]).json()["id"] == there["id"]
    assert client.get(f"/repos/{repository}/issues/{moved}/comments").status_code == 404
    # What the other repository has by name goes along.
    assert [one["name"] for one in there["labels"]] == ["bug"]
    assert there["milestone"]["id"] == kept["id"]
    (comment,) = client.get(f"/repos/{owner}/target/issues/{there['number']}/comments").json()
    assert comment["id"] == said["id"]
    assert comment["node_id"] != said["node_id"]


def test_an_edited_comment_moves_the_clock_of_its_issue(
    github: Sim, receiver: Receiver, repository: str
) -> None:
    where = {"repository": repository}
    where["number"] = github.control("issues/open", where)["number"]
    comment = github.control("issues/comment", where)
    receiver.clear()
    for call in ("edit", "delete"):
        github.control(f"issues/comment/{call}", {"comment_id": comment["id"]})
    edited = receiver.wait_for("issue_comment.edited").payload
    assert edited["issue"]["updated_at"] == edited["comment"]["updated_at"]
    deleted = receiver.wait_for("issue_comment.deleted").payload
    assert deleted["issue"]["comments"] == 0


def test_comments_of_a_transferred_issue_may_get_new_ids(
    github: Sim, client: httpx.Client, repository: str
) -> None:
    owner = repository.split("/")[0]
    github.control("repositories/create", {"owner": owner, "name": "elsewhere"})
    where = {"repository": repository}
    where["number"] = github.control("issues/open", where)["number"]
    said = github.control("issues/comment", where)
    github.control("react", where | {"subject": "comment", "id": said["id"]})
    moving = where | {"to": f"{owner}/elsewhere", "new_comments": True}
    there = github.control("issues/transfer", moving)
    path = f"/repos/{owner}/elsewhere/issues/{there['number']}/comments"
    (comment,) = client.get(path).json()
    assert comment["id"] != said["id"]
    assert comment["body"] == said["body"]
    assert comment["reactions"]["total_count"] == 1


def test_writes_through_rest(github: Sim, client: httpx.Client, repository: str) -> None:
    path = f"/repos/{repository}"
    made = client.post(f"{path}/issues", json={"title": "By REST", "labels": ["bug"]})
    assert made.status_code == 201
    issue = made.json()
    assert issue["user"]["type"] == "Bot"
    number = issue["number"]
    assert client.post(f"{path}/issues", json={}).json()["errors"][0]["field"] == "title"
    closed = client.patch(
        f"{path}/issues/{number}", json={"state": "closed", "state_reason": "not_planned"}
    ).json()
    assert (closed["state"], closed["state_reason"]) == ("closed", "not_planned")
    assert closed["closed_by"]["login"] == issue["user"]["login"]
    comment = client.post(f"{path}/issues/{number}/comments", json={"body": "why"}).json()
    comments = client.get(f"{path}/issues/{number}/comments").json()
    assert [one["id"] for one in comments] == [comment["id"]]
    assert client.put(f"{path}/issues/{number}/lock").status_code == 204
    assert client.get(f"{path}/issues/{number}").json()["locked"] is True
    head = client.get(f"{path}/branches").json()[0]["commit"]["sha"]
    ref = {"ref": "refs/heads/by-rest", "sha": head}
    assert client.post(f"{path}/git/refs", json=ref).status_code == 201
    assert client.post(f"{path}/git/refs", json=ref).status_code == 422
    assert client.get(f"{path}/branches/by-rest").json()["commit"]["sha"] == head
    assert client.delete(f"{path}/git/refs/heads/by-rest").status_code == 204


def test_an_archived_repository_is_read_only(github: Sim, client: httpx.Client) -> None:
    owner = github.truth()["repositories"][0]["full_name"].split("/")[0]
    github.control("repositories/create", {"owner": owner, "name": "old-one"})
    client.patch(f"/repos/{owner}/old-one", json={"archived": True})
    refused = client.post(f"/repos/{owner}/old-one/issues", json={"title": "x"})
    assert refused.status_code == 403
    assert "archived" in refused.json()["message"]


def test_contributors_count_the_default_branch(
    github: Sim, client: httpx.Client, repository: str
) -> None:
    found = everything(client, f"/repos/{repository}/contributors?anon=1&per_page=5")
    named = everything(client, f"/repos/{repository}/contributors?per_page=5")
    assert named == [one for one in found if one["type"] != "Anonymous"]
    counts = [one["contributions"] for one in found]
    assert counts == sorted(counts, reverse=True)


def test_ghes_paths_answer_with_ghes_links(client: httpx.Client, repository: str) -> None:
    found = client.get(f"/api/v3/repos/{repository}")
    assert found.status_code == 200
    assert "/api/v3/repos/" in found.json()["url"]
    page = client.get(f"/api/v3/repos/{repository}/issues?state=all&per_page=1")
    assert "/api/v3/repositories/" in page.links["next"]["url"]


def test_an_installation_can_be_managed_by_the_app(github: Sim) -> None:
    with as_app(github) as app:
        (installation,) = app.get("/app/installations").json()
        path = f"/app/installations/{installation['id']}"
        assert app.get(path).json() == installation
        assert app.put(f"{path}/suspended").status_code == 204
        assert app.delete(f"{path}/suspended").status_code == 204
        assert app.get("/app/installations/1").status_code == 404


@pytest.mark.parametrize("path", ["/meta", "/rate_limit", "/versions", "/zen", "/"])
def test_service_pages_answer(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 200


def test_an_uninstalled_app_sees_nothing() -> None:
    with Sim(repositories=1, commits=2, issues=0, pulls=0) as github:
        with as_installation(github) as client:
            assert client.get("/installation/repositories").status_code == 200
            github.control("uninstall")
            assert client.get("/installation/repositories").status_code == 401
        with as_app(github) as app:
            assert app.get("/app/installations").json() == []


def test_the_ghost_is_a_user_too(client: httpx.Client) -> None:
    ghost = client.get("/users/ghost").json()
    assert (ghost["id"], ghost["type"]) == (10137, "User")
    assert client.get("/users/ghost/orgs").json() == []
    assert client.get("/users/nobody-at-all").status_code == 404
