"""README's commands, typed in order in a fresh clone, all work."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.service import ROOT, free_port
from tests.waiting import Told, eventually

SMALL = "--repositories 3 --commits 60 --issues 20 --pulls 6 --people 0"
_FENCE = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)


def commands(page: str) -> list[str]:
    """The lines of a page's ```sh blocks, in order."""
    text = (ROOT / page).read_text()
    return [line for block in _FENCE.findall(text) for line in block.splitlines() if line.strip()]


class Clone:
    """A fresh clone with an environment of its own, and the demo that `make demo` runs in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "autosync"
        self.port, self.github = free_port(), free_port()
        kept = ("AUTOSYNC_POSTGRES_USER", "GITHUB_ACTIONS")
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("AUTOSYNC_", "GITHUB_", "DATABASE_", "DJANGO_", "VIRTUAL_ENV"))
            or name in kept
        } | {
            "AUTOSYNC_PORT": str(self.port),
            "GITHUBSIM_PORT": str(self.github),
            "DEMO": SMALL,
            "COLUMNS": "200",
        }
        self.log = folder / "demo.log"
        subprocess.run(
            ["git", "clone", "--quiet", "--no-local", "--depth=1", ROOT.as_uri(), self.folder],
            check=True,
        )
        # `make install` would download uv into the new environment; this one has it.
        subprocess.run(
            [sys.executable, "-m", "venv", "--without-pip", self.folder / ".venv"], check=True
        )
        uv = Path(sys.executable).with_name("uv")
        if not uv.exists():
            pytest.skip("no uv beside this Python: the clone would have to download it")
        (self.folder / ".venv" / "bin" / "uv").symlink_to(uv)

    def __enter__(self) -> Clone:
        with self.log.open("wb") as log:
            self.demo = subprocess.Popen(
                ["make", "demo"], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        try:
            eventually(self._runs, Told(lambda: f"make demo runs; it said: {self.said()}"), 300)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self.demo.poll() is None:
            os.killpg(self.demo.pid, signal.SIGINT)
            self.demo.wait(60)

    def said(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]

    def type(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run one line as a person would, with the ports and ids of this demo."""
        line = line.replace("localhost:8000", f"localhost:{self.port}")
        done = subprocess.run(
            ["sh", "-c", line], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=170, check=False,
        )  # fmt: skip
        said = f"$ {line}\n{done.stdout}{done.stderr}"
        assert done.returncode == 0, said
        assert "Traceback" not in said, said
        if line.startswith("curl"):
            assert '"error"' not in done.stdout, said
        return done

    def sql(self, query: str) -> str:
        """One value of the mirror, through the command that README names."""
        line = f'./manage.py dbshell -- --tuples-only --no-align -c "{query}"'
        return self.type(line).stdout.strip()

    def imported(self) -> bool:
        return self.sql("SELECT count(*) FROM repositories WHERE imported_at IS NOT NULL") == "3"

    def _runs(self) -> bool:
        assert self.demo.poll() is None, f"it ended: {self.said()}"
        return "The App is installed" in self.said()


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    if not (ROOT / ".git").exists() or not shutil.which("curl"):
        pytest.skip("needs a git checkout and curl")
    made = Clone(tmp_path_factory.mktemp("clone"))
    with made:
        yield made
    assert "Traceback" not in made.said(), made.said()


def test_the_commands_of_readme_work_in_order(clone: Clone) -> None:
    first, second, *others = commands("README.md")
    assert first.startswith("make demo")
    assert second.startswith("make test")  # this would be inside it
    assert len(others) > 5
    eventually(clone.imported, "three repositories are imported")
    repository = clone.sql("SELECT min(github_id) FROM repositories")
    for line in others:
        done = clone.type(line.replace("/ID/", f"/{repository}/"))
        if line.startswith("./"):
            assert "Using the demo in .demo/" in done.stderr
    health = clone.type("curl http://localhost:8000/api/sync/health/").stdout
    assert '"workers"' in health  # with all its figures


def test_the_commands_of_the_how_to_pages_work_too(clone: Clone) -> None:
    eventually(clone.imported, "three repositories are imported")
    name = clone.sql("SELECT min(full_name) FROM repositories")
    ids = clone.sql("SELECT string_agg(id::text, ' ') FROM (SELECT id FROM inbox LIMIT 2) few")
    pages = sorted((ROOT / "docs" / "how-to").glob("*.md"))
    pages.remove(ROOT / "docs" / "how-to" / "add-a-kind.md")  # test_add_a_kind.py follows it
    typed = [line for page in pages for line in commands(str(page.relative_to(ROOT)))]
    assert typed
    for line in typed:
        clone.type(line.replace("OWNER/NAME", name).replace("4711 4712", ids))


def test_another_site_cannot_use_what_the_demo_leaves_open(clone: Clone) -> None:
    request = urllib.request.Request(
        f"http://localhost:{clone.port}/api/sync/periodic/",
        method="POST",
        headers={"Origin": "http://evil.example"},
    )
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(request, timeout=20)


def test_a_page_in_env_is_never_mixed_with_the_demo(clone: Clone) -> None:
    """The settings of one's own AutoSync outweigh the demo as soon as there is one of them."""
    (clone.folder / ".env").write_text("GITHUB_APP_ID=12345\n")
    try:
        with pytest.raises(AssertionError, match="There is no mirror here"):
            clone.type("./autosync token list")
    finally:
        (clone.folder / ".env").unlink()
    assert "Using the demo" in clone.type("./autosync token list").stderr


def test_python_alone_finds_the_environment(clone: Clone) -> None:
    found = clone.type("python3 manage.py sync_github")
    assert "Completed" in found.stdout


def test_before_the_installation_the_launchers_say_what_to_do(tmp_path: Path) -> None:
    for name in ("autosync", "manage.py"):
        shutil.copy(ROOT / name, tmp_path / name)
        python = [sys.executable, "-S", "-E"] if name == "manage.py" else []
        done = subprocess.run(
            [*python, str(tmp_path / name), "doctor"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert "make install" in done.stderr
