"""githubsim itself: load time, memory, requests/s, so that no benchmark measures it by mistake.

The world has 1,000,000 commits and 100,000 issues; `--small` or BENCH_SMALL=1 takes a twentieth.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import jwt

from benchmarks._figures import verdict
from githubsim.testing import Sim

_SECONDS = 5.0
_CLIENTS = 4
_FULL = {"commits": 1_000_000, "issues": 100_000}
_SMALL = {"commits": 50_000, "issues": 5_000}
_ISSUES = """
query ($o: String!, $r: String!, $after: String) { repository(owner: $o, name: $r) {
  issues(first: 100, after: $after, orderBy: {field: UPDATED_AT, direction: ASC}) {
    pageInfo { hasNextPage endCursor }
    nodes { id number title body state updatedAt author { login } labels(first: 10) {
      nodes { name } } } } } }
"""
_PULLS = """
query ($o: String!, $r: String!, $after: String) { repository(owner: $o, name: $r) {
  pullRequests(first: 100, after: $after, orderBy: {field: UPDATED_AT, direction: ASC}) {
    pageInfo { hasNextPage endCursor }
    nodes { id number title body state isDraft mergedAt updatedAt additions deletions changedFiles
      baseRefName headRefName headRefOid mergeCommit { oid } author { login }
      labels(first: 10) { nodes { name } } } } } }
"""
_HISTORY = """
query ($o: String!, $r: String!, $after: String) { repository(owner: $o, name: $r) {
  defaultBranchRef { target { ... on Commit { history(first: 100, after: $after) {
    pageInfo { hasNextPage endCursor }
    nodes { oid message committedDate author { name email } } } } } } } }
