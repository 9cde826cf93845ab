"""Labels and milestones: mirrored on the objects that carry them, which their events must reach.

Renaming, recolouring or deleting one moves no object's clock; GitHub is asked for its carriers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
from django.db.models.functions import Greatest

from autosync.kinds._events import Changes, Doubt, Event, Handler, Patch
from autosync.kinds._payload import reader
from autosync.mirror.models import Repository
from autosync.mirror.upsert import Merge

if TYPE_CHECKING:
    from autosync.kinds._derived import Derived

_REPOSITORY = Merge(Repository, key=("github_id",), columns=())


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


@dataclass(frozen=True)
class CarriedLabel:
    """`label`: created, edited, deleted. The labels are in `column`.

    Payload: {"action": "edited", "label": {whole}, "changes": {"name": {"from": "bug"}}}
    """

    column: str

    def handler(self, kind: Derived) -> Handler:
        """Event → a question about all that carry the label."""

        def carriers(event: Event) -> dict[str, Any] | None:
            payload = _read(event.body).value
            changed = payload.changes or _Changes()
            if payload.label is None or not _matters(event, changed.name or changed.color):
                return None
            name = changed.name.before if changed.name else payload.label.name
            return {f"{self.column}__contains": [{"name": name}]}

        return _asking(kind, carriers)


@dataclass(frozen=True)
class CarriedMilestone:
    """`milestone`: created, opened, closed, edited, deleted. Its title is in `column`.

    Payload: {"action": "edited", "milestone": {whole}, "changes": {"title": {"from": "1.0"}}}
    """

    column: str

    def handler(self, kind: Derived) -> Handler:
        """Event → a question about all that carry the milestone."""

        def carriers(event: Event) -> dict[str, Any] | None:
            payload = _read(event.body).value
            changed = payload.changes or _Changes()
            if payload.milestone is None or not _matters(event, changed.title):
                return None
            return {self.column: changed.title.before if changed.title else payload.milestone.title}

        return _asking(kind, carriers)


def _asking(kind: Derived, carriers: Callable[[Event], dict[str, Any] | None]) -> Handler:
    def handle(event: Event) -> Changes:
        carry = carriers(event)
        if carry is None:
            return Changes()
        here = {"repository_id": event.repository_id, "deleted_at__isnull": True, **carry}
        # What carries it by now and is not here like this: see mirror.doubt.mark_renamed.
        now = {"names_changed_at": Greatest("names_changed_at", event.received_at)}
        patches = [Patch(_REPOSITORY, [event.repository_id], now)] if event.repository_id else []
        return Changes(patches=patches, doubts=[Doubt(kind.merge, here)])

    return handle


def _matters(event: Event, changed: _From | None) -> bool:
    """Whether a name changed; asking costs little where GitHub left out what happened."""
    if event.action == "edited":
        return changed is not None
    return event.action in ("deleted", "")
