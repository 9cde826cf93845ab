"""Drains an inbox and says what that took; runs with any commit's `autosync`.

`python -m benchmarks._backlog FOLDER DELIVERIES [BATCH]`: FOLDER keeps the embedded PostgreSQL,
DELIVERIES is a file of `_people.Kept`. Prints seconds, CPU seconds of this process and of its
database session, rows by table, and a digest of their content by table, by which two commits can be
compared.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from benchmarks._inside import cpu, use

_AT_ONCE = 500


def main() -> None:
    """Set up, store, drain, print."""
    folder, deliveries = Path(sys.argv[1]), Path(sys.argv[2])
    use(folder)
    from autosync.service.child import importing, set_up_django

    with importing():  # as the worker does
        set_up_django()
        from django.core.management import call_command

        from autosync.sync import WebhookProcessor

    call_command("migrate", verbosity=0)
    kept = msgspec.msgpack.decode(deliveries.read_bytes())
    _make_the_repositories(kept)
    _store(kept)
    del kept
    processor = WebhookProcessor()
    started, before = time.monotonic(), cpu()
    size = [int(one) for one in sys.argv[3:]]
    while processor.process_batch(*size):
        pass
    own, session = (now - then for now, then in zip(cpu(), before, strict=True))
    seconds = time.monotonic() - started
    print(
        json.dumps(
            {
                "seconds": seconds,
                "worker_cpu": own,
                "session_cpu": session,
                "statuses": _statuses(),
                "tables": _tables(),
            }
        )
    )


def _make_the_repositories(kept: list[dict[str, Any]]) -> None:
    """As after an import."""
    from django.utils import timezone

    from autosync.mirror.models import GitHubAppInstallation, Repository

    now = timezone.now()
    installations, names = {}, {}
    for one in kept:
        installations[one["repository_id"]] = one["installation_id"]
        names[one["repository_id"]] = one["full_name"]
    for pk in set(installations.values()):
        GitHubAppInstallation.objects.get_or_create(pk=pk, defaults={"observed_at": now})
    for pk, installation in installations.items():
        facts = {"full_name": names[pk], "node_id": f"R_{pk}", "observed_at": now}
        facts |= {"installation_id": installation, "imported_at": now}
        Repository.objects.get_or_create(pk=pk, defaults=facts)


def _store(kept: list[dict[str, Any]]) -> None:
    """As the receiver does, each at its moment."""
    from django.db import connection

    from autosync.mirror import inbox
    from autosync.mirror.models import Delivery

    names = ("guid", "event", "action", "installation_id", "repository_id", "body")
    for start in range(0, len(kept), _AT_ONCE):
        some = kept[start : start + _AT_ONCE]
        made = [Delivery(headers={}, **{name: one[name] for name in names}) for one in some]
        inbox.store(made, Delivery.Source.WEBHOOK)
    with connection.cursor() as cursor:
        values = [
            [one["guid"] for one in kept],
            [datetime.fromtimestamp(one["at"], UTC) for one in kept],
        ]
        for table in ("inbox", "inbox_guids"):
            cursor.execute(
                f"UPDATE {table} SET received_at = came.at "
                "FROM unnest(%s::text[], %s::timestamptz[]) AS came (guid, at) "
                f"WHERE {table}.guid = came.guid",
                values,
            )
        cursor.execute("VACUUM ANALYZE inbox")


def _statuses() -> dict[str, int]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT status, count(*) FROM inbox GROUP BY 1")
        return dict(cursor.fetchall())


def _tables() -> dict[str, list[Any]]:
    """By table: rows, and a digest of what they have of GitHub's and of whether they are gone."""
    from django.db import connection

    from autosync.kinds import RESOURCES

    merges = {one.merge.table: one.merge for one in RESOURCES}
    for merge in list(merges.values()):
        merges |= {one.members.table: one.members for one in merge.sets}
    found: dict[str, list[Any]] = {}
    with connection.cursor() as cursor:
        for table, merge in sorted(merges.items()):
            names = sorted({*merge.content, "dirty_at", "deleted_at"} & merge.fields.keys())
            own = {"dirty_at", "deleted_at"}
            row = ", ".join(f"{name} IS NULL" if name in own else name for name in names)
            key = ", ".join(merge.key)
            cursor.execute(
                "SELECT count(*), md5(string_agg(md5(one), '' ORDER BY one)) FROM "
                f"(SELECT ROW({row})::text AS one FROM {table} ORDER BY {key}) AS rows"
            )
            rows, digest = cursor.fetchone()
            if rows:
                found[table] = [rows, digest]
        cursor.execute(
            "SELECT count(*), md5(string_agg(one, '' ORDER BY one)) FROM (SELECT "
            "concat(kind, ' ', parent_id, ' ', repository_id) AS one FROM children_read) AS rows"
        )
        found["children_read"] = list(cursor.fetchone())
        cursor.execute(
            "SELECT count(*), md5(string_agg(one, '' ORDER BY one)) FROM (SELECT concat_ws(' ', "
            "kind, action, repository_id, object_key, title, actor) AS one FROM feed) AS rows"
        )
        found["feed"] = list(cursor.fetchone())
    return found


if __name__ == "__main__":
    main()
