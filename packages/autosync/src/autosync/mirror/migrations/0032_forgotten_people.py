"""People who are forgotten, as digests."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("mirror", "0029_sets")]

    operations = [
        migrations.CreateModel(
            name="ForgottenPerson",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "person",
                    models.UUIDField(
                        help_text="whose: the same for all that is known of one person"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("id", "GitHub's id of the account"),
                            ("login", "Login"),
                            ("email", "an e-mail address of commits"),
                        ],
                        max_length=8,
                    ),
                ),
                ("digest", models.CharField(max_length=64, unique=True)),
                (
                    "key",
                    models.CharField(
                        help_text="tells which key the digest was made with", max_length=16
                    ),
                ),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
            options={"db_table": "forgotten_people", "verbose_name_plural": "forgotten people"},
        ),
    ]
