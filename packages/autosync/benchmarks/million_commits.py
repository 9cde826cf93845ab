"""1,000,000 commits in one repository: from the clone to complete rows, and the worker's memory."""

from __future__ import annotations

from typing import Any

from benchmarks._figures import SHARE, repeated, scaled, verdict
from benchmarks._stages import imported_once, only_kinds
from githubsim.testing import Sim
from tests.service import SECRET, free_port, hook_url


def run() -> dict[str, Any]:
    """Commits per second, sizes included; and on a third of them, since memory must be flat."""
    sizes = {"third": scaled(1_000_000, 300) // 3, "whole": scaled(1_000_000, 300)}
    found = {name: _measured(commits) for name, commits in sizes.items()}
    whole, third = found["whole"], found["third"]
    grown = whole["peak_worker_mb"]["median"] / third["peak_worker_mb"]["median"]
    return {
        "before": {"commits_per_s": 8300, "peak_worker_mb": 126, "commits": 300_000},
        "share": SHARE,
        **found,
        "verdicts": [
            verdict("commits/s", whole["commits_per_s"]["median"], 15_000, most=False),
            verdict("MB", whole["peak_worker_mb"]["median"], 200),
            verdict("MB, of those on a third", grown, 1.15),
        ],
    }


def _measured(commits: int) -> dict[str, Any]:
    port = free_port()
    world: dict[str, Any] = {"repositories": 1, "commits": commits, "issues": 0, "pulls": 0}
    hook = {"webhook_url": hook_url(port), "webhook_secret": SECRET}
    with Sim(**world, **hook, limits=False, install=False, start_timeout=3600) as sim:
        kinds = {"AUTOSYNC_KINDS": only_kinds()["AUTOSYNC_KINDS"]}
        sim.control("install")

        def once(_: int) -> dict[str, Any]:
            used = imported_once(sim, port, 1, **kinds)
            return used | {"commits": commits, "commits_per_s": commits / used["seconds"]}

        return repeated(once)
