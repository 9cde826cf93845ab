"""AutoSync in this process on an embedded PostgreSQL of its own; works with any commit's."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def use(folder: Path | str) -> None:
    """Settings of an AutoSync whose data folder this is; Django is not loaded yet."""
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "autosync.settings",
        "AUTOSYNC_DATA_DIR": str(folder),
        "AUTOSYNC_SECRET_KEY": "of the benchmark",
        "GITHUB_WEBHOOK_SECRET": "of the benchmark",
        "GITHUB_APP_ID": "1",
        "GITHUB_API_URL": "http://127.0.0.1:9",
        "DATABASE_URL": "",
    }


@contextmanager
def migrated() -> Iterator[None]:
    """Django and a migrated database, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="autosync-bench-") as folder:
        use(folder)
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        from autosync import postgres

        try:
            call_command("migrate", verbosity=0)
            yield
        finally:
            connection.close()
            postgres.release(Path(folder) / "postgres")


def make_the_repository() -> None:
    """acme/rocket, unless it is there."""
    from django.utils import timezone

    from autosync.mirror.models import GitHubAppInstallation, Repository

    now = timezone.now()
    GitHubAppInstallation.objects.get_or_create(pk=7, defaults={"observed_at": now})
    about = {"full_name": "acme/rocket", "node_id": "R_5", "observed_at": now}
    Repository.objects.get_or_create(pk=5, defaults={**about, "installation_id": 7})


def cpu() -> tuple[float, float]:
    """CPU seconds so far: of this process, and of its database session."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return time.process_time(), sum(map(int, fields[11:13])) / _TICKS
