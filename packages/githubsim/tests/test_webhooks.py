"""Webhooks: signed, complete, in order, logged, and lost only when asked to be."""

import hashlib
import hmac
import subprocess
from pathlib import Path

import httpx

from githubsim.receiver import Receiver
from githubsim.testing import Sim
from tests.client import as_app


def test_a_delivery_is_signed_and_has_githubs_headers(github: Sim, receiver: Receiver) -> None:
    one = receiver.wait_for("installation.created")
    digest = hmac.new(b"s3cret", one.body, hashlib.sha256).hexdigest()
    assert one.headers["x-hub-signature-256"] == f"sha256={digest}"
    assert one.headers["content-type"] == "application/json"
    assert one.headers["user-agent"].startswith("GitHub-Hookshot/")
    assert len(one.guid) == 36
    assert int(one.headers["x-github-hook-id"]) > 0
    assert one.headers["x-github-hook-installation-target-id"] == str(github.app.id)
    assert one.headers["x-github-hook-installation-target-type"] == "integration"
    truth = github.truth()
    listed = {stub["id"] for stub in one.payload["repositories"]}
    assert listed <= {stub["id"] for stub in truth["repositories"]}
    assert one.payload["installation"]["id"] == truth["installations"][0]["id"]


def test_an_issue_tells_its_whole_life(github: Sim, receiver: Receiver, repository: str) -> None:
    receiver.clear()
    opened = github.control("issues/open", {"repository": repository, "title": "Ünïcode 🎉"})
    where = {"repository": repository, "number": opened["number"]}
    github.control("issues/edit", where | {"title": "Other"})
    github.control("issues/label", where | {"labels": ["bug"]})
    github.control("issues/comment", where | {"body": "hello"})
    github.control("issues/close", where)
    github.control("issues/reopen", where)
    github.control("issues/delete", where)
    names = [
        "issues.opened",
        "issues.edited",
        "issues.labeled",
        "issue_comment.created",
        "issues.closed",
        "issues.reopened",
        "issues.deleted",
    ]
    came = receiver.wait(lambda all_: len(all_) >= len(names))
    assert [one.name for one in came] == names
    for one in came:
        assert one.payload["issue"]["id"] == opened["id"]
        assert one.payload["repository"]["full_name"] == repository
        assert one.payload["installation"].keys() == {"id", "node_id"}
        assert one.payload["sender"]["login"]
    assert came[0].payload["issue"]["title"] == "Ünïcode 🎉"
    assert came[1].payload["changes"] == {"title": {"from": "Ünïcode 🎉"}}
    assert came[2].payload["label"]["name"] == "bug"


def test_a_pushed_commit_is_told_with_its_files(
    github: Sim, receiver: Receiver, repository: str
) -> None:
    receiver.clear()
    files = {"src/new.py": "print()\n"}
    done = github.control(
        "push", {"repository": repository, "commits": [{"message": "Add new", "files": files}]}
    )
    payload = receiver.wait_for("push").payload
    assert (payload["before"], payload["after"]) == (done["before"], done["after"])
    assert (payload["created"], payload["deleted"], payload["forced"]) == (False, False, False)
    (commit,) = payload["commits"]
    assert commit["id"] == done["after"] == payload["head_commit"]["id"]
    assert (commit["message"], commit["added"]) == ("Add new", ["src/new.py"])
    assert commit["author"]["username"] == payload["sender"]["login"]
    assert isinstance(payload["repository"]["pushed_at"], int)


def test_branches_tags_and_forced_pushes_are_told(
    github: Sim, receiver: Receiver, repository: str
) -> None:
    receiver.clear()
    first = github.control("push", {"repository": repository, "branch": "side", "count": 2})
    github.control(
        "push",
        {"repository": repository, "branch": "side", "start": first["shas"][0], "force": True},
    )
    github.control("refs/set", {"repository": repository, "ref": "refs/tags/v9"})
    github.control("refs/delete", {"repository": repository, "ref": "refs/heads/side"})
    came = receiver.wait(lambda all_: len(all_) >= 7)
    assert [one.name for one in came] == [
        *("create", "push"),
        "push",
        *("create", "push"),
        *("push", "delete"),
    ]
    assert came[0].payload["ref_type"] == "branch"
    assert [one["id"] for one in came[1].payload["commits"]] == first["shas"]
    assert came[2].payload["forced"] is True
    assert len(came[2].payload["commits"]) == 1
    assert (came[3].payload["ref"], came[3].payload["ref_type"]) == ("v9", "tag")
    assert came[5].payload["deleted"] is True


