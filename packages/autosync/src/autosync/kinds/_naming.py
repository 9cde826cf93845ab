"""Labels and milestones: mirrored on the issues that carry them, which their events must reach.

Renaming, recolouring or deleting one moves no issue's clock; GitHub is asked for those that had it.
"""

from __future__ import annotations

from typing import Any

import msgspec
from django.db.models.functions import Greatest

from autosync.kinds._events import Changes, Doubt, Event, Patch
from autosync.kinds._payload import reader
from autosync.kinds.repository import MERGE as REPOSITORY
from autosync.mirror.models import Issue, PullRequest


class _Named(msgspec.Struct):
    name: str = ""  # a label's
    title: str = ""  # a milestone's


class _From(msgspec.Struct):
    before: str = msgspec.field(name="from", default="")


class _Changes(msgspec.Struct):
    name: _From | None = None
    title: _From | None = None
    color: _From | None = None


class _Event(msgspec.Struct):
    label: _Named | None = None
    milestone: _Named | None = None
    changes: _Changes | None = None


_read = reader(_Event)


def on_label(event: Event) -> Changes:
    """created, edited, deleted.

    Payload: {"action": "edited", "label": {whole}, "changes": {"name": {"from": "bug"}}}
    """
    payload = _read(event.body).value
    changed = payload.changes or _Changes()
    if payload.label is None or not _matters(event, changed.name or changed.color):
        return Changes()
    name = changed.name.before if changed.name else payload.label.name
    return _ask(event, {"labels__contains": [{"name": name}]})


def on_milestone(event: Event) -> Changes:
    """created, opened, closed, edited, deleted.

    Payload: {"action": "edited", "milestone": {whole}, "changes": {"title": {"from": "1.0"}}}
    """
    payload = _read(event.body).value
    changed = payload.changes or _Changes()
    if payload.milestone is None or not _matters(event, changed.title):
        return Changes()
    title = changed.title.before if changed.title else payload.milestone.title
    return _ask(event, {"milestone": title})


def _matters(event: Event, changed: _From | None) -> bool:
    """Whether a name changed; asking costs little where GitHub left out what happened."""
    if event.action == "edited":
        return changed is not None
    return event.action in ("deleted", "")


def _ask(event: Event, where: dict[str, Any]) -> Changes:
    here = {"repository_id": event.repository_id, "deleted_at__isnull": True, **where}
    # What carries it by now and is not here yet, or not like this: see mirror.doubt.mark_renamed.
    now = {"names_changed_at": Greatest("names_changed_at", event.received_at)}
    patches = [Patch(REPOSITORY, [event.repository_id], now)] if event.repository_id else []
    return Changes(patches=patches, doubts=[Doubt(Issue, here), Doubt(PullRequest, here)])
