"""An object that is not the same here and at GitHub."""

from __future__ import annotations

from dataclasses import dataclass

from autosync.mirror.models import AuditFinding

Problem = AuditFinding.Problem


@dataclass
class Difference:
    """An object that differs. `node_id` is empty for refs and commits."""

    resource: str
    key: str
    problem: Problem
    node_id: str = ""
    repaired: bool = False
