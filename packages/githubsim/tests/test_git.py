"""Plain git against the simulator: clones of every kind, fetches, refusals."""

import os
from pathlib import Path

import httpx
import pytest

from githubsim.testing import Sim
from tests.client import token
from tests.plain_git import git


@pytest.fixture
def remote(github: Sim, repository: str) -> str:
    return f"{github.url}/{repository}.git".replace("://", f"://x-access-token:{token(github)}@")


@pytest.mark.parametrize("filter_", ["--filter=tree:0", "--filter=blob:none", "--no-tags"])
def test_a_clone_has_every_commit(
    github: Sim, repository: str, remote: str, tmp_path: Path, filter_: str
) -> None:
    git("clone", "-q", "--bare", filter_, remote, "copy.git", cwd=tmp_path)
    (truth,) = github.truth(repository=repository)["repositories"]
    count = git("rev-list", "--count", "--branches", cwd=tmp_path / "copy.git")
    assert int(count) >= truth["commits_on_default"]
    if filter_ != "--no-tags":
        everything = git("rev-list", "--count", "--branches", "--tags", cwd=tmp_path / "copy.git")
        assert int(everything) == truth["commits"]


def test_ls_remote_and_fetch_follow(
    github: Sim, repository: str, remote: str, tmp_path: Path
) -> None:
    git("clone", "-q", "--bare", "--filter=tree:0", remote, "copy.git", cwd=tmp_path)
    copy = tmp_path / "copy.git"
    github.control("push", {"repository": repository, "branch": "fresh"})
    (truth,) = github.truth(repository=repository)["repositories"]
    listed = git("ls-remote", "--heads", "--tags", "--refs", remote, cwd=tmp_path)
    refs = {name: sha for sha, name in (line.split("\t") for line in listed.splitlines())}
    assert refs == truth["refs"]
    mirror = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
    git("fetch", "-q", "--prune", "origin", *mirror, cwd=copy)
    assert git("rev-parse", "refs/heads/fresh", cwd=copy) == truth["refs"]["refs/heads/fresh"]
    github.control("refs/delete", {"repository": repository, "ref": "refs/heads/fresh"})
    git("fetch", "-q", "--prune", "origin", *mirror, cwd=copy)
    assert "fresh" not in git("branch", "--list", cwd=copy)


def test_an_old_name_still_clones(github: Sim, repository: str, tmp_path: Path) -> None:
    owner = repository.split("/")[0]
    github.control("repositories/create", {"owner": owner, "name": "was"})
    github.control("push", {"repository": f"{owner}/was", "branch": "main"})
    github.control("repositories/edit", {"repository": f"{owner}/was", "name": "is"})
    url = f"{github.url}/{owner}/was".replace("://", f"://x-access-token:{token(github)}@")
    git("clone", "-q", url, "copy", cwd=tmp_path)
    asked = httpx.get(f"{url}.git/info/refs?service=git-upload-pack")
    assert asked.status_code == 301
    assert f"/{owner}/is.git/info/refs?service=git-upload-pack" in asked.headers["location"]
    github.control("repositories/create", {"owner": owner, "name": "was"})
    taken = httpx.get(f"{url}.git/info/refs?service=git-upload-pack")
    assert taken.status_code == 200, "the name is another's from then on"


def test_strangers_may_not_read_private_nor_push(
    github: Sim, repository: str, tmp_path: Path
) -> None:
    owner = repository.split("/")[0]
    github.control("repositories/create", {"owner": owner, "name": "closed", "private": True})
    github.control("push", {"repository": f"{owner}/closed", "branch": "main"})
    plain = f"{github.url}/{owner}/closed.git"
    git("clone", "-q", plain, "copy", cwd=tmp_path, fails=True)
    info = httpx.get(f"{plain}/info/refs?service=git-upload-pack")
    assert info.status_code == 401
    assert info.headers["www-authenticate"].startswith("Basic")
    wrong = plain.replace("://", "://x-access-token:ghs_wrong@")
    git("ls-remote", wrong, cwd=tmp_path, fails=True)
    github.control("repositories/create", {"owner": owner, "name": "open"})
    readable = token(github, permissions={"contents": "read"})
    url = f"{github.url}/{owner}/open.git".replace("://", f"://x-access-token:{readable}@")
    git("clone", "-q", url, "open", cwd=tmp_path)
    who = ("-c", "user.name=A", "-c", "user.email=a@b.example")
    git(*who, "commit", "-q", "--allow-empty", "-m", "x", cwd=tmp_path / "open")
    said = git("push", "-q", "origin", "HEAD", cwd=tmp_path / "open", fails=True)
    assert "403" in said


