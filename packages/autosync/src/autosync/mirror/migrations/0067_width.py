from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mirror", "0071_tallies"),
    ]

    operations = [
        migrations.AddField(
            model_name="quotabudget",
            name="minute",
            field=models.DateTimeField(help_text="the minute of the last request", null=True),
        ),
        migrations.AddField(
            model_name="quotabudget",
            name="narrowed_at",
            field=models.DateTimeField(help_text="when GitHub pushed back last", null=True),
        ),
        migrations.AddField(
            model_name="quotabudget",
            name="sent",
            field=models.IntegerField(db_default=0, default=0, help_text="requests sent in it"),
        ),
        migrations.AddField(
            model_name="quotabudget",
            name="sent_before",
            field=models.IntegerField(db_default=0, default=0, help_text="and in the one before"),
        ),
        migrations.AddField(
            model_name="quotabudget",
            name="width",
            field=models.FloatField(
                help_text="requests at once since GitHub pushed back; null: AUTOSYNC_MAX_REQUESTS",
                null=True,
            ),
        ),
    ]
