"""AutoSync and githubsim from their wheels: the demo comes up, and ends."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from tests.service import ROOT, descendants, free_port
from tests.waiting import Told, eventually
from tests.wheels.conftest import Environment

SMALL = "--repositories 2 --commits 30 --issues 10 --pulls 4 --people 0"


class Demo:
    """`autosync demo` as a user starts it in a folder of their own."""

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.port = free_port()
        self.settings = {"AUTOSYNC_PORT": str(self.port), "GITHUBSIM_PORT": str(free_port())}
        self.log = environment.folder.parent / "demo.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [environment.bin / "autosync", "demo", *SMALL.split()],
                cwd=environment.folder, env=environment.variables(**self.settings),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def health(self) -> dict[str, object]:
        """The health report; empty while nobody answers."""
        try:
            with urllib.request.urlopen(self._address, timeout=10) as answer:
                return dict(json.load(answer))
        except urllib.error.HTTPError as error:
            return dict(json.load(error))
        except OSError:
            return {}

    @property
    def _address(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/sync/health/"

    def healthy(self) -> bool:
        assert self.process.poll() is None, self.said()
        return self.health().get("status") == "healthy"


@pytest.fixture(scope="module")
def demo(with_extra: Environment) -> Iterator[Demo]:
    demo = Demo(with_extra)
    yield demo
    if demo.process.poll() is None:
        demo.process.terminate()
        demo.process.wait(60)


def test_the_demo_comes_up_and_is_healthy(demo: Demo) -> None:
    eventually(
        demo.healthy, Told(lambda: f"the demo is healthy: {demo.health()}; {demo.said()}"), 300
    )
    assert "The App is installed" in demo.said()
    # What it tells its reader to type, with the name that is on the PATH here.
    assert "autosync doctor, autosync audit" in demo.said()
    assert "./autosync" not in demo.said()


def test_other_commands_find_the_demo_of_the_folder(demo: Demo) -> None:
    found = demo.environment.run("autosync", "doctor")
    assert f"Using the demo in .demo/{demo.port}" in found.stderr
    assert found.returncode == 0, found.stdout
    shell = demo.environment.run(
        "autosync", "manage", "dbshell", "--", "-tAc", "SELECT count(*) FROM repositories"
    )
    assert shell.stdout.strip() == "2", shell.stderr


def test_the_sign_in_page_names_a_command_that_is_there(demo: Demo) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{demo.port}/login/", timeout=30) as answer:
        page = answer.read().decode()
    assert "autosync manage createsuperuser" in page
    with urllib.request.urlopen(
        f"http://127.0.0.1:{demo.port}/static/web/style.css", timeout=30
    ) as answer:
        assert answer.status == 200


def test_the_demo_ends_cleanly(demo: Demo) -> None:
    below = descendants(demo.process.pid)
    assert below
    demo.process.send_signal(signal.SIGINT)
    assert demo.process.wait(60) == 0, demo.said()
    assert "Traceback" not in demo.said()
    left = demo.environment.folder / ".demo" / str(demo.port)
    eventually(
        lambda: not (left / "postgres" / "data" / "postmaster.pid").exists(),
        "the embedded server stops with its last user",
    )
    assert {one.name for one in demo.environment.folder.iterdir()} == {".demo"}


def test_the_code_of_githubsims_readme_works(with_extra: Environment) -> None:
    text = (ROOT / "packages" / "githubsim" / "README.md").read_text()
    (code,) = re.findall(r"^```python\n(.*?)^```$", text, re.M | re.S)
    done = with_extra.run("python", "-c", code)
    assert done.returncode == 0, done.stderr
    assert with_extra.run("githubsim", "version").returncode == 0
