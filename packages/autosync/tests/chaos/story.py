"""What the mirror knows of a repository that differs: for whoever looks into a failed storm."""

from __future__ import annotations

import sys

from tests.chaos.here import Query

_PARTS = {
    "repository": "SELECT full_name, installation_id, observed_at, dirty_at, deleted_at, "
    "removed_at, imported_at, last_synced_at, sync_state, sync_error, updated_at "
    "FROM repositories WHERE github_id = {id}",
    "installations": "SELECT github_id, account_login, deleted_at, suspended_at, observed_at, "
    "repositories_listed_at, sync_error FROM installations ORDER BY 1",
    "cursors": "SELECT resource, state, watermark, error FROM resource_cursors "
    "WHERE repository_id = {id}",
    "its deliveries": "SELECT id, source, event, action, installation_id, status, error, "
    "received_at, finished_at FROM inbox WHERE repository_id = {id} ORDER BY id DESC LIMIT 25",
    "deliveries of installations": "SELECT id, source, event, action, installation_id, status, "
    "error, received_at, finished_at FROM inbox WHERE event LIKE 'installation%' "
    "ORDER BY id DESC LIMIT 40",
    "quota": 'SELECT installation_id, resource, "limit", remaining, used, reset_at, blocked_until, '
    "blocked_reason, requests, spent FROM quota_budgets ORDER BY 1, 2",
    "tasks under way": "SELECT id, task_name, queueing_lock, status, attempts, scheduled_at "
    "FROM procrastinate_jobs WHERE status IN ('todo', 'doing', 'failed') ORDER BY id DESC LIMIT 25",
}


def tell(query: Query, repository_id: int) -> None:
    """Print it to stderr."""
    for name, sql in _PARTS.items():
        print(f"-- {name} ({repository_id})", file=sys.stderr)
        for row in query(sql.format(id=repository_id)):
            print("  ", *(str(value)[:60] for value in row), sep=" | ", file=sys.stderr)
