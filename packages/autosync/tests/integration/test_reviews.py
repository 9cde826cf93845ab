"""Reviews are read with their pull requests, again when these moved; and they follow webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from django.db.models import F
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autosync import connect
from autosync.github import InstallationClient, Priority
from autosync.kinds import KINDS
from autosync.mirror.children import Read, mark
from autosync.mirror.doubt import LAG
from autosync.mirror.models import (
    AuditFinding,
    ChildrenRead,
    FeedEvent,
    GitHubAppInstallation,
    Repository,
    ResourceCursor,
)
from autosync.models import PullRequest, Review
from autosync.sync import WebhookProcessor, nested_pages, purge
from autosync.sync.audit import Auditor
from autosync.sync.children import sync_children
from autosync.sync.news import look
from githubsim.receiver import Receiver
from githubsim.testing import Sim
from tests.examples import examples
from tests.integration.api_rows import pull_request, repository
from tests.integration.engine import engine, installed, period
from tests.integration.test_apply import deliver

pytestmark = pytest.mark.django_db(transaction=True)
REVIEW = KINDS["review"]
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


class World:
    """A simulated GitHub whose webhooks arrive only when a test lets them."""

    def __init__(self, sim: Sim, receiver: Receiver) -> None:
        self.sim = sim
        self.receiver = receiver
        self.installation: GitHubAppInstallation

    @property
    def client(self) -> InstallationClient:
        return connect.installation_client(self.installation.pk, Priority.RECONCILE)

    def act(self, what: str, pull: PullRequest, **more: Any) -> dict[str, Any]:
        where = {"repository": pull.repository.full_name, "number": pull.number}
        made: dict[str, Any] = self.sim.control(what, where | more)
        self.sim.control("webhooks/wait", {"timeout": 60})
        return made

    def arrive(self) -> None:
        """All webhooks sent since the last time are applied."""
        for one in self.receiver.received:
            deliver(one.event, one.payload, one.guid)
        self.receiver.clear()
        WebhookProcessor().drain()

    def lose(self) -> None:
        self.receiver.clear()

    def there(self) -> dict[int, dict[str, Any]]:
        """The reviews of all pull requests, by REST."""
        found = {}
        for pull in PullRequest.objects.select_related("repository"):
            path = f"/repos/{pull.repository.full_name}/pulls/{pull.number}/reviews"
            for page in self.client.pages(path, {"per_page": 100}):
                for item in msgspec.json.decode(page.content):
                    row = REVIEW.from_rest(item, pull.repository_id)
                    assert row is not None
                    found[row["github_id"]] = dict(row)
        return found


def here() -> dict[int, dict[str, Any]]:
    rows = Review.live.values("github_id", *REVIEW.merge.governed)
    return {row["github_id"]: row for row in rows}


@pytest.fixture(scope="module")
def service() -> Iterator[World]:
    with (
        Receiver() as receiver,
        Sim(
            repositories=2,
            commits=40,
            issues=4,
            pulls=14,
            install=False,
            webhook_url=receiver.url,
            webhook_secret="s3cret",
        ) as sim,
    ):
        yield World(sim, receiver)


@pytest.fixture
def world(service: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with engine(service.sim, monkeypatch):
        service.installation = installed(service.sim)
        service.sim.control("webhooks/wait", {"timeout": 60})
        service.lose()
        yield service
    service.sim.control("weather", {"empty_lists": 0.0, "short_lists": 0.0})
    service.sim.control("uninstall")


def reviewed() -> list[PullRequest]:
    """Those that nobody touched for the longest time first."""
    places = set(Review.live.values_list("repository", "pull_number"))
    pulls = PullRequest.objects.order_by("updated_at")
    return [one for one in pulls if (one.repository_id, one.number) in places]


def first_of(pull: PullRequest) -> Review:
    found = Review.live.filter(repository=pull.repository_id, pull_number=pull.number).first()
    assert isinstance(found, Review)
    return found


def pass_time() -> None:
    """What is here was seen a while ago, so that an answer without it is believed."""
    Review.objects.update(observed_at=F("observed_at") - timedelta(minutes=5))


def test_an_import_brings_all_reviews_for_a_point_per_hundred_pull_requests(world: World) -> None:
    assert here() == world.there()
    assert len(here()) > 5
    cursors = ResourceCursor.objects.filter(resource="review")
    assert set(cursors.values_list("state", flat=True)) == {"complete"}
    Review.objects.all().delete()
    ChildrenRead.objects.filter(kind="review").delete()
    home = PullRequest.objects.earliest("pk").repository
    world.sim.ask("requests", clear=1)
    sync_children(REVIEW, home, world.client, lambda: None)
    asked = world.sim.requests()
    assert asked["endpoints"]["POST /graphql"] == {"200": 1}


def test_a_review_is_here_with_its_webhook_and_follows_edit_and_dismissal(world: World) -> None:
    pull = PullRequest.objects.earliest("pk")
    made = world.act("reviews/submit", pull, state="APPROVED", body="Well done")
    world.arrive()
    row = Review.live.get(pk=made["id"])
    assert (row.state, row.body, row.pull_number) == ("approved", "Well done", pull.number)
    line = FeedEvent.objects.filter(kind="review").latest("pk")
    assert (line.action, line.object_key, line.title) == (
        "submitted", str(pull.number), "approved",
    )  # fmt: skip
    world.act("reviews/edit", pull, review_id=made["id"], body="Very well done")
    world.arrive()
    assert Review.live.get(pk=made["id"]).body == "Very well done"
    world.act("reviews/dismiss", pull, review_id=made["id"])
    world.arrive()
    assert Review.live.get(pk=made["id"]).state == "dismissed"
    assert here() == world.there()


def test_events_in_another_order_are_set_right_by_the_next_sync(world: World) -> None:
    pull = PullRequest.objects.earliest("pk")
    made = world.act("reviews/submit", pull, body="first")
    submitted = world.receiver.received
    world.lose()
    world.act("reviews/edit", pull, review_id=made["id"], body="second")
    world.arrive()
    for one in submitted:
        deliver(one.event, one.payload, one.guid)
    WebhookProcessor().drain()
    assert Review.live.get(pk=made["id"]).body == "first"
    pass_time()
    home = Repository.objects.get(pk=pull.repository_id)
    ResourceCursor.objects.update(watermark=timezone.now() + timedelta(minutes=1))
    assert "review" in (look(world.client, [home]).to_read[home.pk] or ())
    period()
    assert Review.live.get(pk=made["id"]).body == "second"


def test_a_lost_webhook_is_healed_because_the_pull_request_moved(world: World) -> None:
    pull = reviewed()[-1]
    before = len(here())
    pass_time()
    made = world.act("reviews/submit", pull, state="CHANGES_REQUESTED")
    world.lose()
    period()
    assert len(here()) == before + 1
    pass_time()
    world.act("reviews/dismiss", pull, review_id=made["id"])
    world.lose()
    period()
    assert Review.live.get(pk=made["id"]).state == "dismissed"
    assert here() == world.there()


def test_what_moved_nothing_is_found_by_a_deep_audit_and_repaired(world: World) -> None:
    edited, lost = map(first_of, reviewed()[:2])
    surplus = Review.objects.get(pk=edited.pk)
    surplus.pk, surplus.node_id = 999_999_999, "PRR_not_there"
    surplus.save(force_insert=True)
    Review.objects.filter(pk=edited.pk).update(body="not what GitHub has")
    Review.objects.filter(pk=lost.pk).delete()
    pass_time()
    audit = Auditor(world.installation, deep=True).run()
    found = AuditFinding.objects.filter(audit=audit, resource="review")
    assert {(int(one.object_key), one.problem, one.repaired) for one in found} == {
        (edited.pk, "stale", True),
        (lost.pk, "missing", True),
        (surplus.pk, "surplus", True),
    }
    assert here() == world.there()
    assert Review.objects.get(pk=surplus.pk).gone_because == "deleted"


def test_a_list_that_comes_back_empty_deletes_nothing(world: World) -> None:
    before = here()
    pass_time()
    world.sim.control("weather", {"empty_lists": 1.0})
    ChildrenRead.objects.update(clock=None)
    for home in Repository.objects.all():
        sync_children(REVIEW, home, world.client, lambda: None)
    assert here() == before


def test_reviews_go_and_come_back_with_their_pull_request(world: World) -> None:
    pull = reviewed()[0]
    home = Repository.objects.get(pk=pull.repository_id)
    before = here()
    pass_time()
    PullRequest.objects.filter(pk=pull.pk).update(deleted_at=timezone.now())
    sync_children(REVIEW, home, world.client, lambda: None)
    gone = Review.objects.filter(repository=home, pull_number=pull.number)
    assert set(gone.values_list("gone_because", flat=True)) == {"parent"}
    assert len(here()) == len(before) - len(gone)
    gone.update(deleted_at=F("deleted_at") - timedelta(minutes=4))
    PullRequest.objects.filter(pk=pull.pk).update(deleted_at=None)
    sync_children(REVIEW, home, world.client, lambda: None)
    assert here() == before


def test_more_reviews_than_come_along_are_read_on(world: World) -> None:
    pull = PullRequest.objects.earliest("pk")
    for number in range(52):
        world.sim.control(
            "reviews/submit",
            {
                "repository": pull.repository.full_name,
                "number": pull.number,
                "state": "COMMENTED",
                "body": f"note {number}",
            },
        )
    world.lose()
    period()
    assert here() == world.there()


def test_pages_that_are_too_heavy_are_halved_and_the_size_is_remembered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = here()
    Review.objects.all().delete()
    ChildrenRead.objects.all().delete()
    home = PullRequest.objects.earliest("pk").repository
    sizes = []
    ask = nested_pages._ask

    def too_heavy(kinds: Any, of: Any, client: Any, parents: Any) -> Any:
        sizes.append(len(parents))
        if len(parents) > 4:
            raise nested_pages.GraphQLTooHeavy("Something went wrong")
        return ask(kinds, of, client, parents)

    monkeypatch.setattr(nested_pages, "_ask", too_heavy)
    monkeypatch.setattr(nested_pages, "PARENTS", 8)
    sync_children(REVIEW, home, world.client, lambda: None)
    ChildrenRead.objects.update(clock=None)
    sync_children(REVIEW, home, world.client, lambda: None)
    assert sizes[:2] == [8, 4]
    assert max(sizes[2:]) <= 5
    assert here().keys() == {pk for pk, row in before.items() if row["repository_id"] == home.pk}


class CutOff(Exception):
    """Where a kill would end the process."""


def test_a_kill_costs_one_page_of_pull_requests(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    Review.objects.all().delete()
    ChildrenRead.objects.all().delete()
    ResourceCursor.objects.filter(resource="review").delete()
    monkeypatch.setattr(nested_pages, "PARENTS", 3)
    home = PullRequest.objects.earliest("pk").repository
    pages = iter([None, CutOff()])

    def progress() -> None:
        if (error := next(pages, None)) is not None:
            raise error

    with pytest.raises(CutOff):
        sync_children(REVIEW, home, world.client, progress)
    assert ChildrenRead.objects.count() == 3
    world.sim.ask("requests", clear=1)
    period()
    assert here() == world.there()


def test_a_mirror_from_before_fills_without_being_asked(world: World) -> None:
    Review.objects.all().delete()
    ChildrenRead.objects.all().delete()
    ResourceCursor.objects.filter(resource="review").delete()
    ResourceCursor.objects.update(watermark=timezone.now() + timedelta(minutes=1))
    reviewed = PullRequest.objects.values_list("repository", flat=True).distinct()
    found = look(world.client, Repository.objects.filter(pk__in=reviewed))
    assert {pk for pk, names in found.to_read.items() if "review" in (names or ())} == set(reviewed)
    period()
    assert here() == world.there()


def test_where_pull_requests_are_not_shown_nothing_is_asked_or_deleted(world: World) -> None:
    before = here()
    home = PullRequest.objects.earliest("pk").repository
    ChildrenRead.objects.update(clock=None)
    ResourceCursor.objects.filter(resource="pull_request", repository=home).update(
        unavailable="permission"
    )
    world.sim.ask("requests", clear=1)
    assert sync_children(REVIEW, home, world.client, lambda: None) == 0
    assert "POST /graphql" not in world.sim.requests()["endpoints"]
    assert here() == before


def test_a_repository_is_purged_with_its_reviews(world: World) -> None:
    gone = PullRequest.objects.earliest("pk").repository
    Repository.objects.filter(pk=gone.pk).update(removed_at=LONG_AGO)
    purge.purge_gone(30)
    assert not Review.objects.filter(repository=gone.pk).exists()
    assert not ChildrenRead.objects.filter(repository=gone.pk).exists()
    assert Review.objects.exists()


STEPS = st.lists(
    st.tuples(st.sampled_from(["move", "mark", "ask", "answer"]), st.integers(0, 30)), max_size=14
)


@given(STEPS)
@settings(max_examples=examples(30), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_parent_waits_until_an_answer_surely_knows_its_last_change(
    steps: list[tuple[str, int]],
) -> None:
    ChildrenRead.objects.all().delete()
    PullRequest.objects.all().delete()
    family, now = REVIEW.family, LONG_AGO
    parent = pull_request(repository(), node_id="PR_1", updated_at=now)
    asked: list[tuple[datetime, datetime]] = []  # when, and the clock that the answer has
    changed, known = now, None
    read = False
    for step, seconds in steps:
        now += timedelta(seconds=seconds)
        if step == "move":
            parent.updated_at = changed = now
            parent.save()
        elif step == "mark":
            changed = now
            row = {"repository_id": parent.repository_id, "pull_number": parent.number}
            place = (family.parents.table, tuple(row.values()))
            here = {place: (parent.pk, parent.repository_id)} if seconds % 2 else {}
            mark([([family], [row])], here, now)
        elif step == "ask":
            asked.append((now, parent.updated_at))
        elif asked:
            at, clock = asked.pop()
            family.note([Read(parent.pk, parent.repository_id, clock)], at, at - LAG)
            known, read = at - LAG, True
    waits = bool(family.waiting(parent.repository_id))
    if not read:
        assert waits
    elif changed > LONG_AGO and known is not None and changed > known:
        assert waits, "the answer may be from before the change"
