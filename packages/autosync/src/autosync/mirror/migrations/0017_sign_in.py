"""Tokens may expire; failed sign-ins are counted in a table, by the digest of their address."""

from django.db import migrations, models

# What `createcachetable` makes, which no test database and no `autosync migrate` would run.
MAKE = """
CREATE TABLE sign_in_failures (
    cache_key varchar(255) NOT NULL PRIMARY KEY,
    value text NOT NULL,
    expires timestamp with time zone NOT NULL
);
CREATE INDEX sign_in_failures_expires ON sign_in_failures (expires);
"""


class Migration(migrations.Migration):
    dependencies = [("mirror", "0016_odd_data")]

    operations = [
        migrations.AddField("apitoken", "expires_at", models.DateTimeField(blank=True, null=True)),
        migrations.RunSQL(MAKE, "DROP TABLE sign_in_failures"),
    ]
