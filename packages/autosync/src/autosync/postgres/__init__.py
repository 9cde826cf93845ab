"""The embedded PostgreSQL: started when the first process needs it, stopped with the last one."""

from autosync.postgres.errors import EmbeddedPostgresError, NoCluster, NotInstalled
from autosync.postgres.lease import ensure_running, forbid_new, release, require, without_a_thread

__all__ = [
    "EmbeddedPostgresError",
    "NoCluster",
    "NotInstalled",
    "ensure_running",
    "forbid_new",
    "release",
    "require",
    "without_a_thread",
]