def test_a_pull_request_follows_its_branch_and_merges(
    github: Sim, receiver: Receiver, repository: str
) -> None:
    receiver.clear()
    opened = github.control("pulls/open", {"repository": repository, "head": "topic"})
    where = {"repository": repository, "number": opened["number"]}
    github.control("push", {"repository": repository, "branch": "topic"})
    github.control("pulls/draft", where)
    github.control("pulls/draft", where | {"draft": False})
    github.control("pulls/auto-merge", where | {"method": "rebase"})
    github.control("pulls/auto-merge", where | {"method": None})
    waiting = github.control("pulls/auto-merge", where)["auto_merge"]
    assert waiting["merge_method"] == "merge"
    assert waiting["enabled_by"]["login"]
    merged = github.control("pulls/merge", where)
    closed = receiver.wait_for("pull_request.closed").payload
    assert closed["pull_request"]["merged"] is True
    assert closed["pull_request"]["merge_commit_sha"] == merged["merge_commit_sha"]
    assert closed["pull_request"]["commits"] == 2
    names = [one.name for one in receiver.received if one.event == "pull_request"]
    assert names == [
        "pull_request.opened",
        "pull_request.synchronize",
        "pull_request.converted_to_draft",
        "pull_request.ready_for_review",
        "pull_request.auto_merge_enabled",
        "pull_request.auto_merge_disabled",
        "pull_request.auto_merge_enabled",
        "pull_request.closed",
    ]
    pushed = [one.payload["after"] for one in receiver.received if one.event == "push"]
    assert merged["merge_commit_sha"] in pushed


def test_a_transferred_issue_is_gone_here_and_new_there(
    github: Sim, receiver: Receiver, repository: str
) -> None:
    receiver.clear()
    owner = repository.split("/")[0]
    github.control("repositories/create", {"owner": owner, "name": "elsewhere"})
    opened = github.control("issues/open", {"repository": repository})
    moved = github.control(
        "issues/transfer",
        {"repository": repository, "number": opened["number"], "to": f"{owner}/elsewhere"},
    )
    payload = receiver.wait_for("issues.transferred").payload
    assert payload["issue"]["id"] == opened["id"]
    assert payload["changes"]["new_issue"]["id"] == moved["id"] != opened["id"]
    assert payload["changes"]["new_repository"]["name"] == "elsewhere"


def test_repository_and_installation_changes_are_told(github: Sim, receiver: Receiver) -> None:
    owner = github.truth()["repositories"][0]["full_name"].split("/")[0]
    receiver.clear()
    github.control("repositories/create", {"owner": owner, "name": "first-name"})
    github.control("repositories/edit", {"repository": f"{owner}/first-name", "name": "second"})
    second = {"repository": f"{owner}/second"}
    github.control("repositories/edit", second | {"archived": True})
    github.control("repositories/edit", second | {"archived": False, "private": True})
    github.control("installation/remove", {"repositories": [f"{owner}/second"]})
    github.control("repositories/edit", second | {"description": "nobody hears this"})
    github.control("installation/add", {"repositories": [f"{owner}/second"]})
    github.control("suspend")
    github.control("repositories/edit", second | {"description": "nor this"})
    github.control("unsuspend")
    github.control("repositories/delete", second)
    receiver.wait_for("repository.deleted")
    renamed = receiver.wait_for("repository.renamed").payload
    assert renamed["changes"] == {"repository": {"name": {"from": "first-name"}}}
    removed = receiver.wait_for("installation_repositories.removed").payload
    assert [one["name"] for one in removed["repositories_removed"]] == ["second"]
    names = {one.name for one in receiver.received}
    assert names >= {
        "repository.created",
        "repository.archived",
        "repository.unarchived",
        "repository.privatized",
        "installation_repositories.added",
        "installation.suspend",
        "installation.unsuspend",
    }
    assert "repository.edited" not in names


def test_lost_deliveries_are_in_the_log_and_can_be_sent_again(
    github: Sim, receiver: Receiver, repository: str
) -> None:
    github.control("webhooks/wait")
    receiver.clear()
    github.control("webhooks", {"on": False})
    opened = github.control("issues/open", {"repository": repository})
    assert github.control("webhooks/wait")["delivered"]
    github.control("webhooks", {"on": True})
    assert receiver.received == []
    with as_app(github) as app:
        lost = app.get("/app/hook/deliveries").json()[0]
        assert (lost["event"], lost["action"], lost["status_code"]) == ("issues", "opened", 0)
        whole = app.get(f"/app/hook/deliveries/{lost['id']}").json()
        assert whole["request"]["payload"]["issue"]["id"] == opened["id"]
        assert whole["request"]["headers"]["X-GitHub-Delivery"] == lost["guid"]
        again = app.post(f"/app/hook/deliveries/{lost['id']}/attempts")
        assert again.status_code == 202
        assert receiver.wait_for("issues.opened").guid == lost["guid"]
        github.control("webhooks/wait")
        newest = app.get("/app/hook/deliveries").json()[0]
        assert (newest["guid"], newest["redelivery"]) == (lost["guid"], True)
        assert newest["status"] == "OK"


