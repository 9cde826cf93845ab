"""The inbox by days: made ahead, dropped whole, and never a reason to refuse a delivery."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from importlib import import_module

import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.utils import timezone

from autosync.mirror import partitions
from autosync.mirror.inbox import known, store, with_guid
from autosync.mirror.models import Delivery, DeliveryGuid
from autosync.sync.retention import keep_inbox
from tests.integration.api_rows import delivery

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)


def midnight() -> datetime:
    return partitions.database_now().replace(hour=0, minute=0, second=0, microsecond=0)


def incoming(guid: str) -> Delivery:
    return Delivery(guid=guid, event="issues", headers={"X-GitHub-Event": "issues"}, body=b"{}")


def execute(sql: str, *parameters: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def ask(sql: str, *parameters: object) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall()


def lies_in(row: Delivery) -> object:
    return ask("SELECT tableoid::regclass::text FROM inbox WHERE id = %s", row.pk)[0][0]


def make_day(first: datetime) -> str:
    name = f"inbox_{first:%Y%m%d}"
    execute(
        f"CREATE TABLE {name} PARTITION OF inbox FOR VALUES FROM ('{first.isoformat()}') "
        f"TO ('{(first + DAY).isoformat()}')"
    )
    return name


@pytest.fixture(autouse=True)
def _only_the_coming_days() -> Iterator[None]:
    """Each test begins and ends with today and the days after it, and nothing else."""
    yield
    execute("TRUNCATE inbox, inbox_guids")
    for day in partitions.days():
        if day.until <= midnight():
            execute(f"DROP TABLE {day.name}")
    partitions.make_ahead()


@contextmanager
def another_session(sql: str) -> Iterator[None]:
    """Somebody in the middle of a transaction that has done `sql`."""
    begun, go = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            execute(sql)
            begun.set()
            go.wait(30)
        connections.close_all()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert begun.wait(30)
        yield
    finally:
        go.set()
        thread.join()


def test_today_and_a_week_are_there_after_the_migration_and_once() -> None:
    there = [day.since for day in partitions.days()]
    assert there == [midnight() + n * DAY for n in range(partitions.AHEAD + 1)]
    assert partitions.make_ahead() == []


def test_a_delivery_lies_in_its_day_and_is_found_by_its_guid() -> None:
    assert store([incoming("a"), incoming("b"), incoming("a")], "webhook") == {"a", "b"}
    row = Delivery.objects.get(with_guid("a"))
    assert lies_in(row) == f"inbox_{row.received_at:%Y%m%d}"
    plan = Delivery.objects.filter(with_guid("a")).explain(analyze=True)
    assert plan.count("never executed") >= partitions.AHEAD  # one day is looked into
    assert "Seq Scan on inbox" not in plan


def test_a_guid_counts_once_over_all_days() -> None:
    yesterday = delivery(guid="again", received_at=midnight() - DAY / 2)
    assert store([incoming("again"), incoming("new")], "webhook") == {"new"}
    assert Delivery.objects.filter(guid="again").get() == yesterday
    assert known(["again", "new", "other"]) == {"again", "new"}


def test_nothing_gets_into_the_inbox_past_its_guid() -> None:
    with pytest.raises(IntegrityError, match="id"):
        Delivery.objects.create(guid="past", event="issues", body=b"{}")


def test_two_who_store_one_guid_at_once_store_it_once() -> None:
    """The second waits for the first one's commit, whatever day either writes to."""
    found: list[set[str]] = []

    def second() -> None:
        found.append(store([incoming("both"), incoming("mine")], "delivery_log"))
        connections.close_all()

    thread = threading.Thread(target=second)
    with transaction.atomic():
        assert store([incoming("both")], "webhook") == {"both"}
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
    thread.join()
    assert found == [{"mine"}]
    assert Delivery.objects.get(guid="both").source == "webhook"


def test_without_any_day_nothing_is_refused_and_the_next_days_are_made() -> None:
    for day in partitions.days():
        execute(f"DROP TABLE {day.name}")
    assert store([incoming("homeless")], "webhook") == {"homeless"}
    row = Delivery.objects.get(guid="homeless")
    assert lies_in(row) == "inbox_default"
    # Today's rows stay where they are; tomorrow has its own day again.
    assert len(partitions.make_ahead()) == partitions.AHEAD
    assert partitions.make_ahead() == []
    row.refresh_from_db()


