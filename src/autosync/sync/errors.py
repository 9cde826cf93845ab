"""What can go wrong in the engine itself."""

from __future__ import annotations

from autosync.errors import AutoSyncError


class Busy(AutoSyncError):
    """Somebody else is at this repository right now; the job comes back in a moment."""


class UnknownRepository(AutoSyncError):
    """No such repository in the mirror, or it is no longer accessible."""
