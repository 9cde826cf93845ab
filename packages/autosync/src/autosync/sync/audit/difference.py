"""An object that is not the same here and at GitHub."""

from __future__ import annotations

from dataclasses import dataclass

from autosync.mirror.models import AuditFinding

Problem = AuditFinding.Problem


@dataclass
class Difference:
    """An object that differs. `node_id` is empty for refs and commits. Of a set that differs, key
    and node id are those of the object that carries it, which is of the kind `carrier`. What
    `waits` is no fault: no event brings it, and it is known to be read, or came since it was.
    """

    resource: str
    key: str
    problem: Problem
    node_id: str = ""
    repaired: bool = False
    carrier: str = ""
    waits: bool = False
