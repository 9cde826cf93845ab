"""A milestone is known by its number, and what is in doubt is found without reading the table.

`names_changed_at`: an event that comes late may show labels and milestones under the names they
had; whether any was renamed since is known here.
"""

from django.db import migrations, models

IN_DOUBT = models.Q(dirty_at__isnull=False)


class Migration(migrations.Migration):
    dependencies = [("mirror", "0010_head_follows_its_repository")]
    operations = [
        migrations.AddField(
            model_name="issue",
            name="milestone_number",
            field=models.IntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="pullrequest",
            name="milestone_number",
            field=models.IntegerField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="repository",
            name="names_changed_at",
            field=models.DateTimeField(
                blank=True,
                help_text="an event said then that a label or a milestone was renamed or deleted",
                null=True,
            ),
        ),
        migrations.AddIndex(
            model_name="issue",
            index=models.Index(fields=["dirty_at"], name="issue_in_doubt", condition=IN_DOUBT),
        ),
        migrations.AddIndex(
            model_name="pullrequest",
            index=models.Index(
                fields=["dirty_at"], name="pull_request_in_doubt", condition=IN_DOUBT
            ),
        ),
    ]
