"""The commits and files of pull requests. Of what is mirrored already they are read in the
background.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mirror", "0037_versions_of_kinds"),
    ]

    operations = [
        migrations.CreateModel(
            name="PullRequestCommit",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("pull_request_number", models.IntegerField()),
                ("position", models.IntegerField()),
                ("sha", models.CharField(max_length=64)),
                ("message", models.TextField(blank=True, default="")),
                ("author_name", models.TextField(blank=True, default="")),
                ("author_email", models.TextField(blank=True, default="")),
                ("authored_at", models.DateTimeField()),
                ("committed_at", models.DateTimeField()),
            ],
            options={
                "db_table": "pull_request_commits",
            },
        ),
        migrations.CreateModel(
            name="PullRequestFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("pull_request_number", models.IntegerField()),
                ("position", models.IntegerField()),
                ("path", models.TextField()),
                ("previous_path", models.TextField(blank=True, default="")),
                ("status", models.CharField(max_length=16)),
                ("additions", models.IntegerField(blank=True, null=True)),
                ("deletions", models.IntegerField(blank=True, null=True)),
            ],
            options={
                "db_table": "pull_request_files",
            },
        ),
        migrations.AddField(
            model_name="pullrequest",
            name="git_unknown",
            field=models.TextField(
                db_default="",
                default="",
                help_text="Why git does not know its commits and files; empty if it does.",
            ),
        ),
        migrations.AddField(
            model_name="pullrequest",
            name="read_base_sha",
            field=models.CharField(
                db_default="",
                default="",
                help_text="The base with which git compared it; empty if it did not.",
                max_length=64,
            ),
        ),
        migrations.AddField(
            model_name="pullrequest",
            name="read_head_sha",
            field=models.CharField(
                db_default="",
                default="",
                help_text="The head of which its commits and files are; empty if they were not read.",
                max_length=64,
            ),
        ),
        migrations.AddField(
            model_name="pullrequestcommit",
            name="repository",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="mirror.repository",
            ),
        ),
        migrations.AddField(
            model_name="pullrequestfile",
            name="repository",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="mirror.repository",
            ),
        ),
        migrations.AddIndex(
            model_name="pullrequestcommit",
            index=models.Index(fields=["repository", "sha"], name="pull_request_commit_by_sha"),
        ),
        migrations.AddConstraint(
            model_name="pullrequestcommit",
            constraint=models.UniqueConstraint(
                fields=("repository", "pull_request_number", "position"),
                name="pull_request_commit_identity",
            ),
        ),
        migrations.AddConstraint(
            model_name="pullrequestfile",
            constraint=models.UniqueConstraint(
                fields=("repository", "pull_request_number", "position"),
                name="pull_request_file_identity",
            ),
        ),
    ]
