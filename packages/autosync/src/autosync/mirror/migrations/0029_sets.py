"""Labels, assignees and requested reviewers as tables. Of the issues and pull requests that are here
they are not known (`sets_read` is false) until these are read again. No table is rewritten.
"""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mirror", "0028_review_threads"),
    ]

    operations = [
        migrations.AddField(
            model_name="issue",
            name="sets_read",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="pullrequest",
            name="sets_read",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.CreateModel(
            name="IssueAssignee",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("issue_number", models.IntegerField()),
                ("user_id", models.BigIntegerField()),
                ("user_login", models.CharField(blank=True, default="", max_length=255)),
                (
                    "repository",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="issue_assignees",
                        to="mirror.repository",
                    ),
                ),
            ],
            options={
                "db_table": "issue_assignees",
                "indexes": [models.Index(fields=["user_id"], name="issue_assignee_by_user")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("repository", "issue_number", "user_id"), name="issue_assignee_key"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="IssueLabel",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("issue_number", models.IntegerField()),
                ("label_node_id", models.CharField(default="", max_length=255)),
                (
                    "repository",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="issue_labels",
                        to="mirror.repository",
                    ),
                ),
            ],
            options={
                "db_table": "issue_labels",
                "indexes": [models.Index(fields=["label_node_id"], name="issue_label_by_label")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("repository", "issue_number", "label_node_id"),
                        name="issue_label_key",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RequestedReviewer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("pull_number", models.IntegerField()),
                ("reviewer_type", models.CharField(default="", max_length=16)),
                ("reviewer_id", models.BigIntegerField()),
                ("reviewer_login", models.CharField(blank=True, default="", max_length=255)),
                (
                    "repository",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="requested_reviewers",
                        to="mirror.repository",
                    ),
                ),
            ],
            options={
                "db_table": "requested_reviewers",
                "indexes": [models.Index(fields=["reviewer_id"], name="requested_reviewer_by_id")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("repository", "pull_number", "reviewer_type", "reviewer_id"),
                        name="requested_reviewer_key",
                    )
                ],
            },
        ),
    ]
