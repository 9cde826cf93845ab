"""From a webhook to its row and to open dashboards: 200 deliveries a second for two minutes.

Each delivery opens another issue. Ten dashboards listen to `/events/`, as the script of the page
does; drawing the line in a browser is not in the figure.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks._figures import SHARE, Meter, percentile, repeated, verdict
from benchmarks._stages import imported
from githubsim.testing import Sim
from tests.service import SECRET, Service, free_port, hook_url
from tests.waiting import eventually

_RATE, _DASHBOARDS = 200, 10
_SECONDS = max(120 / SHARE, 3)
_FIRST = 901


def run() -> dict[str, Any]:
    """Milliseconds until the row is written, and until the line arrives, for each page."""
    port = free_port()
    hook = {"webhook_url": hook_url(port), "webhook_secret": SECRET}
    with (
        Sim(repositories=2, commits=20, issues=10, pulls=2, limits=False, **hook) as sim,
        Service(sim, port) as service,
        tempfile.TemporaryDirectory(prefix="autosync-bench-") as folder,
    ):
        imported(service, 2)
        body = Path(folder) / "body.json"

        def once(number: int) -> dict[str, Any]:
            body.write_bytes(_template(sim, service, number))
            return _measured(sim, service, body, f"round-{number}")

        found = repeated(once)
    return {
        "deliveries_per_s": _RATE,
        "for_s": _SECONDS,
        "dashboards": _DASHBOARDS,
        **found,
        "verdicts": [
            verdict("row p50, ms", found["row_ms"]["p50"]["median"], 25),
            verdict("row p99, ms", found["row_ms"]["p99"]["median"], 150),
            verdict("browser p99, ms", found["browser_ms"]["p99"]["median"], 400),
        ],
    }


def _measured(sim: Sim, service: Service, body: Path, prefix: str) -> dict[str, Any]:
    module = [sys.executable, "-m"]
    watching = [*module, "benchmarks._dashboards", str(service.port), str(_DASHBOARDS)]
    with subprocess.Popen(
        watching, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as pages:
        assert pages.stdout is not None
        if pages.stdout.readline() != "open\n":
            raise RuntimeError("the dashboards do not open")
        meter = Meter(sim, service)
        sending = [*module, "benchmarks._paced", str(service.port), str(_RATE), str(_SECONDS)]
        sending += [prefix, str(body), SECRET, "issues"]
        done = subprocess.run(sending, check=True, capture_output=True, timeout=600)
        sent: dict[str, Any] = json.loads(done.stdout)
        waiting = "SELECT count(*) FROM inbox WHERE status = 'pending'"
        eventually(lambda: service.query(waiting)[0][0] == 0, "all are applied", 300)
        used = meter.read()
        time.sleep(2)
        said, _ = pages.communicate("")
    applied = dict(
        service.query(
            f"SELECT split_part(guid, '{prefix}-', 2), extract(epoch FROM finished_at)::float8 "
            f"FROM inbox WHERE guid LIKE '{prefix}-%'"
        )
    )
    rows = [applied[number] - at for number, at in sent["sent"].items()]
    lines = [
        seen[number] - at
        for seen in json.loads(said)
        for number, at in sent["sent"].items()
        if number in seen
    ]
    return {
        "row_ms": _milliseconds(rows),
        "browser_ms": _milliseconds(lines),
        "lines_that_arrived": len(lines) / (len(rows) * _DASHBOARDS),
        "refused": sent["refused"],
        "cpu_s": used["cpu_s"],
    }


def _milliseconds(values: list[float]) -> dict[str, float]:
    found = values or [0.0]
    parts = {"p50": 0.5, "p99": 0.99, "worst": 1.0}
    return {name: percentile(found, part) * 1000 for name, part in parts.items()}


def _template(sim: Sim, service: Service, number: int) -> bytes:
    """A delivery of GitHub's that opened an issue, with `@N@` where each has its own."""
    name = service.query("SELECT full_name FROM repositories WHERE removed_at IS NULL")[0][0]
    title = f"A pattern for round {number}"
    made = sim.control("issues/open", {"repository": name, "title": title})
    pattern = (
        "SELECT body FROM inbox WHERE event = 'issues' AND action = 'opened' "
        f"AND position('{title}'::bytea IN body) > 0"
    )
    found = eventually(lambda: service.query(pattern), "the pattern arrives")
    payload: dict[str, Any] = json.loads(bytes(found[0][0]))
    issue = payload["issue"]
    old = str(made["number"])
    for key, value in issue.items():
        if isinstance(value, str) and key.endswith("url"):
            issue[key] = value.replace(f"issues/{old}", f"issues/{number + 1}@N@")
    issue |= {
        "title": f"paced-@N@-{number}",
        "node_id": f"I_bench{number}_@N@",
        "id": "@ID@",
        "number": "@NUMBER@",
    }
    text = json.dumps(payload)
    for key in ("ID", "NUMBER"):
        # A number, without quotation marks: beyond those of githubsim, another in each round.
        text = text.replace(f'"@{key}@"', f"{_FIRST + number}@N@")
    return text.encode()
