"""A world is kept while it is served, and brought back as it was."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from githubsim.receiver import Receiver
from githubsim.testing import Sim, SimError

WORLD: dict[str, Any] = {"repositories": 3, "commits": 60, "issues": 20, "pulls": 6}


def githubsim(*args: str | Path, fails: bool = False) -> str:
    command = [sys.executable, "-c", "from githubsim.cli import main; main()", *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) == fails, done.stderr
    return done.stderr if fails else done.stdout


def truth(github: Sim) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = github.truth(items=1)["repositories"]
    return found


def test_a_world_comes_back_as_it_was(tmp_path: Path) -> None:
    kept = tmp_path / "before.sim"
    with Sim(data=tmp_path / "world", **WORLD) as github:
        app = github.app
        repository = truth(github)[0]["full_name"]
        github.control("push", {"repository": repository})
        before = truth(github)
        # Taken while the world is served, which goes on changing.
        assert "Saved" in githubsim("snapshot", "--data", tmp_path / "world", kept)
        github.control("push", {"repository": repository, "branch": "later"})
        github.control("issues/open", {"repository": repository})
        after = truth(github)
    githubsim("restore", kept, "--data", tmp_path / "other")
    with Sim(data=tmp_path / "other") as github:
        assert truth(github) == before
        assert (github.app.id, github.app.client_secret) == (app.id, app.client_secret)
        assert github.app.pem == str(tmp_path / "other" / "app.pem")
        # What happens here happens nowhere else, though the files are shared.
        github.control("refs/delete", {"repository": repository, "ref": "refs/heads/main"})
        github.control("push", {"repository": repository, "branch": "elsewhere", "count": 3})
    with Sim(data=tmp_path / "world") as github:
        assert truth(github) == after
    githubsim("restore", kept, "--data", tmp_path / "third")
    with Sim(data=tmp_path / "third") as github:
        assert truth(github) == before


def test_no_delivery_of_a_copy_is_taken_for_one_of_the_world(
    tmp_path: Path, receiver: Receiver
) -> None:
    kept = tmp_path / "before.sim"

    def guids(folder: str) -> list[str]:
        with Sim(data=tmp_path / folder, webhook_url=receiver.url, **WORLD) as github:
            repository = truth(github)[0]["full_name"]
            receiver.wait_for("installation.created")
            github.control("issues/open", {"repository": repository})
            github.control("webhooks/wait")
            if not kept.exists():
                githubsim("snapshot", "--data", tmp_path / folder, kept)
            github.control("issues/open", {"repository": repository})
            github.control("webhooks/wait")
            return [one.guid for one in receiver.received if one.event == "issues"]

    first = guids("world")
    after_restart = guids("world")[2:]
    for name, seed in (("one", 0), ("same", 0), ("other", 1)):
        githubsim("restore", kept, "--data", tmp_path / name, "--seed", str(seed))
    one, same, other = (guids(name)[-2:] for name in ("one", "same", "other"))
    assert one == same
    assert len({*first, *after_restart, *one, *other}) == 2 + 2 + 2 + 2


def test_a_clock_that_was_set_never_goes_back(tmp_path: Path) -> None:
    clock: dict[str, Any] = {"clock": "2026-11-20T08:00:00Z", "stepped": True}
    with Sim(data=tmp_path / "world", **WORLD, **clock) as github:
        assert github.ask("status")["now"] == "2026-11-20T08:00:00Z"
        assert github.control("clock", {"advance": 90})["now"] == "2026-11-20T08:01:30Z"
        with pytest.raises(SimError, match="stepped"):
            github.control("clock", {"speed": 2})
        github.kill()
        github.start()
        assert github.ask("status")["now"] == "2026-11-20T08:01:30Z"


@pytest.mark.parametrize("command", ["snapshot", "restore"])
def test_nothing_is_kept_or_overwritten_by_mistake(tmp_path: Path, command: str) -> None:
    full = tmp_path / "full"
    full.mkdir()
    said = githubsim(command, tmp_path / "new", "--data", full, fails=True)
    assert "holds no world" in said or "is no snapshot" in said
    (full / "file").write_text("precious")
    (full / "world.db").write_text("")
    (full / "snapshot.json").write_text("{}")
    said = githubsim(command, full, "--data", full, fails=True)
    assert "is there already" in said
    assert (full / "file").read_text() == "precious"
