"""One object that differs between the mirror and GitHub."""

from __future__ import annotations

from dataclasses import dataclass

from autosync.mirror.models import AuditFinding


@dataclass
class Difference:
    """An object that differs. `node_id` is empty for refs and commits."""

    resource: str
    key: str
    problem: AuditFinding.Problem
    node_id: str = ""
    repaired: bool = False
