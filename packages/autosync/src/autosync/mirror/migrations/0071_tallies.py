"""Counts that are kept with the rows, by triggers of whole statements: see decision 0052."""

import django.db.models.deletion
from django.db import migrations, models


def _moment(column: str) -> str:
    # Infinity has no day; what is outside of `moments.EARLIEST` and LATEST is shown as these.
    return (
        f"least(greatest(s.{column}, TIMESTAMPTZ '0001-01-02 00:00+00'), "
        "TIMESTAMPTZ '9999-12-30 00:00+00')"
    )


def _day(column: str) -> str:
    return f"({_moment(column)} AT TIME ZONE 'UTC')::date - DATE '1970-01-01'"


def _month(column: str) -> str:
    at = f"{_moment(column)} AT TIME ZONE 'UTC'"
    return f"(extract(year FROM {at})::integer - 1970) * 12 + extract(month FROM {at})::integer - 1"


def _span(column: str) -> str:
    seconds = f"extract(epoch FROM {_moment(column)} - {_moment('created_at')})"
    return f"floor(50 * ln(greatest({seconds}, 1)::float8))::integer"


_CLOSED = "s.state = 'closed' AND s.closed_at IS NOT NULL"
_MERGED = "s.merged AND s.merged_at IS NOT NULL"

# Table → what its rows count as: name, bucket, and which rows; then which rows count at all.
_COUNTED = {
    "commits": (
        [
            ("commits", "0", "true"),
            ("commits_by_day", _day("committed_at"), "s.committed_at IS NOT NULL"),
            ("commits_by_month", _month("committed_at"), "s.committed_at IS NOT NULL"),
        ],
        "s.deleted_at IS NULL",
    ),
    "refs": ([("branches", "0", "s.kind = 'branch'")], "s.deleted_at IS NULL"),
    "issues": (
        [
            ("issues", "0", "true"),
            ("open_issues", "0", "s.state = 'open'"),
            ("issues_opened", _day("created_at"), "s.created_at IS NOT NULL"),
            ("issues_closed", _day("closed_at"), _CLOSED),
            ("time_to_close", _span("closed_at"), f"{_CLOSED} AND s.created_at IS NOT NULL"),
        ],
        "s.deleted_at IS NULL",
    ),
    "pull_requests": (
        [
            ("pull_requests", "0", "true"),
            ("open_pull_requests", "0", "s.state = 'open'"),
            ("lead_time", _span("merged_at"), f"{_MERGED} AND s.created_at IS NOT NULL"),
        ],
        "s.deleted_at IS NULL",
    ),
    "contributors": ([("contributors", "0", "true")], "true"),
}


def _entries(table: str, rows: str, sign: int) -> str:
    """What each of `rows` counts as, with the number to add."""
    sorts, alive = _COUNTED[table]
    values = ", ".join(f"('{name}', {bucket}, {which})" for name, bucket, which in sorts)
    return (
        f"SELECT s.repository_id, e.name, e.bucket, {sign} AS n FROM {rows} s "
        f"CROSS JOIN LATERAL (VALUES {values}) AS e(name, bucket, counts) "
        f"WHERE {alive} AND e.counts"
    )


def _sums(entries: str) -> str:
    return (
        f"SELECT repository_id, name, bucket, sum(n) AS n FROM ({entries}) entry "
        "GROUP BY 1, 2, 3 HAVING sum(n) <> 0"
    )


def _add(entries: str, only: str = "true") -> str:
    # In one order, whoever writes.
    return (
        "INSERT INTO tallies (repository_id, name, bucket, n) "
        f"SELECT * FROM ({_sums(entries)}) added WHERE {only} ORDER BY 1, 2, 3 "
        "ON CONFLICT (repository_id, name, bucket) DO UPDATE SET n = tallies.n + EXCLUDED.n"
    )


# What goes with its repository leaves no tally behind.
_KNOWN = (
    "EXISTS (SELECT FROM tallies t WHERE t.repository_id = added.repository_id "
    "AND t.name = added.name AND t.bucket = added.bucket)"
)


