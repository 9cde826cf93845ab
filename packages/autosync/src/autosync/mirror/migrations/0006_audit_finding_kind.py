"""The cause of a difference in a word, so that it can be counted."""

from django.db import migrations, models

# What older findings say in words.
FORWARD = """
UPDATE audit_findings SET kind = CASE
    WHEN cause LIKE '%parked' OR cause LIKE '%waiting' THEN 'late'
    WHEN cause LIKE 'deliveries about it were applied%' THEN 'bug'
    ELSE 'lost' END
"""


class Migration(migrations.Migration):
    dependencies = [("mirror", "0005_inbox_by_day")]

    operations = [
        migrations.AddField(
            model_name="auditfinding",
            name="kind",
            field=models.CharField(
                choices=[
                    ("lost", "no delivery about it came"),
                    ("late", "a delivery about it is parked or waits"),
                    ("bug", "deliveries about it were applied, and yet it differs"),
                ],
                default="lost",
                max_length=4,
            ),
        ),
        migrations.RunSQL(FORWARD, migrations.RunSQL.noop),
    ]
