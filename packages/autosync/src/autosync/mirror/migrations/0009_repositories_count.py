from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mirror", "0008_lease_resource"),
    ]

    operations = [
        migrations.AddField(
            model_name="githubappinstallation",
            name="repositories_count",
            field=models.PositiveIntegerField(
                blank=True, help_text="how many GitHub listed then", null=True
            ),
        ),
    ]