def test_a_refused_delivery_is_logged_and_not_repeated(
    github: Sim, receiver: Receiver, repository: str
) -> None:
    receiver.clear()
    receiver.status = 503
    try:
        github.control("issues/open", {"repository": repository})
        github.control("webhooks/wait")
    finally:
        receiver.status = 202
    assert len(receiver.received) == 1
    with as_app(github) as app:
        failed = app.get("/app/hook/deliveries", params={"status": "failure"}).json()
        assert failed[0]["guid"] == receiver.received[0].guid
        assert failed[0]["status"] == "Invalid HTTP Response: 503"


def test_the_log_is_read_in_pages_by_its_links(github: Sim) -> None:
    with as_app(github) as app:
        whole = app.get("/app/hook/deliveries", params={"per_page": 100}).json()
        url, found = "/app/hook/deliveries?per_page=7", []
        while url:
            answer = app.get(url)
            found += answer.json()
            url = answer.links.get("next", {}).get("url", "")
    assert [one["id"] for one in found][: len(whole)] == [one["id"] for one in whole]
    assert len({one["id"] for one in found}) == len(found)


def test_duplicates_have_the_same_guid(github: Sim, receiver: Receiver, repository: str) -> None:
    github.control("webhooks/wait")
    receiver.clear()
    github.control("webhooks", {"duplicated": 1.0})
    try:
        github.control("issues/open", {"repository": repository})
        came = receiver.wait(lambda all_: len(all_) == 2)
    finally:
        github.control("webhooks", {"duplicated": 0.0})
    assert came[0].guid == came[1].guid
    assert came[0].body == came[1].body


def test_the_hook_can_be_pointed_elsewhere(github: Sim, receiver: Receiver) -> None:
    with as_app(github) as app:
        config = app.get("/app/hook/config").json()
        assert config == {
            "content_type": "json",
            "insecure_ssl": "0",
            "secret": "********",
            "url": receiver.url,
        }
        assert app.patch("/app/hook/config", json={"url": "nonsense"}).status_code == 422
        new = app.patch("/app/hook/config", json={"secret": "other", "content_type": "form"})
        assert new.json()["content_type"] == "form"
        receiver.clear()
        github.control("ping")
        (one,) = receiver.wait(lambda all_: len(all_) == 1)
        assert one.headers["content-type"] == "application/x-www-form-urlencoded"
        assert one.body.startswith(b"payload=%7B")
        digest = hmac.new(b"other", one.body, hashlib.sha256).hexdigest()
        assert one.headers["x-hub-signature-256"] == f"sha256={digest}"
        app.patch("/app/hook/config", json={"secret": "s3cret", "content_type": "json"})


def test_a_real_git_push_is_told(
    github: Sim, receiver: Receiver, repository: str, client: httpx.Client, tmp_path: Path
) -> None:
    receiver.clear()
    token = client.headers["authorization"].split()[1]
    remote = f"{github.url}/{repository}.git".replace("://", f"://x-access-token:{token}@")

    def git(*args: str) -> str:
        who = ("-c", "user.name=Ada", "-c", "user.email=ada@nowhere.example")
        done = subprocess.run(
            ["git", *who, *args], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    git("clone", "-q", remote, "work")
    git("-C", "work", "commit", "-q", "--allow-empty", "-m", "Nothing at all")
    git("-C", "work", "push", "-q", "origin", "HEAD")
    sha = git("-C", "work", "rev-parse", "HEAD")
    payload = receiver.wait_for("push").payload
    assert payload["after"] == sha
    assert [one["message"] for one in payload["commits"]] == ["Nothing at all"]
    assert payload["sender"]["type"] == "Bot"
    git("-C", "work", "push", "-q", "origin", "HEAD:refs/heads/extra", "HEAD:refs/tags/t1")
    receiver.wait(lambda all_: sum(one.event == "create" for one in all_) == 2)
    git("-C", "work", "push", "-q", "origin", ":refs/heads/extra")
    assert receiver.wait_for("delete").payload["ref"] == "extra"
