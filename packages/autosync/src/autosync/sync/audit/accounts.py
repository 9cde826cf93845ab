"""What of an organisation itself differs between the mirror and GitHub, and its repair."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django.utils import timezone

from autosync.kinds import Derived
from autosync.mirror.doubt import IN_FLIGHT
from autosync.mirror.models import Audit, AuditFinding
from autosync.mirror.upsert import Key
from autosync.sync import account_lists
from autosync.sync.account_lists import Part
from autosync.sync.accounts import AccountSync
from autosync.sync.audit.difference import Difference
from autosync.sync.audit.findings import record_of_account, record_repairs
from autosync.sync.locks import exclusive

Problem = AuditFinding.Problem
# Until what differs is looked at once more: its event may be on its way, and no clock says so.
_LOOK_AGAIN = timedelta(seconds=2)


def audit_account(audit: Audit, sync: AccountSync, *, repair: bool) -> None:
    """Compare every kind of the account that GitHub shows, repair, and record it."""
    with exclusive("account", sync.account_id, wait=True):
        for kind in sync.readable():
            started_at = timezone.now()
            found = _differences(sync, kind)
            if found:
                time.sleep(_LOOK_AGAIN.total_seconds())
                still = {(one.key, one.problem) for one in _differences(sync, kind)}
                found = [one for one in found if (one.key, one.problem) in still]
            findings = record_of_account(audit, sync.installation, found)
            if found and repair:
                sync.sync(kind)
                left = {one.key for one in _differences(sync, kind)}
                for one in found:
                    one.repaired = one.key not in left
                record_repairs(findings, found)
            audit.found += len(found)
            audit.repaired += sum(one.repaired for one in found)
            if all(one.repaired for one in found):
                sync.cursors(kind).update(equal_at=started_at)


def _differences(sync: AccountSync, kind: Derived) -> list[Difference]:
    settled = timezone.now() - IN_FLIGHT
    here = _rows(sync, kind)
    found: list[Difference] = []
    for part in account_lists.read(kind, sync.account_id, sync.client):
        found += _in_part(sync, kind, part, here)
    # What was seen just now is as it was seen.
    return [one for one in found if here.get(one.key, {}).get("observed_at", settled) <= settled]


def _in_part(
    sync: AccountSync, kind: Derived, part: Part, here: Mapping[str, Mapping[str, Any]]
) -> list[Difference]:
    found = []
    for row in part.rows:
        name = _name(kind.merge.key_of(row))
        mine = here.get(name)
        node_id = str(row.get("node_id") or "")
        if mine is None or mine["deleted_at"] is not None:
            found.append(Difference(kind.name, name, Problem.MISSING, node_id))
        elif any(mine[column] != row[column] for column in kind.merge.governed if column in row):
            found.append(Difference(kind.name, name, Problem.STALE, node_id))
    for key in sorted(sync.gone_in(kind, part)):
        found.append(Difference(kind.name, _name(key), Problem.SURPLUS, ""))
    return found


def _rows(sync: AccountSync, kind: Derived) -> dict[str, dict[str, Any]]:
    """Name of the key → the row, deleted or not."""
    names = {*kind.merge.key, *kind.merge.governed, "observed_at", "deleted_at"}
    rows = kind.model._default_manager.filter(account_id=sync.account_id).values(*names)
    return {_name(tuple(row[name] for name in kind.merge.key)): row for row in rows}


def _name(key: Key) -> str:
    return "/".join(str(part) for part in key)
