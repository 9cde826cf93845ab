"""An index for the first order of each list, made beside what is read and written meanwhile."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

# Model → the columns of its order.
_ORDERS = {
    "issuecomment": ["-updated_at", "-github_id"],
    "label": ["name", "github_id"],
    "milestone": ["-updated_at", "-github_id"],
    "release": ["-published_at", "-github_id"],
    "releaseasset": ["-created_at", "-github_id"],
    "review": ["-submitted_at", "-github_id"],
    "reviewcomment": ["-updated_at", "-github_id"],
    "star": ["-starred_at", "-id"],
}
_WORDS = {
    "issuecomment": "issue_comment",
    "releaseasset": "release_asset",
    "reviewcomment": "review_comment",
}


class _Anew(AddIndexConcurrently):
    """Without one that a killed migration left, which is not valid and in the way."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {self.index.name}")
        super().database_forwards(app_label, schema_editor, from_state, to_state)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("mirror", "0035_commit_files")]
    operations = [
        _Anew(model, models.Index(fields=fields, name=f"{_WORDS.get(model, model)}_by_list"))
        for model, fields in _ORDERS.items()
    ]
