"""`manage.py sync_github`, as a crontab or a person runs it."""

from __future__ import annotations

from pathlib import Path

from githubsim.testing import Sim
from tests import template
from tests.service import SECRET, Service, differences, free_port


def test_it_does_the_work_itself_where_nothing_runs() -> None:
    world = {"repositories": 3, "commits": 60, "issues": 40, "pulls": 10, "install": False}
    with Sim(webhook_secret=SECRET, **world) as sim:  # type: ignore[arg-type]
        service = Service(sim, free_port())
        try:
            template.copy_to(Path(service.environment["AUTOSYNC_DATA_DIR"]))
            sim.control("install")
            said = service.run("manage.py", "sync_github").stdout
            assert "3 repositories" in said
            assert "0 errors" in said
            assert differences(service, sim) == {}
            refused = service.run("manage.py", "sync_github", "--repository", "a/b", check=False)
            assert refused.returncode != 0
            assert "The mirror has no repository a/b" in refused.stderr
        finally:
            service.__exit__()
