"""Odd data of real repositories: each input costs at most itself, and every page can show it."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from autosync import moments
from autosync.insight import analytics
from autosync.kinds import KINDS
from autosync.mirror import feed
from autosync.mirror.models import (
    Commit,
    Contributor,
    Delivery,
    FeedEvent,
    Issue,
    Ref,
    Repository,
    SyncJob,
)
from autosync.mirror.moves import Step, moved
from autosync.mirror.tallies import recount
from autosync.sync import WebhookProcessor
from autosync.sync.commits import refresh_contributors, sync_commits
from githubsim.testing import Sim
from tests.integration.api_rows import client_with, commit, repository
from tests.integration.test_apply import deliver, issue, push
from tests.integration.test_backfill import begin

pytestmark = pytest.mark.django_db(transaction=True)

SEPARATORS = ["\u2028", "\u2029", "\x85"]
_GIT = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "PATH": os.environ["PATH"],
}


class World:
    """A bare repository made object by object, as no client would make it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.git("init", "-q", "--bare", "-b", "main", str(path), at=path.parent)
        self.tree = self.object("tree", b"")
        self.root = self.commit(b"A <a@example.org> 1600000000 +0000")
        self.ref(b"refs/heads/main", self.root)
        self.expected: dict[tuple[str, str], str] = {}

    def git(self, *arguments: str | bytes, given: bytes = b"", at: Path | None = None) -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=at or self.path,
            input=given,
            env=_GIT,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

    def object(self, kind: str, content: bytes) -> str:
        return self.git("hash-object", "-t", kind, "-w", "--stdin", "--literally", given=content)

    def commit(self, person: bytes, *parents: str) -> str:
        lines = "".join(f"parent {one}\n" for one in parents).encode()
        head = b"tree %s\n%sauthor %s\ncommitter %s\n" % (self.tree.encode(), lines, person, person)
        return self.object("commit", head + b"\n" + person + b"\n")

    def tag(self, name: str, target: str, kind: str) -> str:
        text = f"object {target}\ntype {kind}\ntag {name}\ntagger A <a@x> 1600000000 +0000\n\nm\n"
        return self.object("tag", text.encode())

    def ref(self, name: bytes, sha: str) -> None:
        self.git("update-ref", name, sha)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Filled before it is served: the simulated GitHub reads it when it starts."""
    made = World(tmp_path / "odd.git")
    odd_people(made)
    made.expected = odd_refs(made)
    return made


@pytest.fixture
def here(world: World) -> Iterator[Repository]:
    """The world, mirrored through a simulated GitHub."""
    with Sim(
        repositories=3,
        commits=3,
        issues=0,
        pulls=0,
        install=False,
        people=0,
        import_git=[world.path],
    ) as sim:
        there_client, row = begin(sim)
        there = next(r for r in sim.truth()["repositories"] if len(r["refs"]) > 10)
        row.pk, row.node_id, row.full_name = there["id"], there["node_id"], there["full_name"]
        row.default_branch = "main"
        row.save()
        sync_commits(row, there_client, lambda: None)
        refresh_contributors(row)
        yield row


def odd_refs(world: World) -> dict[tuple[str, str], str]:
    """Refs of every odd kind, and the rows that they are to be."""
    expected = {("branch", "main"): world.root}
    names = [f"fix{separator}line".encode() for separator in SEPARATORS]
    names += [b"case", b"Case", b"CASE", b"bytes-\xff", b"bytes-\xfe", "smile-😀".encode()]
    names += [base64.b32encode(os.urandom(120)).rstrip(b"="), "café".encode()]
    for number, name in enumerate(names):
        sha = world.commit(b"A <a@example.org> %d +0000" % (1600000100 + number), world.root)
        world.ref(b"refs/heads/" + name, sha)
        expected["branch", name.decode("utf-8", "backslashreplace")] = sha
    blob = world.object("blob", b"text")
    once = world.tag("once", world.root, "commit")
    for tag, sha in {
        "light": world.root,
        "once": once,
        "twice": world.tag("twice", once, "tag"),
        "line\u2028tag": once,
    }.items():
        world.ref(f"refs/tags/{tag}".encode(), sha)
        expected["tag", tag] = world.root
    for tag, sha, kind in (("of-tree", world.tree, "tree"), ("of-blob", blob, "blob")):
        world.ref(f"refs/tags/{tag}".encode(), world.tag(tag, sha, kind))
        world.ref(f"refs/tags/{tag}-light".encode(), sha)
    return expected


def odd_people(world: World) -> None:
    """One branch with a commit by everybody."""
    long = base64.b64encode(os.urandom(6000))
    last = world.root
    for person in (
        b"Big <%s@example.org> 1600000001 +0000" % long,
        b"%s <big@example.org> 1600000002 +0000" % long,
        b" <> 1600000003 +0000",
        b"No mail <> 1600000004 +0000",
        b" <no-name@example.org> 1600000005 +0000",
        b"Late <l@x> 99999999999999 +0000",
        b"Early <e@x> -99999999999999 +1400",
        b"Edge <e@x> 253402300799 -1200",
        b"Zone <z@x> 1600000006 +51800",
        b"Never <n@x> yesterday",
    ):
        last = world.commit(person, last)
    world.ref(b"refs/heads/main", last)
    world.root = last


def test_refs_and_people_of_every_odd_kind_are_mirrored(world: World, here: Repository) -> None:
    rows = Ref.objects.filter(repository=here, deleted_at__isnull=True)
    assert {(row.kind, row.name): row.sha for row in rows} == world.expected
    everybody = Contributor.objects.filter(repository=here)
    assert "email:" in everybody.values_list("identity", flat=True)
    assert max(len(person.identity) for person in everybody) > 8000
    dates = {row.committed_at.year for row in Commit.objects.filter(repository=here)}
    assert dates == {1970, 2020, 9999}
    sees_every_page(here)


def sees_every_page(here: Repository) -> None:
    reader = client_with("read")
    for path in ("commits", "issues", "repositories", "contributors", "deliveries"):
        assert reader.get(f"/api/{path}/", {"limit": 100}).status_code == 200
    for unit in (None, *analytics.Unit):
        analytics.activity(here.pk, unit)
    analytics.counts([here.pk])


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("2011-08-29T06:50:23+518:00", datetime(2011, 8, 7, 16, 50, 23, tzinfo=UTC)),
        ("9999-12-31T23:59:59-12:00", moments.LATEST),
        ("0001-01-01T00:00:00+14:00", moments.EARLIEST),
        ("10000-01-01T00:00:00Z", moments.LATEST),
        ("-0044-03-15T12:00:00Z", moments.EARLIEST),
        ("0000-00-00T00:00:00Z", moments.EPOCH),
        (99999999999999, moments.LATEST),
        ("2026-01-01T00:00:00+24:00", datetime(2025, 12, 31, tzinfo=UTC)),
    ],
)
def test_a_pushed_commit_of_any_date_is_stored_and_shown(written: Any, stored: datetime) -> None:
    payload = push("0" * 40, "b" * 40, "a" * 40, "b" * 40)
    payload["commits"][1]["timestamp"] = written
    payload["repository"]["pushed_at"] = written
    delivered = deliver("push", payload, "odd")
    WebhookProcessor().drain()
    delivered.refresh_from_db()
    assert (delivered.status, delivered.error) == ("applied", "")
    assert Commit.objects.get(sha="b" * 40).committed_at == stored
    assert Ref.objects.get().sha == "b" * 40
    sees_every_page(Repository.objects.get())


def test_a_clock_that_is_not_to_be_believed_does_not_shut_out_what_follows() -> None:
    deliver("issues", issue(updated_at="9999-12-31T23:59:59Z", title="odd"), "odd")
    WebhookProcessor().drain()
    row = Issue.objects.get()
    assert row.title == "odd"
    assert row.dirty_at is not None  # GitHub is asked
    later = (timezone.now() + timedelta(seconds=5)).isoformat()
    deliver("issues", issue(updated_at=later, title="believable"), "next")
    WebhookProcessor().drain()
    assert Issue.objects.get().title == "believable"


def test_rows_that_python_cannot_read_are_shown_clamped() -> None:
    here = repository()
    for written in ("10001-01-01Z", "0044-03-15Z BC", "infinity", "-infinity"):
        row = commit(here)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE commits SET committed_at = %s, authored_at = %s WHERE id = %s",
                [written, written, row.pk],
            )
    assert set(Commit.objects.values_list("committed_at", flat=True)) == {
        moments.EARLIEST,
        moments.LATEST,
    }
    sees_every_page(here)
    assert recount(here.pk) == []
    outside = "committed_at > '9999-12-30Z' OR committed_at < '0001-01-02Z'"
    with connection.cursor() as cursor:
        cursor.execute(import_module("autosync.mirror.migrations.0016_odd_data").CLAMP)
        cursor.execute(f"SELECT count(*) FROM commits WHERE {outside}")
        assert cursor.fetchone() == (0,), "an upgrade repairs them"
    assert recount(here.pk) == []


@pytest.mark.parametrize(
    "asked",
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "10000-01-01", "-0001-01-01"],
)
@pytest.mark.parametrize("name", ["since", "until"])
def test_a_question_about_any_moment_is_answered(asked: str, name: str) -> None:
    here = repository()
    commit(here)
    reader = client_with("read")
    for path in ("/api/commits/", "/api/issues/", "/api/deliveries/"):
        assert reader.get(path, {name: asked}).status_code in (200, 422)
    assert Client().get("/deliveries/", {name: asked}, follow=True).status_code == 200


def test_nul_is_dropped_wherever_it_stands() -> None:
    odd = "a\x00b"
    label = {"id": 1, "node_id": odd, "name": odd, "color": odd}
    person = {"login": odd, "id": 5, "type": "User"}
    payload = issue(title=odd, body=odd, labels=[label], assignees=[person], user=person)
    payload |= {"sender": person}
    payload["issue"]["html_url"] = odd
    pushed = push("0" * 40, "b" * 40, "b" * 40)
    pushed["ref"] = f"refs/heads/{odd}"
    pushed["commits"][0] |= {"message": odd, "url": odd, "author": {"name": odd, "email": odd}}
    pushed |= {"sender": person}
    created = {"ref": odd, "ref_type": "branch", "repository": pushed["repository"]}
    for event, body in (("issues", payload), ("push", pushed), ("create", created)):
        deliver(event, body, event)
    WebhookProcessor().drain()
    assert [*Delivery.objects.exclude(status="applied").values_list("event", "error")] == []
    row = Issue.objects.get()
    assert row.title.startswith("ab")
    assert row.labels[0]["name"].startswith("ab")
    assert row.assignees[0].startswith("ab")
    assert Commit.objects.get().author_email.startswith("ab")
    assert Ref.objects.get().name.startswith("ab")
    assert all("\x00" not in line.actor + line.html_url for line in FeedEvent.objects.all())


def test_nothing_that_is_written_beside_the_rows_stumbles_over_nul() -> None:
    odd = "a\x00b"
    here = repository()
    details = {odd: [odd + "\ud83d"]}
    SyncJob.objects.create(job_type="manual_sync", error_message=odd, details=details)
    job = SyncJob.objects.get()
    assert (job.error_message, job.details) == ("ab", {"ab": ["ab\ufffd"]})
    Repository.objects.filter(pk=here.pk).update(sync_error=odd, topics=[odd])
    here.refresh_from_db()
    assert (here.sync_error, here.topics) == ("ab", ["ab"])
    feed.publish([feed.FeedLine("commit", odd, here.pk, None, odd, odd, odd, odd)] * 2)
    assert FeedEvent.objects.filter(title="ab", actor="ab").count() == 2


def test_a_word_longer_than_its_column_costs_its_end_and_not_its_row() -> None:
    deliver("issues", issue(state_reason="r" * 300, user={"login": "l" * 300}), "long")
    WebhookProcessor().drain()
    row = Issue.objects.get()
    assert (row.state_reason, len(row.author_login)) == ("r" * 32, 255)


def test_names_of_any_length_move_and_are_deleted() -> None:
    here = repository()
    name = "/".join(base64.b32encode(os.urandom(120)).decode().rstrip("=") for _ in range(20))
    first, second = "1" * 40, "2" * 40
    refs, now = KINDS["ref"].merge, timezone.now()
    for before, after in ((None, first), (first, second)):
        assert moved(refs, [Step((here.pk, "branch", name), before, after)], now)
    assert Ref.objects.get().sha == second
    assert moved(refs, [Step((here.pk, "branch", name), second, None)], now)
    assert Ref.objects.get().deleted_at is not None


def test_no_index_refuses_a_row_for_the_length_of_its_text() -> None:
    """Columns with a length that fits, four bytes a character, and digests are fine."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT i.relname, sum(CASE WHEN a.atttypid = 'varchar'::regtype AND a.atttypmod > 0
                                       THEN (a.atttypmod - 4) * 4 ELSE 100000 END)
            FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
            JOIN pg_class t ON t.oid = x.indrelid JOIN pg_am m ON m.oid = i.relam
            JOIN pg_attribute a ON a.attrelid = i.oid
            WHERE m.amname = 'btree' AND t.relnamespace = 'public'::regnamespace
              AND a.atttypid IN ('text'::regtype, 'varchar'::regtype)
              AND t.relname NOT LIKE 'procrastinate%' AND t.relname NOT LIKE 'django%'
            GROUP BY 1
            """
        )
        unsafe = {name for name, size in cursor.fetchall() if size > 2_600}
    # Longer addresses are not stored: see mirror.quota.
    assert unsafe <= {"http_validator"}