@pytest.mark.parametrize("years", [-40, 40])
def test_whatever_the_clock_says_a_delivery_is_stored(years: int) -> None:
    moment = timezone.now() + years * 365 * DAY
    row = delivery(guid="odd", received_at=moment)
    assert lies_in(row) == "inbox_default"
    assert Delivery.objects.get(with_guid("odd")) == row


def test_a_day_past_its_time_is_dropped_whole() -> None:
    old, new = midnight() - 15 * DAY, midnight() - 14 * DAY
    names = [make_day(old), make_day(new)]
    done = {"status": "applied", "finished_at": timezone.now()}
    for n in range(3):
        delivery(guid=f"old-{n}", received_at=old + n * DAY / 4, **done)
    kept = delivery(guid="new", received_at=new + DAY / 2, **done)
    assert keep_inbox(14) == names[:1]
    assert [row.pk for row in Delivery.objects.all()] == [kept.pk]
    assert ask("SELECT to_regclass(%s)", names[0]) == [(None,)]
    # The delivery is gone, and so is the memory of it: GitHub forgot it eleven days before.
    assert known(["old-0", "new"]) == {"new"}


def test_a_guid_is_remembered_longer_than_github_may_send_it_again() -> None:
    day = midnight() - 3 * DAY
    make_day(day)
    delivery(guid="short", received_at=day + DAY / 2, status="applied", finished_at=day + DAY)
    assert keep_inbox(1) != []
    assert not Delivery.objects.exists()
    assert store([incoming("short")], "webhook") == set()
    assert known(["short"]) == {"short"}


def test_what_waits_or_is_parked_outlives_its_day_unchanged() -> None:
    day = midnight() - 20 * DAY
    make_day(day)
    at = day + DAY / 2
    parked = delivery(guid="parked", received_at=at, status="parked", error="boom", attempts=8)
    waiting = delivery(guid="waiting", received_at=at)
    delivery(guid="done", received_at=at, status="applied", finished_at=at)
    before = {row.pk: row for row in (parked, waiting)}
    assert len(keep_inbox(14)) == 1
    for row in Delivery.objects.all():
        was = before.pop(row.pk)
        assert (row.guid, row.status, row.error, row.received_at, bytes(row.body)) == (
            was.guid, was.status, was.error, was.received_at, bytes(was.body),
        )  # fmt: skip
        assert lies_in(row) == "inbox_default"
    assert not before
    # Their GUIDs stay with them, and lead to them.
    assert Delivery.objects.get(with_guid("parked")) == parked
    # Once finished they are kept as long as others, then deleted.
    Delivery.objects.update(status="applied", finished_at=timezone.now())
    keep_inbox(14)
    assert Delivery.objects.count() == 2
    Delivery.objects.update(finished_at=timezone.now() - 15 * DAY)
    keep_inbox(14)
    assert not DeliveryGuid.objects.exists()
    assert not Delivery.objects.exists()


def test_a_day_with_many_unapplied_deliveries_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partitions, "CARRIED", 2)
    day = midnight() - 20 * DAY
    make_day(day)
    for n in range(3):
        delivery(guid=f"many-{n}", received_at=day + DAY / 2)
    assert keep_inbox(14) == []
    assert Delivery.objects.count() == 3


def test_a_kill_between_detaching_and_dropping_leaves_nothing_behind() -> None:
    name = make_day(midnight() - 20 * DAY)
    execute(f"ALTER TABLE inbox DETACH PARTITION {name}")
    keep_inbox(14)
    assert ask("SELECT to_regclass(%s)", name) == [(None,)]


def test_a_long_transaction_delays_the_drop_and_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(partitions, "_PAUSE", 0.01)
    name = make_day(midnight() - 20 * DAY)
    with another_session("SELECT * FROM inbox LIMIT 1"):
        assert keep_inbox(14) == []
        assert store([incoming("meanwhile")], "webhook") == {"meanwhile"}
    assert keep_inbox(14) == [name]


def test_days_are_made_while_somebody_stores() -> None:
    last = partitions.days()[-1]
    execute(f"DROP TABLE {last.name}")
    insert = "INSERT INTO inbox_guids (guid, delivery_id) VALUES ('x', 1)"
    with another_session(f"{insert}; INSERT INTO inbox (id, guid, event, action, headers, body, "
                         "source) VALUES (1, 'x', 'push', '', '{}', '', 'webhook')"):  # fmt: skip
        assert partitions.make_ahead() == [last.name]
    assert Delivery.objects.get(guid="x")


