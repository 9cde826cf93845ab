"""The embedded PostgreSQL: started when the first process needs it, stopped with the last one."""

from autosync.postgres.errors import EmbeddedPostgresError
from autosync.postgres.lease import ensure_running, release

__all__ = ["EmbeddedPostgresError", "ensure_running", "release"]
