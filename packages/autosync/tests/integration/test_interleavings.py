"""Whatever order webhooks, lists and answers arrive in: once all is settled, the mirror is right.

GitHub edits and deletes one issue, with a clock of one-second steps, and renames the label it may
carry, which moves no clock. The webhooks are delivered in any order, twice, or never; pages of
lists and answers to questions show a moment of the past, and are stored at another. At the end
AutoSync settles as it does in service: it asks about dirty rows and compares ids. Where webhooks
were lost (and not found in GitHub's log) it reads the list too; else it must need none.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from django.utils import timezone
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from autosync.kinds import KINDS
from autosync.kinds._events import Changes, Envelope, Event, Tombstone, Upsert
from autosync.mirror.doubt import LAG, in_doubt, lock_repositories, mark_renamed
from autosync.mirror.models import Issue, Repository
from autosync.mirror.upsert import Rule, upsert
from autosync.sync.changes import carry_out
from autosync.sync.refetch import store_answer
from tests.examples import examples
from tests.integration.api_rows import repository
from tests.integration.test_upsert import version

pytestmark = pytest.mark.django_db
T0 = datetime(2026, 1, 1, tzinfo=UTC)
ISSUES = KINDS["issue"]
MERGE, RESOURCE = ISSUES.merge, ISSUES.resource
STEPS = st.one_of(
    # 0: within the second; more: so many seconds later.
    st.tuples(st.sampled_from(["edit", "edit", "label", "rename", "delete"]), st.integers(0, 2)),
    # So many changes ago, or now.
    st.tuples(st.sampled_from(["list", "ask"]), st.integers(0, 3)),
    # Which of those under way.
    st.tuples(st.sampled_from(["deliver", "repeat", "lose", "store", "answer"]), st.integers(0, 5)),
)
Rows = list[dict[str, Any]]


@dataclass
class World:
    """GitHub with one issue, and what is on its way from there."""

    home: int
    lossy: bool = False
    number: int = 0
    name: int = 0  # of the label
    carries: bool = False
    alive: bool = True
    buried: bool = False  # the mirror was told of the deletion
    now: datetime = T0
    changed_at: datetime = T0
    past: list[tuple[datetime, Rows]] = field(default_factory=list)  # until when, and what
    webhooks: list[tuple[str, Any]] = field(default_factory=list)
    lists: list[tuple[datetime, Rows]] = field(default_factory=list)
    answers: list[tuple[datetime, Rows]] = field(default_factory=list)

    def tick(self, by: timedelta = timedelta(milliseconds=1)) -> datetime:
        self.now += by
        return self.now

    def content(self) -> Rows:
        if not self.alive:
            return []
        labels = [{"name": f"bug {self.name}", "color": "f00", "node_id": "LA_1"}]
        seconds = int((self.changed_at - T0).total_seconds())
        carried = labels if self.carries else []
        return [version(self.number, seconds, repository_id=self.home, labels=carried)]

    def shown(self, behind: int) -> Rows:
        """What a list or an answer shows now: it may lag, but not for long."""
        recent = [rows for until, rows in self.past if until > self.now - LAG][-behind:]
        return recent[0] if behind and recent else self.content()

    def change(self, name: str, value: int) -> None:
        if not self.alive:
            return
        self.past.append((self.tick(timedelta(seconds=value)), self.content()))
        if name == "rename":
            self.webhooks.append(("renamed", f"bug {self.name}"))
            self.name += 1
            return
        self.changed_at = self.now
        self.number += 1
        self.carries ^= name == "label"
        self.webhooks.append((name, self.content()[0]))
        self.alive = name != "delete"

    def step(self, name: str, value: int) -> None:
        at = self.tick()
        if name in ("edit", "label", "rename", "delete"):
            self.change(name, value)
        elif name == "list":
            self.lists.append((at, self.shown(value)))
        elif name == "ask":
            self.answers.append((at, self.shown(value)))
        elif name in ("deliver", "repeat", "lose") and self.webhooks:
            place = value % len(self.webhooks)
            webhook = self.webhooks[place]
            lost = name == "lose" and self.lossy and webhook[0] != "renamed"
            if name == "deliver" or lost:
                self.webhooks.pop(place)
            if name != "lose":
                self.apply(webhook)
        elif name == "store" and self.lists:
            store_page(self.home, *self.lists.pop(value % len(self.lists)))
        elif name == "answer" and self.answers:
            answer(*self.answers.pop(value % len(self.answers)))

    def apply(self, webhook: tuple[str, Any]) -> None:
        name, content = webhook
        if name == "renamed":
            body = {
                "action": "edited",
                "label": {"name": f"bug {self.name}"},
                "changes": {"name": {"from": content}},
                "repository": {"id": self.home, "name": "rocket", "full_name": "acme/rocket"},
            }
            told = json.dumps(body).encode()
            changes = ISSUES.handlers["label"](
                Event("label", told, msgspec.json.decode(told, type=Envelope), self.now)
            )
        else:
            changes = Changes(upserts=[Upsert(MERGE, [content])])
            if name == "delete":
                changes.tombstones.append(Tombstone(MERGE, [1], self.now))
                self.buried = True
        lock_repositories({self.home})
        carry_out([changes], self.now)


def store_page(home: int, asked_at: datetime, rows: Rows) -> None:
    lock_repositories({home})
    result = upsert(MERGE, rows, observed_at=asked_at, rule=Rule.VERSIONED)
    mark_renamed(MERGE, result.changed, asked_at)


def answer(asked_at: datetime, rows: Rows) -> None:
    store_answer(RESOURCE, rows, [], set() if rows else {1}, set(), asked_at)


def settle(world: World) -> None:
    """What the service does by itself: refetch what is dirty, catch up, compare ids."""
    for _ in range(4):
        if Issue.live.filter(in_doubt()).exists():
            answer(world.tick(), world.content())
        if world.lossy:
            store_page(world.home, world.tick(), world.content())
        if Issue.live.exists() != world.alive:
            answer(world.tick(), world.content())
        world.tick(LAG)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> list[World]:
    """The world of the moment, whose clock is the clock here."""
    worlds = [World(repository().pk)]
    monkeypatch.setattr(timezone, "now", lambda: worlds[-1].now)
    return worlds


@settings(
    max_examples=examples(100),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# An answer asked for before the deletion is stored after it: the dead stay dead.
@example([("edit", 1), ("ask", 0), ("delete", 0), ("deliver", 1), ("answer", 0)], True)
# A page read before two edits within one second is stored between their webhooks.
@example(
    [("edit", 1), ("list", 0), ("edit", 0), ("deliver", 1), ("store", 0), ("deliver", 0)], True
)
# The label is put on, its webhook held back, and renamed meanwhile.
@example([("label", 1), ("rename", 1), ("deliver", 1), ("deliver", 0)], False)
# The same, and an answer that lags tells of it first.
@example(
    [
        ("edit", 1),
        ("deliver", 0),
        ("label", 1),
        ("rename", 1),
        ("deliver", 1),
        ("ask", 1),
        ("answer", 0),
    ],
    False,
)
# What carries the renamed label is asked for, and the answer lags.
@example(
    [("label", 1), ("deliver", 0), ("rename", 1), ("deliver", 0), ("ask", 1), ("answer", 0)], False
)
# Two edits within one second are settled by an answer from between them.
@example(
    [("edit", 1), ("edit", 0), ("deliver", 0), ("deliver", 0), ("ask", 1), ("answer", 0)], False
)
@given(steps=st.lists(STEPS, max_size=25), lossy=st.booleans())
def test_every_interleaving_ends_equal(
    world: list[World], steps: list[tuple[str, int]], lossy: bool
) -> None:
    Issue.objects.all().delete()
    Repository.objects.update(names_changed_at=None)
    world.append(World(world[0].home, lossy))
    here = world[-1]
    for name, value in steps:
        here.step(name, value)
        if here.buried:
            assert not Issue.live.exists(), f"{name} raised the dead"
    settle(here)
    # What was still on its way arrives last, and changes nothing any more.
    for webhook in here.webhooks:
        here.tick()
        here.apply(webhook)
    for asked_at, rows in here.lists:
        store_page(here.home, asked_at, rows)
    for late in here.answers:
        answer(*late)
    settle(here)
    row = Issue.live.filter(pk=1).first()
    assert (row is not None) == here.alive
    if row is not None:
        names = [label["name"] for label in row.labels]
        assert (row.title, row.dirty_at) == (f"version {here.number}", None)
        assert names == ([f"bug {here.name}"] if here.carries else [])
