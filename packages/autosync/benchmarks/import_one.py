"""Import of one repository of 20,000 commits and 5,000 issues: rows/s, quota, memory."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from githubsim.testing import Sim
from tests.service import SECRET, Service, descendants, differences, free_port, hook_url
from tests.waiting import eventually

COMMITS, ISSUES = 20_000, 5_000


def run() -> dict[str, Any]:
    """Install, import, compare with the simulated GitHub; nothing is counted that is not there."""
    port = free_port()
    world: dict[str, Any] = {"repositories": 1, "commits": COMMITS, "issues": ISSUES, "pulls": 0}
    with (
        Sim(**world, webhook_url=hook_url(port), webhook_secret=SECRET, install=False) as sim,
        Service(sim, port) as service,
    ):
        started = time.monotonic()
        sim.control("install")
        visible = _until(service, "SELECT count(*) FROM commits", COMMITS, started)
        issues = _until(service, "SELECT count(*) FROM issues", ISSUES, started)
        whole = _until(
            service, "SELECT count(*) FROM repositories WHERE imported_at IS NOT NULL", 1, started
        )
        wrong = differences(service, sim)
        quota = service.query(
            "SELECT resource, requests, spent FROM quota_budgets WHERE installation_id <> 0"
        )
        return {
            "rows": COMMITS + ISSUES,
            "equal_to_github": not wrong,
            "commits_visible_s": round(visible, 2),
            "issues_complete_s": round(issues, 2),
            "complete_with_commit_details_s": round(whole, 2),
            "rows_per_s": round((COMMITS + ISSUES) / max(visible, issues)),
            "requests": {resource: requests for resource, requests, _ in quota},
            "quota_points": {resource: spent for resource, _, spent in quota},
            "requests_of_a_page_by_page_reader": COMMITS // 100 + ISSUES // 100,
            "peak_memory_mb": {
                name: peak
                for pid in descendants(service.pid)
                for name, peak in [_peak(pid)]
                if name
            },
        }


def _until(service: Service, sql: str, wanted: int, started: float) -> float:
    """Seconds since `started` until the query answers `wanted`."""
    eventually(lambda: service.query(sql)[0][0] >= wanted, f"{sql} = {wanted}", 240)
    return time.monotonic() - started


def _peak(pid: int) -> tuple[str, int]:
    """What the process is and the most memory it ever held, MB; ("", 0) if it is not ours."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").split()
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return "", 0
    name = next((w for w in ("worker", "web") if f"autosync.service.{w}".encode() in command), "")
    peak = next((line.split()[1] for line in status.splitlines() if "VmHWM" in line), "0")
    return name, int(peak) // 1024
