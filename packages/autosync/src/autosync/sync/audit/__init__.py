"""Audits: compare the mirror with GitHub at the least cost and repair what differs."""

from autosync.sync.audit.auditor import Auditor

__all__ = ["Auditor"]
