"""What a flood does to others: how long health and a delivery wait for their answers meanwhile.

Each kind of flood (see `_flood.py`) comes from a process of its own. Two clients ask for health and
deliver, on a new connection each time as a monitor and GitHub do: before, while the flood arrives
and stands, and after it.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks._serving import SECRET, environment, migrated, server

_KINDS = ("bodies", "silent", "sign_ins")
_QUIET = 3.0  # seconds before and after
_FLOOD = 8.0  # seconds; slow bodies are ended after ten
_PAUSE = 0.02  # seconds between two questions of a client
_BODY = b'{"zen": "Keep it logically awesome."}'
_SIGNATURE = hmac.new(SECRET.encode(), _BODY, hashlib.sha256).hexdigest()


def run() -> dict[str, Any]:
    """Measure; raises RuntimeError if health or a delivery is refused or not answered."""
    with tempfile.TemporaryDirectory(prefix="autosync-bench-") as folder:
        settings = environment(Path(folder)) | {
            "AUTOSYNC_DASHBOARD_PUBLIC": "1",
            "AUTOSYNC_URL": "https://localhost",  # a sign-in may come from an address of its own
        }
        result = {}
        with migrated(settings):
            for kind in _KINDS:  # each with a fresh process
                with server([sys.executable, "-m", "autosync.service.web"], settings) as port:
                    result[kind] = _measure(port, kind)
    worst = [
        seen["during"]["max_ms"] for flood in result.values() for seen in flood["answers"].values()
    ]
    return {"worst_during_a_flood_ms": max(worst), **result}


def _measure(port: int, kind: str) -> dict[str, Any]:
    clients = {"health": _Client(port, _health), "delivery": _Client(port, _delivery)}
    for one in clients.values():
        one.start()
    time.sleep(_QUIET)
    command = [sys.executable, "-m", "benchmarks._flood", str(port), kind, str(_FLOOD)]
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as flood:
        assert flood.stdout is not None
        standing = flood.stdout.readline() == b"standing\n"
        stands = time.monotonic()
        flood.wait(_FLOOD + 120)
    ended = time.monotonic()
    time.sleep(_QUIET)
    answers = {}
    for name, one in clients.items():
        one.stop()
        if one.wrong or not standing:
            raise RuntimeError(f"{kind}: {name} got {one.wrong or 'no flood'}")
        phases = {"before": (0.0, began), "during": (began, ended), "after": (ended, float("inf"))}
        answers[name] = {phase: one.between(*times) for phase, times in phases.items()}
    return {"arrives_in_seconds": round(stands - began, 2), "answers": answers}


class _Client(threading.Thread):
    """Asks one question after another, and notes when and how long each took."""

    def __init__(self, port: int, ask: Callable[[http.client.HTTPConnection], int]) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._ask = ask
        self._ended = threading.Event()
        self._seen: list[tuple[float, float]] = []
        self.wrong = ""

    def run(self) -> None:
        while not self._ended.wait(_PAUSE):
            began = time.monotonic()
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
            try:
                status = self._ask(connection)
                if status not in (200, 202):
                    self.wrong = f"status {status}"
            except OSError as error:
                self.wrong = repr(error)
            finally:
                connection.close()
            self._seen.append((began, time.monotonic() - began))

    def stop(self) -> None:
        self._ended.set()
        self.join(60)

    def between(self, since: float, until: float) -> dict[str, float]:
        """Of the questions asked then: how many, and their answers' times in milliseconds."""
        times = sorted(took for began, took in self._seen if since <= began < until) or [0.0]
        return {
            "asked": len(times),
            "median_ms": round(statistics.median(times) * 1000, 1),
            "p99_ms": round(times[int(len(times) * 0.99)] * 1000, 1),
            "max_ms": round(times[-1] * 1000, 1),
        }


def _health(connection: http.client.HTTPConnection) -> int:
    connection.request("GET", "/api/sync/health/", headers={"Host": "localhost"})
    answer = connection.getresponse()
    answer.read()
    return 200 if answer.status == 503 else answer.status  # a mirror that is not well, answered


def _delivery(connection: http.client.HTTPConnection) -> int:
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "ping",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-Hub-Signature-256": f"sha256={_SIGNATURE}",
    }
    connection.request("POST", "/api/github/webhook/", _BODY, headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status