def test_a_big_push_and_clone_go_through(github: Sim, repository: str, tmp_path: Path) -> None:
    owner = repository.split("/")[0]
    github.control("repositories/create", {"owner": owner, "name": "big"})
    url = f"{github.url}/{owner}/big.git".replace("://", f"://x-access-token:{token(github)}@")
    git("clone", "-q", url, "big", cwd=tmp_path)
    work = tmp_path / "big"
    (work / "noise").write_bytes(os.urandom(5_000_000))
    who = ("-c", "user.name=A", "-c", "user.email=a@b.example")
    git("add", ".", cwd=work)
    git(*who, "commit", "-q", "-m", "Noise", cwd=work)
    git("push", "-q", "origin", "HEAD", cwd=work)
    git("clone", "-q", url, "again", cwd=tmp_path)
    assert (tmp_path / "again" / "noise").read_bytes() == (work / "noise").read_bytes()


def test_a_world_outlives_kill_9(tmp_path: Path) -> None:
    github = Sim(data=tmp_path / "world", repositories=3, commits=30, issues=10, pulls=5).start()
    try:
        name = github.truth()["repositories"][0]["full_name"]
        github.control("issues/open", {"repository": name, "title": "Before"})
        before = github.truth()["repositories"]
        key = github.private_key
        github.kill()
        github.start()
        assert github.truth()["repositories"] == before
        assert github.private_key == key
    finally:
        assert github.stop() == 0


def test_pull_requests_have_read_only_refs_that_outlive_their_branches(
    github: Sim, client: httpx.Client, repository: str, remote: str, tmp_path: Path
) -> None:
    def heads() -> dict[str, str]:
        listed = git("ls-remote", remote, "refs/pull/*/head", cwd=tmp_path)
        return {name: sha for sha, name in (line.split("\t") for line in listed.splitlines())}

    pulls = client.get(f"/repos/{repository}/pulls?state=all&per_page=100").json()
    seeded = {f"refs/pull/{one['number']}/head": one["head"]["sha"] for one in pulls}
    assert pulls
    assert seeded.items() <= heads().items()
    made = github.control("pulls/open", {"repository": repository, "head": "mine"})
    name = f"refs/pull/{made['number']}/head"
    assert heads()[name] == made["head"]["sha"]
    github.control("push", {"repository": repository, "branch": "mine"})
    pushed = client.get(f"/repos/{repository}/pulls/{made['number']}").json()["head"]["sha"]
    assert heads()[name] == pushed != made["head"]["sha"]
    github.control("refs/delete", {"repository": repository, "ref": "refs/heads/mine"})
    assert heads()[name] == pushed
    git("clone", "-q", remote, "copy", cwd=tmp_path)
    said = git("push", "-q", "origin", f"HEAD:{name}", cwd=tmp_path / "copy", fails=True)
    assert "deny updating a hidden ref" in said


def test_a_seeded_pull_request_is_as_large_as_its_commits_make_it(
    client: httpx.Client, repository: str
) -> None:
    for listed in client.get(f"/repos/{repository}/pulls?state=all&per_page=100").json()[:30]:
        path = f"/repos/{repository}/pulls/{listed['number']}"
        one, files = client.get(path).json(), client.get(f"{path}/files?per_page=100").json()
        assert one["commits"] == len(client.get(f"{path}/commits?per_page=100").json())
        assert one["changed_files"] == len(files)
        assert one["additions"] == sum(file["additions"] for file in files)
        assert one["deletions"] == sum(file["deletions"] for file in files)
