"""What GitHub refuses or has switched off, and repositories that fail: since when, and when again."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("mirror", "0012_news")]
    operations = [
        migrations.AddField(
            model_name="audit",
            name="left_out",
            field=models.TextField(
                blank=True,
                default="",
                help_text="repositories that could not be compared, each with its cause",
            ),
        ),
        migrations.AddField(
            model_name="repository",
            name="has_pull_requests",
            field=models.BooleanField(default=True),
        ),
        migrations.AddField(
            model_name="repository",
            name="failures",
            field=models.PositiveIntegerField(
                default=0, help_text="syncs in a row that failed while GitHub answered others"
            ),
        ),
        migrations.AddField(
            model_name="repository",
            name="failing_since",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="repository",
            name="retry_at",
            field=models.DateTimeField(
                blank=True, help_text="its own next try, beside the periodic sync", null=True
            ),
        ),
        migrations.AddField(
            model_name="resourcecursor",
            name="unavailable",
            field=models.CharField(
                blank=True,
                default="",
                help_text="off, permission, saml, ip_allow_list, blocked or refused; empty: readable",
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="resourcecursor",
            name="unavailable_reason",
            field=models.TextField(blank=True, default=""),
        ),
        migrations.AddField(
            model_name="resourcecursor",
            name="unavailable_since",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="repository",
            index=models.Index(
                condition=models.Q(("retry_at__isnull", False)),
                fields=["retry_at"],
                name="repository_retry",
            ),
        ),
    ]