"""
_Request = tuple[str, str, bytes | None]


def run(size: dict[str, int] | None = None) -> dict[str, Any]:
    """Load a world, ask it for lists and pages from four connections, and clone its largest."""
    if size is None:
        size = _SMALL if os.environ.get("BENCH_SMALL") else _FULL
    with Sim(**size, pulls=size["issues"] // 3, limits=False, start_timeout=3600) as sim:
        loaded = _peak(sim.pid)
        while not sim.truth()["installations"]:
            time.sleep(0.1)
        headers = {"Authorization": f"Bearer {_token(sim)}", "User-Agent": "bench"}
        largest = max(sim.truth()["repositories"], key=lambda one: one["commits"])
        rate = _Rate(sim, headers)
        name, commits = largest["full_name"], largest["commits_on_default"]
        # From 10,000 items on REST pages by cursor only.
        pages = (largest["issues"]["total"] + largest["pulls"]["total"]) // 100
        pages = min(max(1, pages), 99)
        issues = f"/repos/{name}/issues?state=all&per_page=100&sort=updated&direction=asc&page="
        pulls = f"/repos/{name}/pulls?state=all&per_page=100&page="
        of_pulls = max(1, largest["pulls"]["total"] // 100)
        result = {
            **size,
            "load_s": sim.ready["seconds"],
            "load_commits_per_s": round(size["commits"] / sim.ready["seconds"]),
            "peak_mb_loaded": loaded,
            "largest_commits": largest["commits"],
            "rest_per_s": {
                "single": rate(lambda n: ("GET", f"/repos/{name}/issues/{n % 50 + 1}", None)),
                "issues_100": rate(lambda n: ("GET", f"{issues}{n % pages + 1}", None)),
                "pulls_100": rate(lambda n: ("GET", f"{pulls}{n % of_pulls + 1}", None)),
                "commits_100_first": rate(
                    lambda n: ("GET", f"/repos/{name}/commits?per_page=100", None)
                ),
                "commits_100_anywhere": rate(
                    lambda n: (
                        "GET",
                        f"/repos/{name}/commits?per_page=100&page={n * 37 % (commits // 100) + 1}",
                        None,
                    )
                ),
            },
            "graphql_pages_per_s": {
                "issues_100": rate.again(_ISSUES, name, ("issues",)),
                "pulls_100": rate.again(_PULLS, name, ("pullRequests",)),
                "history_100": rate.walk(_HISTORY, name, ("defaultBranchRef", "target", "history")),
            },
            "cpu_ms_per_page": rate.cpu_ms,
            "clone_s": {
                filter_ or "whole": _clone(sim, name, headers["Authorization"], filter_)
                for filter_ in ("tree:0", "")
            },
            "peak_mb": _peak(sim.pid),
        }
    result["verdicts"] = [
        verdict("list pages/s, REST", result["rest_per_s"]["issues_100"], 500, most=False),
        verdict(
            "list pages/s, GraphQL", result["graphql_pages_per_s"]["issues_100"], 500, most=False
        ),
    ]
    return result


class _Rate:
    """Requests per second over some kept-alive connections."""

    def __init__(self, sim: Sim, headers: dict[str, str]) -> None:
        self._port = sim.port
        self._pid = sim.pid
        self._headers = headers
        self.cpu_ms: dict[str, float] = {}

    def __call__(self, request: Callable[[int], _Request]) -> float:
        """Of the requests that `request` makes from 0, 1, 2 ….; RuntimeError if one fails."""
        numbers = count()
        done = [0] * _CLIENTS
        failed: list[str] = []
        started, cpu = time.monotonic(), _cpu(self._pid)

        def ask(place: int) -> None:
            connection = self._connect()
            while time.monotonic() - started < _SECONDS and not failed:
                method, path, body = request(next(numbers))
                connection.request(method, path, body, self._headers)
                answer = connection.getresponse()
                text = answer.read()
                if answer.status != 200:
                    failed.append(f"{path}: {answer.status} {text[:200]!r}")
                done[place] += 1
            connection.close()

        threads = [threading.Thread(target=ask, args=(place,)) for place in range(_CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failed:
            raise RuntimeError(failed[0])
        rate = round(sum(done) / (time.monotonic() - started), 1)
        path = request(0)[1].partition("?")[0].rpartition("/")[2]
        used = (_cpu(self._pid) - cpu) / max(1, sum(done)) * 1000
        self.cpu_ms[f"{path} {len(self.cpu_ms) + 1}"] = round(used, 2)
        return rate

    def again(self, query: str, name: str, path: tuple[str, ...]) -> float:
        """Pages per second of some readers, of pages that one walked through before."""
        bodies: list[bytes] = []
        self.walk(query, name, path, bodies)
        return self(lambda n: ("POST", "/graphql", bodies[n % len(bodies)]))

    def walk(
        self, query: str, name: str, path: tuple[str, ...], bodies: list[bytes] | None = None
    ) -> float:
        """Pages per second of one reader who follows the cursors."""
        owner, repository = name.split("/")
        variables: dict[str, Any] = {"o": owner, "r": repository}
        connection = self._connect()
        started, pages = time.monotonic(), 0
        while time.monotonic() - started < _SECONDS:
            body = json.dumps({"query": query, "variables": variables}).encode()
            if bodies is not None:
                bodies.append(body)
            connection.request("POST", "/graphql", body, self._headers)
            answer = json.loads(connection.getresponse().read())
            if "errors" in answer:
                raise RuntimeError(str(answer["errors"])[:200])
            found = answer["data"]["repository"]
            for one in path:
                found = found[one]
            pages += 1
            info = found["pageInfo"]
            variables["after"] = info["endCursor"] if info["hasNextPage"] else None
        connection.close()
        return round(pages / (time.monotonic() - started), 1)

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=120)


def _token(sim: Sim) -> str:
    now = int(time.time())
    claims = {"iat": now - 60, "exp": now + 540, "iss": str(sim.app.id)}
    signed = jwt.encode(claims, sim.private_key, algorithm="RS256")
    installation = sim.truth()["installations"][0]["id"]
    connection = http.client.HTTPConnection("127.0.0.1", sim.port, timeout=60)
    connection.request(
        "POST",
        f"/app/installations/{installation}/access_tokens",
        headers={"Authorization": f"Bearer {signed}", "User-Agent": "bench"},
    )
    token: str = json.loads(connection.getresponse().read())["token"]
    return token


def _clone(sim: Sim, name: str, authorization: str, filter_: str) -> float:
    """Seconds of a bare clone of one repository."""
    url = sim.url.replace("://", f"://x-access-token:{authorization.split()[1]}@")
    command = ["git", "clone", "-q", "--bare", *([f"--filter={filter_}"] if filter_ else [])]
    with tempfile.TemporaryDirectory(prefix="githubsim-bench-") as folder:
        started = time.monotonic()
        subprocess.run(
            [*command, f"{url}/{name}.git", f"{folder}/copy.git"],
            check=True,
            env=dict(os.environ) | {"GIT_TERMINAL_PROMPT": "0"},
            timeout=600,
        )
        return round(time.monotonic() - started, 2)


def _cpu(pid: int) -> float:
    """Seconds of CPU of the process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


def _peak(pid: int) -> int:
    """The most memory that the process ever held, MB; git runs in processes of its own."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if "VmHWM" in line)) // 1024


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.githubsim")
    parser.add_argument("--small", action="store_true", help=f"{_SMALL} instead of {_FULL}")
    small = parser.parse_args().small
    print(json.dumps({"benchmark": "githubsim", **run(_SMALL if small else None)}))
