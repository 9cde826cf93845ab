"""Rows that GraphQL may have told otherwise than REST and webhooks are asked about again.

Duplicates came as not planned, labels ended at 50 and assignees at 20, an author that is a Mannequin
had no number, Copilot another login, and bots were no assignees. Marked rows are refetched in the
background, a hundred a query, as the quota allows.
"""

from django.db import migrations

# Bots can be assigned since Copilot can (May 2025); where it is, it opens a pull request.
_MARK = """
UPDATE __TABLE__ SET dirty_at = now() WHERE deleted_at IS NULL AND dirty_at IS NULL AND (
    __ALSO__
    OR jsonb_array_length(labels) = 50
    OR jsonb_array_length(assignees) = 20
    OR (author_id IS NULL AND author_login <> '')
    OR author_login = 'copilot-swe-agent[bot]'
    OR (updated_at >= '2025-05-01' AND repository_id IN (
        SELECT repository_id FROM pull_requests
            WHERE author_login IN ('copilot-swe-agent[bot]', 'Copilot')))
)
"""


def _mark(table: str, also: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        _MARK.replace("__TABLE__", table).replace("__ALSO__", also), migrations.RunSQL.noop
    )


class Migration(migrations.Migration):
    dependencies = [("mirror", "0014_answers")]
    operations = [
        _mark("issues", "state_reason = 'not_planned'"),
        _mark("pull_requests", "merged_by_login = 'copilot-swe-agent[bot]'"),
    ]
