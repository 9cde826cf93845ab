"""git itself: run on the bare repositories of a world, with nothing of the machine's settings."""

import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

_CONFIG = """\
[safe]
\tdirectory = *
[core]
\tlogAllRefUpdates = false
\tquotePath = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
[receive]
\tautogc = false
\thideRefs = refs/pull
\tdenyNonFastForwards = false
\tdenyDeleteCurrent = refuse
[http]
\treceivepack = true
[uploadpack]
\tallowFilter = true
\tallowAnySHA1InWant = true
\thideRefs = refs/pull-internal
[transfer]
\tfsckObjects = false
[init]
\tdefaultBranch = main
"""


class GitError(RuntimeError):
    """git refused; the message is what it said."""


class Process:
    """Where the repositories lie, one bare repository per repository id, and git run on them."""

    def __init__(self, root: Path, *, pack_threads: int | None = None) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        config = root / "gitconfig"
        threads = "" if pack_threads is None else f"[pack]\n\tthreads = {pack_threads}\n"
        config.write_text(_CONFIG + threads)
        # No setting of the machine or of a surrounding git process may change what we make.
        self.env = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(root),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(config),
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_AUTHOR_NAME": "GitHub",
            "GIT_AUTHOR_EMAIL": "noreply@github.com",
            "GIT_COMMITTER_NAME": "GitHub",
            "GIT_COMMITTER_EMAIL": "noreply@github.com",
        }
        self._guard = threading.Lock()
        self._locks: dict[int, threading.RLock] = {}

    def path(self, repository_id: int) -> Path:
        """Where the bare repository lies."""
        return self.root / f"{repository_id}.git"

    def lock(self, repository_id: int) -> threading.RLock:
        """Held while refs are moved and the move is told, so that pushes do not mix."""
        with self._guard:
            return self._locks.setdefault(repository_id, threading.RLock())

    def http_backend(self, body: bytes, env: Mapping[str, str]) -> bytes:
        """Run `git http-backend` on one whole request; its CGI answer."""
        return subprocess.run(
            ["git", "http-backend"],
            input=body,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(env) | {"CONTENT_LENGTH": str(len(body))},
            check=False,
        ).stdout

    def try_run(self, args: Sequence[str], path: Path) -> str:
        """What git prints, or an empty text where it refuses."""
        done = self._call(args, path)
        return done.stdout.decode(errors="replace") if done.returncode == 0 else ""

    def _run(
        self,
        args: Sequence[str],
        cwd: Path | None = None,
        data: bytes | None = None,
        env: Mapping[str, str] | None = None,
    ) -> bytes:
        done = self._call(args, cwd, data, env)
        if done.returncode != 0:
            raise GitError(f"git {args[0]}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout

    def _call(
        self,
        args: Sequence[str],
        cwd: Path | None = None,
        data: bytes | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["git", *args],
            cwd=cwd,
            input=data,
            stdin=subprocess.DEVNULL if data is None else None,
            capture_output=True,
            env={**self.env, **(env or {})},
            check=False,
        )
