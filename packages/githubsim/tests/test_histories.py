"""Deep pages of a history are cut from what is remembered of it: the same commits, git's order."""

import subprocess
from pathlib import Path

from githubsim.testing import Sim
from tests.client import as_installation, token


def test_every_page_is_gits_own(tmp_path: Path) -> None:
    with Sim(repositories=1, commits=800, issues=0, pulls=0) as github:
        name = github.truth()["repositories"][0]["full_name"]
        url = github.url.replace("://", f"://x-access-token:{token(github)}@")
        clone = ["git", "clone", "-q", "--bare", f"{url}/{name}.git", str(tmp_path / "copy")]
        subprocess.run(clone, check=True)
        listed = subprocess.run(
            ["git", "-C", str(tmp_path / "copy"), "log", "--format=%H %ae", "main"],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()
        with as_installation(github) as client:
            path, found = f"/repos/{name}/commits?per_page=90", []
            while path:
                answer = client.get(path)
                found += [f"{c['sha']} {c['commit']['author']['email']}" for c in answer.json()]
                path = answer.links.get("next", {}).get("url", "")
            assert found == listed
            assert client.get(f"/repos/{name}/commits?per_page=90&page=99").json() == []
            # A push makes another history.
            pushed = github.control("push", {"repository": name})["after"]
            first = client.get(f"/repos/{name}/commits?per_page=1").json()[0]["sha"]
            fifth = client.get(f"/repos/{name}/commits?per_page=100&page=5").json()
            assert first == pushed
            assert [one["sha"] for one in fifth] == [line[:40] for line in listed[399:499]]
