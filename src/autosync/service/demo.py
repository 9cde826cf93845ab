"""`autosync demo`: githubsim, a world with people in it, and AutoSync mirroring them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import urllib.error
import urllib.request
from pathlib import Path

from autosync import config
from autosync.errors import AutoSyncError
from autosync.service import serve
from autosync.service.supervisor import Child, Supervisor, python

_WORLD_SECONDS = 120.0


def demo(*, repositories: int, people_per_minute: int) -> int:
    """Run both until a signal. The world and the mirror are kept: started again, it goes on."""
    sim_port = int(os.environ.get("GITHUBSIM_PORT", "8010"))
    own_port = int(os.environ.get("AUTOSYNC_PORT", "8000"))
    data = Path(os.environ.get("AUTOSYNC_DATA_DIR", f".demo/{own_port}")).resolve()
    host = os.environ.get("AUTOSYNC_HOST", "127.0.0.1")
    hook = f"http://127.0.0.1:{own_port}/api/github/webhook/"
    world = data / "github"
    os.environ |= {
        "AUTOSYNC_DATA_DIR": str(data),
        "AUTOSYNC_HOST": host,
        "AUTOSYNC_PORT": str(own_port),
        "AUTOSYNC_DASHBOARD_PUBLIC": "1",
        "GITHUB_API_URL": f"http://127.0.0.1:{sim_port}",
        "GITHUB_WEBHOOK_URL": hook,
    }
    config.load.cache_clear()
    serve.check_port()
    supervisor = Supervisor()
    supervisor.start(_github(world, sim_port, hook, repositories, people_per_minute))
    serve.say(f"Building a GitHub with {repositories} repositories on port {sim_port} …")
    return supervisor.run(lambda: _go_on(supervisor, world, sim_port))


def _github(world: Path, port: int, hook: str, repositories: int, people: int) -> Child:
    command = python("-m", "githubsim", "serve", "--port", str(port), "--data", str(world))
    command += ["--repositories", str(repositories), "--commits", "4000"]
    command += ["--issues", "2000", "--pulls", "800", "--people", str(people)]
    command += ["--webhook-url", hook, "--no-install"]
    # One of the repositories has a real history: this project's own, where there is one.
    if shutil.which("git") and (config.PROJECT_ROOT / ".git").exists():
        command += ["--import-git", str(config.PROJECT_ROOT)]
    return Child("githubsim", command)


def _go_on(supervisor: Supervisor, world: Path, port: int) -> None:
    """The rest of the start, once signals are watched: Ctrl-C works at any moment."""
    app_file = world / "app.json"
    if not supervisor.wait_until(lambda: app_file.exists() and _answers(port), _WORLD_SECONDS):
        raise AutoSyncError(
            f"The simulated GitHub did not start on port {port}. See its messages above; "
            "set GITHUBSIM_PORT if the port is taken."
        )
    app = json.loads(app_file.read_text())
    os.environ |= {
        "GITHUB_APP_ID": str(app["id"]),
        "GITHUB_APP_CLIENT_ID": app["client_id"],
        "GITHUB_APP_CLIENT_SECRET": app["client_secret"],
        "GITHUB_APP_PRIVATE_KEY": str(world / "app.pem"),
        "GITHUB_WEBHOOK_SECRET": app["webhook_secret"],
    }
    config.load.cache_clear()
    serve.check_settings()
    serve.say("Preparing the database …")
    serve.migrate()
    supervisor.start(serve.web())
    supervisor.start(serve.worker())
    serve.announce(supervisor, lambda: _install(port))


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/meta", timeout=2).read()
        return True
    return False


def _install(port: int) -> None:
    """Somebody installs the App: from here on everything happens by itself."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/_sim/install", data=b"{}", method="POST"
    )
    request.add_header("content-type", "application/json")
    with contextlib.suppress(urllib.error.HTTPError):  # installed by an earlier demo
        urllib.request.urlopen(request, timeout=10).read()
    serve.say(
        "The App is installed: watch the repositories appear, then people at work.\n"
        f"The simulated GitHub is at http://127.0.0.1:{port}/ · Ctrl-C stops everything; "
        "started again, it goes on."
    )
