"""A mirror that the version before columns were added has made is upgraded, and becomes whole."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from autosync.kinds import KINDS
from githubsim.testing import Sim
from tests.chaos.reader import differences
from tests.chaos.there import forget_tokens
from tests.service import ROOT, Service, free_port, imported
from tests.waiting import Told, eventually

# The last commit before kinds had versions; its migrations end with 0025.
BEFORE = "593e6e5"
KEPT = (
    "SELECT 'issues', github_issue_id::text, number::text, title FROM issues UNION ALL "
    "SELECT 'pulls', github_id::text, number::text, title FROM pull_requests UNION ALL "
    "SELECT 'commits', sha, complete::text, message FROM commits UNION ALL "
    "SELECT 'imported', github_id::text, imported_at::text, '' FROM repositories UNION ALL "
    "SELECT 'reviews', github_id::text, state, body FROM reviews UNION ALL "
    "SELECT 'comments', github_id::text, body, '' FROM issue_comments ORDER BY 1, 2"
)


def before(folder: Path) -> Path:
    """The sources of that commit."""
    command = ["git", "-C", str(ROOT), "archive", BEFORE, "packages", "manage.py"]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        reason = f"the history does not reach back to {BEFORE}: git fetch --unshallow"
        if os.environ.get("AUTOSYNC_REQUIRE_ALL"):
            raise AssertionError(reason)
        pytest.skip(reason)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    return folder / "packages" / "autosync" / "src"


def populate(sim: Sim) -> None:
    """What the new columns tell of."""
    home = sim.truth()["repositories"][0]["full_name"]
    where = {"repository": home}
    for reason in ("too heated", "off-topic", "resolved", "spam"):
        for word in ("issues", "pulls"):
            number = sim.control(f"{word}/open", where)["number"]
            sim.control("issues/lock", where | {"number": number, "reason": reason})
            sim.control("react", where | {"number": number, "content": "eyes"})
            sim.control("react", where | {"number": number, "content": "-1"})
    pull = where | {"number": sim.control("pulls/open", where)["number"]}
    sim.control("reviews/submit", pull)
    sim.control("pulls/merge", pull)
    waiting = where | {"number": sim.control("pulls/open", where)["number"]}
    sim.control("pulls/auto-merge", waiting | {"method": "squash"})


def test_a_mirror_of_the_version_before_is_upgraded_in_place_and_becomes_whole(
    tmp_path: Path,
) -> None:
    old_code = before(tmp_path)
    forget_tokens()
    with (
        Sim(repositories=2, commits=40, issues=220, pulls=8, install=False) as sim,
        ExitStack() as stack,
    ):
        populate(sim)
        service = Service(sim, free_port(), PYTHONPATH=str(old_code))
        stack.push(service)
        # Else it begins with the tables of today.
        Path(service.environment["AUTOSYNC_DATA_DIR"]).mkdir(mode=0o700)
        service.start()
        sim.control("install")
        eventually(lambda: settled(service), "all is imported", 120)
        names = {
            row[0]
            for row in service.query("SELECT name FROM django_migrations WHERE app = 'mirror'")
        }
        assert max(names) == "0025_urls_below_follow_names", "it is the older one"
        service.stop()
        del service.environment["PYTHONPATH"]

        files = "SELECT pg_relation_filenode(name) FROM unnest(ARRAY['issues', 'commits']) name"
        kept, stored = service.query(KEPT), service.query(files)
        service.run("manage.py", "migrate")
        assert service.query(KEPT) == kept
        assert service.query(files) == stored, "no table was written anew"
        assert unknown(service) == sum(row[0] in ("issues", "pulls") for row in kept)

        service.start()
        said = Told(lambda: f"read again: {service.get('/api/sync/health/')['read_again']}")
        eventually(lambda: not service.get("/api/sync/health/")["read_again"], said, 120)
        assert unknown(service) == 0
        assert service.query(KEPT) == kept, "no row is lost, and none was imported twice"
        for repository in sim.truth()["repositories"]:
            assert service.get(f"/api/repositories/{repository['id']}/")["read_again"] == []
        service.post("/api/sync/periodic/?force=true")
        differ = Told(lambda: "\n".join(map(str, differences(sim, service.query)[:10])))
        eventually(lambda: not differences(sim, service.query), differ, 90)
        told = service.query(
            "SELECT active_lock_reason, count(*) FROM github.issues "
            """WHERE reactions = '{"-1": 1, "eyes": 1}' GROUP BY 1 ORDER BY 1"""
        )
        assert told == [["off-topic", 1], ["resolved", 1], ["spam", 1], ["too heated", 1]]
        assert service.query(
            "SELECT auto_merge_method, count(*), bool_and(auto_merge_by_id IS NOT NULL) "
            "FROM github.pull_requests WHERE auto_merge_method IS NOT NULL GROUP BY 1"
        ) == [["squash", 1, True]]


def settled(service: Service) -> bool:
    """Whether all is imported, and no job is under way."""
    return imported(service) and not service.query(
        "SELECT 1 FROM sync_jobs WHERE status IN ('pending', 'running')"
    )


def unknown(service: Service) -> int:
    """Rows whose new cells are not known."""
    total = 0
    for kind in (KINDS["issue"], KINDS["pull_request"]):
        cells = [f"kind_version IS DISTINCT FROM {kind.version}", "author_association IS NULL"]
        cells += [f"{group.observed_at} IS NULL" for group in kind.merge.groups]
        where = " OR ".join(cells)
        rows: list[list[Any]] = service.query(
            f"SELECT count(*) FROM {kind.merge.table} WHERE {where}"
        )
        total += rows[0][0]
    return total