def _triggers(table: str) -> str:
    new, old = _entries(table, "new_rows", 1), _entries(table, "old_rows", -1)
    lines = [
        f"CREATE FUNCTION autosync_tally_{table}() RETURNS trigger LANGUAGE plpgsql AS $$",
        "BEGIN",
        "    IF TG_OP = 'INSERT' THEN",
        "        IF EXISTS (SELECT FROM new_rows) THEN",
        f"            {_add(new)};",
        "        END IF;",
        "    ELSIF TG_OP = 'UPDATE' THEN",
        "        IF EXISTS (SELECT FROM new_rows) THEN",
        f"            {_add(f'{new} UNION ALL {old}')};",
        "        END IF;",
        "    ELSE",
        f"        {_add(old, _KNOWN)};",
        "    END IF;",
        "    RETURN NULL;",
        "END $$;",
    ]
    for operation, tables in (
        ("INSERT", "NEW TABLE AS new_rows"),
        ("UPDATE", "OLD TABLE AS old_rows NEW TABLE AS new_rows"),
        ("DELETE", "OLD TABLE AS old_rows"),
    ):
        lines.append(
            f"CREATE TRIGGER tally_{operation.lower()} AFTER {operation} ON {table} "
            f"REFERENCING {tables} FOR EACH STATEMENT EXECUTE FUNCTION autosync_tally_{table}();"
        )
    return "\n".join(lines)


def _all_entries(where: str) -> str:
    parts = (_entries(table, table, 1) + f" AND {where}" for table in _COUNTED)
    return " UNION ALL ".join(parts)


# What the rows count as in one snapshot, less what the tallies say in the same: so it may run
# while others write.
_RECOUNT = f"""
CREATE FUNCTION autosync_recount(home bigint)
RETURNS TABLE (counted varchar, kept bigint, found bigint) LANGUAGE sql AS $$
WITH actual AS (
    {_sums(_all_entries("s.repository_id = home"))}
), wrong AS (
    SELECT home AS repository_id, coalesce(a.name, t.name) AS name,
           coalesce(a.bucket, t.bucket) AS bucket, coalesce(t.n, 0) AS kept,
           coalesce(a.n, 0)::bigint AS found
    FROM actual a
    FULL JOIN (SELECT * FROM tallies WHERE repository_id = home) t
      ON t.name = a.name AND t.bucket = a.bucket
    WHERE coalesce(a.n, 0) <> coalesce(t.n, 0)
), corrected AS (
    INSERT INTO tallies (repository_id, name, bucket, n)
    SELECT repository_id, name, bucket, found - kept FROM wrong ORDER BY 1, 2, 3
    ON CONFLICT (repository_id, name, bucket) DO UPDATE SET n = tallies.n + EXCLUDED.n
)
SELECT name, kept, found FROM wrong
$$;
"""

_FORWARD = "\n".join(
    (
        # The number changes with each row: its page keeps room for the next version of it.
        "ALTER TABLE tallies SET (fillfactor = 70);",
        *map(_triggers, _COUNTED),
        _RECOUNT,
        _add(_all_entries("true")) + ";",
    )
)
_BACKWARD = "\n".join(
    (
        "DROP FUNCTION autosync_recount(bigint);",
        *(f"DROP FUNCTION autosync_tally_{table}() CASCADE;" for table in _COUNTED),
    )
)


class Migration(migrations.Migration):
    dependencies = [
        ("mirror", "0067_width"),
    ]

    operations = [
        migrations.CreateModel(
            name="Tally",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "repository_id",
                        "name",
                        "bucket",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("name", models.CharField(help_text="one of `Counted`", max_length=24)),
                ("bucket", models.IntegerField()),
                ("n", models.BigIntegerField(help_text="rows; 0 is the same as no tally")),
                (
                    "repository",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="mirror.repository",
                    ),
                ),
            ],
            options={"db_table": "tallies"},
        ),
        migrations.RunSQL(_FORWARD, _BACKWARD),
        migrations.AddIndex(
            model_name="contributor",
            index=models.Index(fields=["-contributions"], name="contributor_of_all"),
        ),
    ]
