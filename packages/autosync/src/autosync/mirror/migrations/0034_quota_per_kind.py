"""What requests cost per kind of object, and which kinds are left out."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("mirror", "0033_account_cursors")]

    operations = [
        migrations.CreateModel(
            name="KindLeftOut",
            fields=[
                ("name", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("since", models.DateTimeField()),
            ],
            options={"db_table": "kinds_left_out"},
        ),
        migrations.CreateModel(
            name="QuotaDelta",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField()),
                ("installation_id", models.BigIntegerField()),
                ("resource", models.CharField(max_length=16)),
                ("kind", models.CharField(max_length=32)),
                ("requests", models.FloatField()),
                ("points", models.FloatField()),
            ],
            options={"db_table": "quota_deltas"},
        ),
        migrations.CreateModel(
            name="QuotaUse",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("day", models.DateField(help_text="in UTC")),
                (
                    "installation_id",
                    models.BigIntegerField(help_text="0: requests made as the App itself"),
                ),
                (
                    "resource",
                    models.CharField(help_text="core (REST) or graphql", max_length=16),
                ),
                (
                    "kind",
                    models.CharField(help_text="issue, commit, …; other: of none", max_length=32),
                ),
                ("requests", models.FloatField(default=0)),
                ("points", models.FloatField(default=0)),
            ],
            options={"db_table": "quota_uses"},
        ),
        migrations.AddConstraint(
            model_name="quotause",
            constraint=models.UniqueConstraint(
                fields=("day", "installation_id", "resource", "kind"), name="quota_use"
            ),
        ),
    ]
