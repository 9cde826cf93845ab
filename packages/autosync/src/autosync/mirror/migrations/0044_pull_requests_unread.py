"""The index behind the question which pull requests git is to be asked about, made beside what is
read and written meanwhile.
"""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import F, Q


class _Anew(AddIndexConcurrently):
    """Without one that a killed migration left, which is not valid and in the way."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {self.index.name}")
        super().database_forwards(app_label, schema_editor, from_state, to_state)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("mirror", "0043_commits_of_pull_requests")]
    operations = [
        _Anew(
            "pullrequest",
            models.Index(
                fields=["repository"],
                name="pull_request_unread",
                condition=(
                    Q(deleted_at__isnull=True)
                    & ~Q(read_base_sha=F("base_sha"), read_head_sha=F("head_sha"))
                )
                | (Q(deleted_at__isnull=False) & ~Q(read_head_sha="")),
            ),
        )
    ]
