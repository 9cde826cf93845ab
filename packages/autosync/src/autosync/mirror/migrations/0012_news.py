"""What moved is asked for in one query per hundred repositories: nothing rests on ETags any more."""

from django.db import migrations, models

ALIVE = models.Q(deleted_at__isnull=True)


class Migration(migrations.Migration):
    dependencies = [("mirror", "0011_known_by_number")]
    operations = [
        migrations.DeleteModel(name="HttpValidator"),
        migrations.AddField(
            model_name="syncjobrepository",
            name="moved",
            field=models.JSONField(
                blank=True,
                help_text="resources that GitHub said had changed; null: read all",
                null=True,
            ),
        ),
        migrations.AddIndex(
            model_name="issue",
            index=models.Index(fields=["repository"], name="issue_alive", condition=ALIVE),
        ),
        migrations.AddIndex(
            model_name="pullrequest",
            index=models.Index(fields=["repository"], name="pull_request_alive", condition=ALIVE),
        ),
        migrations.AddIndex(
            model_name="commit",
            index=models.Index(
                fields=["repository"],
                name="commit_incomplete",
                condition=models.Q(complete=False, orphaned_at__isnull=True),
            ),
        ),
    ]
