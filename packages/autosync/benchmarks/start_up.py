"""The CPU that a service spends until it is ready, on a migrated database: before and now.

"Before" is the commit of AUTOSYNC_BENCH_BEFORE (empty: leave it out), checked out into a git
worktree and run by the same interpreter; rounds alternate. Counted are all processes: supervisor,
web, worker, what ended before, and the embedded PostgreSQL with its keeper.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import psycopg
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from autosync.postgres import ensure_running, release
from benchmarks._figures import spread
from benchmarks._serving import bare
from benchmarks._trees import compared
from tests.service import free_port

VARIABLE = "AUTOSYNC_BENCH_BEFORE"
# The last one whose service had githubkit in it, and a process to migrate at each start.
BEFORE = os.environ.get(VARIABLE, "7c573bdbe8c2a535fec8e911a422a69ab4c7f6d5")
ROUNDS = 5
_TICKS = os.sysconf("SC_CLK_TCK")
_PATIENCE = 120.0  # seconds
# What is imported by whom: the package, the settings, the command line, and the two processes.
_MODULES = ("autosync", "autosync.config", "autosync.cli")
_PARTS = {
    "autosync.service.web": "web",
    "autosync.service.worker": "worker",
    "autosync.postgres.keeper": "keeper",
    "postgres": "postgresql",
}


def run() -> dict[str, Any]:
    """Measure; raises RuntimeError if a service does not come up, or runs from another folder."""
    with compared(BEFORE, VARIABLE) as (folder, trees):
        services = {name: _Service(folder / f"data-{name}", path) for name, path in trees.items()}
        found: dict[str, list[dict[str, float]]] = {name: [] for name in trees}
        for number in range(-1, ROUNDS):
            for name, service in services.items():
                measured = service.start_once()
                if number >= 0:  # the first one migrates, and Python compiles
                    found[name].append(measured)
        result: dict[str, Any] = {"rounds": ROUNDS}
        for name, rounds in found.items():
            imports = {f"import {m}": _import_seconds(m, trees[name]) for m in _MODULES}
            result[name] = {
                key: spread(one.get(key, 0.0) for one in rounds) for key in rounds[0]
            } | imports
    if "before" not in trees:
        result["before"] = f"commit {BEFORE or '(none named)'} is not in this repository"
    else:
        result["ratio"] = {
            key: round(result["now"][key]["median"] / result["before"][key]["median"], 2)
            for key in ("cpu_s", "working_cpu_s", "health_s")
        }
    return result


class _Service:
    """`autosync serve` of one source tree, on a data folder that is kept between the rounds."""

    def __init__(self, data: Path, source: Path) -> None:
        data.mkdir(mode=0o700)
        self._folder = data
        self._port = free_port()
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        # Without PYTHONDONTWRITEBYTECODE, with which each start would compile all of AutoSync.
        self._environment = {
            **{name: value for name, value in bare().items() if not name.startswith("PYTHON")},
            "PYTHONPATH": str(source),
            "AUTOSYNC_DATA_DIR": str(data / "data"),
            "AUTOSYNC_PORT": str(self._port),
            "GITHUB_APP_ID": "1",
            "GITHUB_APP_PRIVATE_KEY": key.private_bytes(
                Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
            ).decode(),
            "GITHUB_WEBHOOK_SECRET": "only for the benchmark",
            "GITHUB_API_URL": "http://127.0.0.1:9",  # nobody answers there
        }
        where = _python(source, "import autosync; print(autosync.__file__)")
        if not where.startswith(str(source)):
            raise RuntimeError(f"AutoSync was imported from {where}, not from {source}")

    def start_once(self) -> dict[str, float]:
        """CPU seconds until health answers, and until it has seen the worker; wall clock too."""
        log = self._folder / "log"
        with log.open("ab") as output:
            started = time.monotonic()
            process = subprocess.Popen(
                [sys.executable, "-m", "autosync", "serve"],
                env=self._environment,
                cwd=self._folder,
                stdout=output,
                stderr=output,
            )
        try:
            while not self._ready(process, log):
                if time.monotonic() - started > _PATIENCE:
                    raise RuntimeError(f"not ready: {log.read_text()[-2000:]}")
                time.sleep(0.05)
            wall = time.monotonic() - started
            parts = _cpu_of(process.pid, self._folder)
            self._wait_for_a_worker(time.time() - wall)
            working = sum(_cpu_of(process.pid, self._folder).values())
        finally:
            process.terminate()
            process.wait(60)
        self._let_the_database_stop()
        return {"cpu_s": sum(parts.values()), "working_cpu_s": working, "health_s": wall} | {
            f"{part}_cpu_s": seconds for part, seconds in sorted(parts.items())
        }

    def _ready(self, process: subprocess.Popen[bytes], log: Path) -> bool:
        if process.poll() is not None:
            raise RuntimeError(f"it ended: {log.read_text()[-2000:]}")
        if "AutoSync is ready" not in log.read_text().rpartition("---\n")[2]:
            return False
        # Asked once only: each answer costs CPU.
        try:
            url = f"http://127.0.0.1:{self._port}/api/sync/health/"
            urllib.request.urlopen(url, timeout=60).read()
        except urllib.error.HTTPError:
            pass  # it answers, and GitHub cannot be reached
        return True

    def _wait_for_a_worker(self, since: float) -> None:
        database = self._folder / "data" / "postgres"
        until = time.monotonic() + _PATIENCE
        alive = "SELECT count(*) FROM procrastinate_workers WHERE last_heartbeat > to_timestamp(%s)"
        try:
            with psycopg.connect(ensure_running(database), autocommit=True) as connection:
                while connection.execute(alive, [since]).fetchone() == (0,):
                    if time.monotonic() > until:
                        raise RuntimeError("the worker does not begin")
                    time.sleep(0.05)
        finally:
            release(database)

    def _let_the_database_stop(self) -> None:
        with (self._folder / "log").open("a") as log:
            log.write("---\n")
        until = time.monotonic() + _PATIENCE
        while any(str(self._folder) in command for _, _, command in _processes().values()):
            if time.monotonic() > until:
                raise RuntimeError("the embedded PostgreSQL does not stop")
            time.sleep(0.05)


def _cpu_of(supervisor: int, folder: Path) -> dict[str, float]:
    """CPU seconds by part. What the supervisor waited for (a migration) counts as `ended`."""
    running = _processes()
    ours = {supervisor} | {p for p, (_, _, command) in running.items() if str(folder) in command}
    while more := {p for p, (parent, _, _) in running.items() if parent in ours} - ours:
        ours |= more
    parts: dict[str, float] = {}
    for pid in ours & set(running):
        _, (own, ended), command = running[pid]
        words = command.split()
        part = next((name for word, name in _PARTS.items() if word in words), "")
        if not part:
            part = "supervisor" if pid == supervisor else "postgresql"
        parts[part] = parts.get(part, 0.0) + own
        ended_as = "ended" if part == "supervisor" else part
        parts[ended_as] = parts.get(ended_as, 0.0) + ended
    return parts


def _processes() -> dict[int, tuple[int, tuple[float, float], str]]:
    """By pid: the parent, CPU seconds of its own and of its ended children, the command."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            command = (
                (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
            )
        except OSError:
            continue
        if fields[0] == "Z":
            continue
        own, ended = (sum(map(int, fields[n : n + 2])) / _TICKS for n in (11, 13))
        found[int(entry.name)] = (int(fields[1]), (own, ended), command)
    return found


def _import_seconds(module: str, source: Path) -> dict[str, float]:
    """CPU seconds of `import module` alone, beyond those of an interpreter that imports nothing."""
    empty = min(_python_cpu(source, "pass") for _ in range(ROUNDS))
    seconds = [_python_cpu(source, f"import {module}") - empty for _ in range(ROUNDS)]
    return spread(max(one, 0.0) for one in seconds)


def _python_cpu(source: Path, code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _python(source, code)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _python(source: Path, code: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(source)}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
