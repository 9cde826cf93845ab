"""The files that commits changed. Of what is mirrored already they are read in the background."""

import django.db.models.deletion
from django.db import migrations, models

# Also of repositories that are too large: their cursor is then done at once.
_TO_READ = """
INSERT INTO resource_cursors
    (repository_id, resource, state, cursor, done, error, unavailable, unavailable_reason,
     touched_at)
SELECT repository_id, 'commit_file', 'running', '', 0, '', '', '', now()
FROM resource_cursors WHERE resource = 'commit'
ON CONFLICT DO NOTHING
"""


class Migration(migrations.Migration):
    dependencies = [
        ("mirror", "0034_quota_per_kind"),
    ]

    operations = [
        migrations.AddField(
            model_name="commit",
            name="files_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name="CommitFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("position", models.IntegerField(help_text="git's order, from 0")),
                ("path", models.TextField(help_text="a byte that is not UTF-8 is \\xNN")),
                ("previous_path", models.TextField(blank=True, default="")),
                ("status", models.CharField(max_length=16)),
                ("additions", models.IntegerField(blank=True, help_text="null: binary", null=True)),
                ("deletions", models.IntegerField(blank=True, help_text="null: binary", null=True)),
                (
                    "commit",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="files",
                        to="mirror.commit",
                    ),
                ),
                (
                    "repository",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="mirror.repository",
                    ),
                ),
            ],
            options={
                "db_table": "commit_files",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("commit", "position"), name="commit_file_identity"
                    )
                ],
            },
        ),
        migrations.RunSQL(_TO_READ, migrations.RunSQL.noop),
    ]
