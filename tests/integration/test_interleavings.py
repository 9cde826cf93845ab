"""Whatever order webhooks, lists and answers arrive in: once all is settled, the mirror is right.

GitHub edits and deletes one issue, with a clock of one-second steps. Its webhooks are delivered in
any order, twice, or never; pages of lists and answers to questions are read at one moment and
stored at another. At the end AutoSync settles as it does in service: it asks about dirty rows,
reads the list, and compares ids.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from autosync.mirror.models import Issue
from autosync.mirror.upsert import Rule, tombstone, upsert
from autosync.resources.issue import MERGE
from tests.integration.test_upsert import version

pytestmark = pytest.mark.django_db
T0 = datetime(2026, 1, 1, tzinfo=UTC)
STEPS = st.one_of(
    st.tuples(st.sampled_from(["edit", "edit", "delete", "list", "ask"]), st.integers(0, 1)),
    st.tuples(st.sampled_from(["deliver", "repeat", "lose", "store", "answer"]), st.integers(0, 5)),
)


@dataclass
class World:
    """GitHub with one issue, and what is on its way from there."""

    number: int = 0
    clock: int = 0
    alive: bool = True
    buried: bool = False  # the mirror was told of the deletion
    now: int = 0
    webhooks: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    lists: list[tuple[datetime, list[dict[str, Any]]]] = field(default_factory=list)
    answers: list[tuple[datetime, list[dict[str, Any]]]] = field(default_factory=list)

    def tick(self) -> datetime:
        self.now += 1
        return T0 + timedelta(milliseconds=self.now)

    def content(self) -> list[dict[str, Any]]:
        return [version(self.number, self.clock)] if self.alive else []

    def step(self, name: str, value: int) -> None:
        at = self.tick()
        if name == "edit" and self.alive:
            self.number += 1
            self.clock += value  # 0: a second change within the second
            self.webhooks.append(("edited", version(self.number, self.clock)))
        elif name == "delete" and self.alive:
            self.alive = False
            self.webhooks.append(("deleted", version(self.number, self.clock)))
        elif name == "list":
            self.lists.append((at, self.content()))
        elif name == "ask":
            self.answers.append((at, self.content()))
        elif name in ("deliver", "repeat", "lose") and self.webhooks:
            place = value % len(self.webhooks)
            webhook = self.webhooks[place] if name == "repeat" else self.webhooks.pop(place)
            if name != "lose":
                apply(webhook, at)
                self.buried |= webhook[0] == "deleted"
        elif name == "store" and self.lists:
            asked_at, rows = self.lists.pop(value % len(self.lists))
            upsert(MERGE, rows, observed_at=asked_at, rule=Rule.VERSIONED)
        elif name == "answer" and self.answers:
            answer(*self.answers.pop(value % len(self.answers)))


def apply(webhook: tuple[str, dict[str, Any]], at: datetime) -> None:
    action, row = webhook
    upsert(MERGE, [row], observed_at=at, rule=Rule.VERSIONED)
    if action == "deleted":
        tombstone(MERGE, [1], at)


def answer(asked_at: datetime, rows: list[dict[str, Any]]) -> None:
    upsert(MERGE, rows, observed_at=asked_at, rule=Rule.AUTHORITATIVE)
    if not rows:
        tombstone(MERGE, [1], asked_at)
    Issue.objects.filter(observed_at__lte=asked_at).update(dirty_at=None)


def settle(world: World) -> None:
    """What the service does by itself: refetch what is dirty, catch up, compare ids."""
    for _ in range(2):
        if Issue.objects.filter(dirty_at__isnull=False, deleted_at__isnull=True).exists():
            answer(world.tick(), world.content())
        upsert(MERGE, world.content(), observed_at=world.tick(), rule=Rule.VERSIONED)
    if Issue.live.exists() != world.alive:
        answer(world.tick(), world.content())


@settings(
    max_examples=300,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
# An answer asked for before the deletion is stored after it: the dead stay dead.
@example([("edit", 1), ("ask", 0), ("delete", 0), ("deliver", 1), ("answer", 0)])
# A page read before two edits within one second is stored between their webhooks.
@example([("edit", 1), ("list", 0), ("edit", 0), ("deliver", 1), ("store", 0), ("deliver", 0)])
@given(st.lists(STEPS, max_size=25))
def test_every_interleaving_ends_equal(steps: list[tuple[str, int]]) -> None:
    Issue.objects.all().delete()
    world = World()
    for name, value in steps:
        world.step(name, value)
        if world.buried:
            assert not Issue.live.exists(), f"{name} raised the dead"
    settle(world)
    # What was still on its way arrives last, and changes nothing any more.
    for webhook in world.webhooks:
        apply(webhook, world.tick())
    for asked_at, rows in world.lists:
        upsert(MERGE, rows, observed_at=asked_at, rule=Rule.VERSIONED)
    for late in world.answers:
        answer(*late)
    settle(world)
    row = Issue.live.filter(pk=1).first()
    assert (row is not None) == world.alive
    if row is not None:
        assert (row.title, row.dirty_at) == (f"version {world.number}", None)
