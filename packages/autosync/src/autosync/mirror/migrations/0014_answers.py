"""What GitHub cannot answer costs itself: sizes of commits, single objects, pages that are too heavy."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("mirror", "0013_sick_parts")]
    operations = [
        migrations.AddField(
            model_name="commit",
            name="size_unknown",
            field=models.TextField(blank=True, db_default="", default=""),
        ),
        migrations.AddIndex(
            model_name="commit",
            index=models.Index(
                fields=["repository"],
                name="commit_without_size",
                condition=~models.Q(size_unknown=""),
            ),
        ),
        migrations.CreateModel(
            name="PageSize",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        help_text="the list, and if only ids are asked for", max_length=64
                    ),
                ),
                ("size", models.IntegerField()),
                (
                    "good",
                    models.IntegerField(
                        default=0, help_text="pages of this size answered in a row"
                    ),
                ),
                (
                    "too_heavy",
                    models.IntegerField(help_text="the size that was not answered last"),
                ),
                ("changed_at", models.DateTimeField(auto_now=True)),
                (
                    "repository",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="page_sizes",
                        to="mirror.repository",
                    ),
                ),
            ],
            options={
                "db_table": "page_sizes",
                "constraints": [
                    models.UniqueConstraint(fields=("repository", "name"), name="page_size_of_list")
                ],
            },
        ),
        migrations.CreateModel(
            name="UnreadObject",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "resource",
                    models.CharField(help_text="issue, pull_request, …", max_length=32),
                ),
                ("key", models.BigIntegerField(help_text="GitHub's id")),
                ("node_id", models.CharField(max_length=255)),
                ("reason", models.TextField()),
                ("first_at", models.DateTimeField(auto_now_add=True)),
                ("tried_at", models.DateTimeField(auto_now=True)),
                (
                    "repository",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="unread",
                        to="mirror.repository",
                    ),
                ),
            ],
            options={
                "db_table": "unread_objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("repository", "resource", "key"), name="unread_object"
                    )
                ],
            },
        ),
    ]