def _shape() -> dict[str, object]:
    """All there is to know of the inbox's tables but which days there are."""
    tables = "('inbox', 'inbox_guids', 'inbox_default', 'inbox_before')"
    return {
        "columns": ask(
            "SELECT table_name, column_name, ordinal_position, data_type, is_nullable, "
            "column_default, character_maximum_length FROM information_schema.columns "
            "WHERE table_name IN ('inbox', 'inbox_guids', 'inbox_default') ORDER BY 1, 3"
        ),
        "indexes": ask(
            "SELECT indexname, indexdef FROM pg_indexes "
            "WHERE tablename IN ('inbox', 'inbox_guids', 'inbox_default') ORDER BY 1"
        ),
        "constraints": ask(
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) "
            "FROM pg_constraint WHERE conrelid IN (to_regclass('inbox'), "
            "to_regclass('inbox_guids'), to_regclass('inbox_default')) ORDER BY 1, 2"
        ),
        "partitioned": ask(
            f"SELECT relname, pg_get_partkeydef(oid) FROM pg_class WHERE relname IN {tables} "
            "AND relkind = 'p'"
        ),
    }


def test_an_inbox_from_before_keeps_its_rows_and_becomes_the_same() -> None:
    fresh = _shape()
    try:
        _back_to_the_plain_table()
        now, ahead = timezone.now(), midnight() + 400 * DAY
        rows = [("old", now - 13 * DAY, "applied"), ("parked", now - 60 * DAY, "parked"),
                ("now", now, "pending"), ("ahead", ahead, "applied")]  # fmt: skip
        for guid, at, status in rows:
            execute(
                "INSERT INTO inbox (guid, event, action, headers, body, source, received_at, "
                "status) VALUES (%s, 'push', '', '{\"a\": 1}', %s, 'webhook', %s, %s)",
                guid, guid.encode(), at, status,
            )  # fmt: skip
        before = ask("SELECT id, guid, body, headers, status, received_at FROM inbox ORDER BY id")
        _divide()
        assert _shape() == fresh
        kept = ask("SELECT id, guid, body, headers, status, received_at FROM inbox ORDER BY id")
        assert kept == before
        assert ask("SELECT guid, delivery_id, received_at FROM inbox_guids ORDER BY 2") == [
            (guid, pk, at) for pk, guid, _, _, _, at in before
        ]
        # The next delivery gets the next id; a GUID from before is still known.
        assert store([incoming("old"), incoming("next")], "webhook") == {"next"}
        newest = Delivery.objects.get(guid="next")
        assert newest.pk > max(int(str(row[0])) for row in before)
        assert lies_in(newest) == "inbox_before"
        assert lies_in(Delivery.objects.get(guid="ahead")) == "inbox_default"
        indexes = ask("SELECT count(*) FROM pg_indexes WHERE tablename = 'inbox_before'")
        assert indexes == ask("SELECT count(*) FROM pg_indexes WHERE tablename = 'inbox_default'")
        # It is dropped whole when its last day is too old; what is parked is carried over.
        partitions.drop_until(midnight() + 2 * DAY)
        assert {row.guid for row in Delivery.objects.all()} == {"parked", "now", "next", "ahead"}
    finally:
        _back_to_the_plain_table()
        _divide()


def _back_to_the_plain_table() -> None:
    execute("DROP TABLE IF EXISTS inbox, inbox_guids, inbox_before CASCADE")
    _plain_table()


def _divide() -> None:
    """What the migration does, and what happens after every migration."""
    by_day = import_module("autosync.mirror.migrations.0005_inbox_by_day")
    with transaction.atomic():
        execute(by_day.FORWARD.replace("%", "%%"))
    partitions.make_ahead()


def _plain_table() -> None:
    """The inbox as the migrations before left it."""
    from django.db.migrations.executor import MigrationExecutor

    state = MigrationExecutor(connection).loader.project_state(
        [("mirror", "0004_commit_orphaned_at")]
    )
    with connection.schema_editor() as editor:
        editor.create_model(state.apps.get_model("mirror", "Delivery"))
