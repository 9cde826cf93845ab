"""What protects the mirror, how each guard is broken here, and the tests that must then fail."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Guard:
    """`old` stands once in `file`; with `new` in its place at least one of `tests` must fail."""

    name: str
    file: str
    old: str
    new: str
    tests: str


UPSERT = "src/autosync/mirror/upsert.py"
BY_DAY = "src/autosync/mirror/migrations/0005_inbox_by_day.py"
DAYS = "tests/integration/test_inbox_days.py"
GUARDS = (
    Guard(
        "an older version never replaces a newer one",
        UPSERT,
        'newer = "old.updated_at IS NULL OR EXCLUDED.updated_at > old.updated_at"',
        'newer = "true"',
        "tests/integration/test_upsert.py tests/integration/test_interleavings.py",
    ),
    Guard(
        "two versions of one second are settled by asking",
        UPSERT,
        'assignments.append(f"dirty_at = CASE WHEN {newer} THEN NULL ELSE now() END")',
        'assignments.append("dirty_at = NULL")',
        "tests/integration/test_upsert.py tests/integration/test_interleavings.py",
    ),
    Guard(
        "a tombstone stays whatever comes late",
        UPSERT,
        'f"WHERE old.deleted_at IS NULL AND ({newer} OR {tie})"',
        'f", deleted_at = NULL WHERE ({newer} OR {tie})"',
        "tests/integration/test_upsert.py tests/integration/test_interleavings.py",
    ),
    Guard(
        "an answer asked for before the deletion does not raise the dead",
        UPSERT,
        'lifts = "EXCLUDED.observed_at > old.deleted_at"',
        'lifts = "old.deleted_at IS NOT NULL"',
        "tests/integration/test_interleavings.py",
    ),
    Guard(
        "an answer older than what came since does not settle a tie",
        UPSERT,
        'asked_later = "EXCLUDED.observed_at >= old.observed_at"',
        'asked_later = "true"',
        "tests/integration/test_upsert.py",
    ),
    Guard(
        "a delivery is applied once",
        "src/autosync/sync/apply.py",
        ".filter(status=Delivery.Status.PENDING, next_attempt_at__lte=timezone.now())",
        ".filter(next_attempt_at__lte=timezone.now() + timedelta(days=1))",
        "tests/integration/test_apply.py --timeout=30",
    ),
    Guard(
        "a bad delivery does not hold up the others",
        "src/autosync/sync/apply.py",
        "        for delivery in deliveries:\n            self._process_one(delivery)\n",
        "        for delivery in deliveries[:1]:\n            self._process_one(delivery)\n",
        "tests/integration/test_apply.py --timeout=30",
    ),
    Guard(
        "a GUID is stored once",
        "src/autosync/mirror/store_deliveries.sql",
        "ON CONFLICT (guid) DO NOTHING",
        "ON CONFLICT (guid) DO UPDATE SET received_at = now()",
        f"{DAYS} tests/integration/test_receiver.py",
    ),
    Guard(
        "nothing gets into the inbox past its GUID",
        BY_DAY,
        "INCLUDING DEFAULTS) PARTITION BY RANGE (received_at);",
        "INCLUDING DEFAULTS) PARTITION BY RANGE (received_at); "
        "ALTER TABLE inbox ALTER id SET DEFAULT 1;",
        DAYS,
    ),
    Guard(
        "no delivery is refused for want of a partition",
        BY_DAY,
        "CREATE TABLE inbox_default PARTITION OF inbox DEFAULT;",
        "CREATE TABLE inbox_default PARTITION OF inbox FOR VALUES FROM ('1900-01-01') "
        "TO ('1900-01-02');",
        DAYS,
    ),
    Guard(
        "what waits or is parked outlives its day",
        "src/autosync/mirror/partitions.py",
        "\"WHERE status IN ('pending', 'parked')\"",
        '"WHERE false"',
        DAYS,
    ),
    Guard(
        "a GUID is remembered longer than GitHub can send it again",
        "src/autosync/sync/retention.py",
        "min(before, now - KEPT - timedelta(days=1))",
        "before",
        DAYS,
    ),
    Guard(
        "a GUID is remembered as long as its delivery is there",
        "src/autosync/mirror/partitions.py",
        "        AND received_at < %(before)s)",
        "        AND false)",
        DAYS,
    ),
    Guard(
        "acknowledged only after the commit",
        "src/autosync/receiver/inbox.py",
        "                return await done\n",
        "                return True\n",
        "tests/integration/test_receiver_durability.py",
    ),
    Guard(
        "the signature is checked",
        "src/autosync/receiver/verify.py",
        "hmac.compare_digest(",
        "(lambda *_: True)(",
        "tests/unit/test_receiver_verify.py tests/integration/test_receiver.py",
    ),
    Guard(
        "an import's cursor is committed with its page",
        "src/autosync/sync/listing.py",
        'cursor.cursor = info["endCursor"] or "" if info["hasNextPage"] else ""',
        'cursor.cursor = ""',
        "tests/integration/test_backfill.py",
    ),
    Guard(
        "work that waits already is asked for again after the commit",
        "src/autosync/sync/tasks.py",
        "transaction.on_commit(enqueue)",
        "pass",
        "tests/integration/test_hand_over.py",
    ),
    Guard(
        "lost deliveries are found by GUID",
        "src/autosync/sync/recover.py",
        "if guid not in here}",
        'if item["status_code"] >= 400 and guid not in here}',
        "tests/acceptance/test_recover.py",
    ),
    Guard(
        "URLs follow the repository's name",
        "src/autosync/mirror/migrations/0003_urls_follow_names.py",
        "NEW.html_url := home || TG_ARGV[0] || NEW.number;",
        "NULL;",
        "tests/integration/test_upsert.py",
    ),
)
