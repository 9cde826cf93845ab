"""Durable deliveries per second: the receiver against a Django async view with one insert each.

Both on Granian, with one process, on the same embedded PostgreSQL; rounds alternate. Every
acknowledged delivery is looked up in the table afterwards. A third application says yes and does
nothing. At last the receiver gets 1,000 deliveries a second, however long its answers take.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psycopg

from benchmarks._figures import percentile, verdict
from benchmarks._serving import SECRET, environment, migrated, server

_CLIENTS = 32
_ROUNDS = 3
_SECONDS = 3.0
_PACED = 10.0


def run() -> dict[str, Any]:
    """Measure; raises RuntimeError if an acknowledged delivery is not in the table."""
    with tempfile.TemporaryDirectory(prefix="autosync-bench-") as folder:
        data = Path(folder)
        body = data / "body.json"
        body.write_bytes(_payload())
        settings = environment(data)
        receiver = [sys.executable, "-m", "autosync.service.web"]
        view = [sys.executable, "-m", "granian", "--interface", "asgi", "--workers", "1"]
        view += ["--no-ws", "--no-log"]
        with (
            migrated(settings) as where,
            server(receiver, settings) as receiver_port,
            server([*view, "benchmarks._plain_view:application"], settings) as view_port,
            server([*view, "benchmarks._noop:application"], settings) as noop_port,
            psycopg.connect(where, autocommit=True) as database,
        ):
            ports = {"receiver": receiver_port, "django_view": view_port, "no_op": noop_port}
            rounds = _measure(ports, body, database)
            paced = _paced(receiver_port, body)
    result: dict[str, Any] = {"clients": _CLIENTS, "body_bytes": len(_payload())}
    for name, measured in rounds.items():
        rates = sorted(r["per_second"] for r in measured)
        result[name] = {
            "deliveries_per_second": round(statistics.median(rates)),
            "lowest": round(rates[0]),
            "highest": round(rates[-1]),
            "p50_ms": round(statistics.median(r["p50_ms"] for r in measured), 2),
            "p99_ms": round(statistics.median(r["p99_ms"] for r in measured), 2),
            "acknowledged": sum(int(r["acknowledged"]) for r in measured),
        }
    rate = {name: result[name]["deliveries_per_second"] for name in rounds}
    result["ratio"] = round(rate["receiver"] / rate["django_view"], 1)
    result["of_the_no_op"] = round(rate["receiver"] / rate["no_op"], 2)
    result["at_1000_per_s"] = paced
    result["verdicts"] = [
        verdict("receiver / Django view", result["ratio"], 12, most=False),
        verdict("receiver / no-op", result["of_the_no_op"], 0.3, most=False),
        verdict("p99 at 1,000/s, ms", paced["p99_ms"], 50),
    ]
    return result


def _paced(port: int, body: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks._paced", str(port), "1000", str(_PACED)]
    command += ["paced", str(body), SECRET, "issues"]
    done = subprocess.run(command, check=True, capture_output=True, timeout=120)
    found = json.loads(done.stdout)
    times = {
        "p50_ms": percentile(found["answer_s"], 0.5),
        "p99_ms": percentile(found["answer_s"], 0.99),
    }
    return {"refused": found["refused"], **{name: round(s * 1000, 2) for name, s in times.items()}}


def _measure(
    ports: dict[str, int], body: Path, database: psycopg.Connection[Any]
) -> dict[str, list[dict[str, float]]]:
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in ports}
    for number in range(-1, _ROUNDS):
        for name, port in ports.items():
            database.execute("TRUNCATE inbox, inbox_guids")
            warm_up = number < 0
            seconds = 0.5 if warm_up else _SECONDS
            measured = _load(port, seconds, f"{name}-{number}", body)
            row = database.execute("SELECT count(*) FROM inbox").fetchone()
            kept = name == "no_op" or (row and row[0] >= measured["acknowledged"])
            if measured["refused"] or not kept:
                raise RuntimeError(f"{name}: {measured}, but {row} rows in the table")
            if not warm_up:
                rounds[name].append(measured)
    return rounds


def _load(port: int, seconds: float, prefix: str, body: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks._load", str(port), str(_CLIENTS)]
    command += [str(seconds), prefix, str(body), SECRET]
    output = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
    answer: dict[str, float] = json.loads(output)
    return answer


def _payload() -> bytes:
    """An `issues` delivery of the usual size (GitHub's have 7 to 25 KB)."""
    account = {"login": "octocat", "id": 1, "node_id": "U_1", "type": "User", "site_admin": False}
    urls = {f"{n}_url": f"https://api.github.com/repos/octo/hello/{n}" for n in range(45)}
    repository = {"id": 35129377, "name": "hello", "full_name": "octo/hello", "owner": account}
    issue = {"id": 73464126, "number": 2, "title": "Spelling error in the README", "user": account}
    issue["body"] = "It looks like you accidentally spelled 'commit' with two 't's. " * 40
    document = {
        "action": "edited",
        "issue": issue | urls,
        "repository": repository | urls,
        "sender": account,
        "installation": {"id": 12345, "node_id": "I_1"},
    }
    return json.dumps(document).encode()
