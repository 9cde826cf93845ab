"""A kind that gained columns is read again in the background; until then they are unknown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from autosync.github import QuotaExhausted
from autosync.insight import health
from autosync.kinds import KINDS
from autosync.kinds.issue import Issue
from autosync.kinds.pull_request import PullRequest
from autosync.mirror.models import (
    Audit,
    AuditFinding,
    FeedEvent,
    Repository,
    ResourceCursor,
)
from autosync.mirror.upsert import Rule, upsert
from autosync.sync import WebhookProcessor, again, standing
from autosync.sync.again import enqueue_due, read_again
from autosync.sync.audit import Auditor
from autosync.sync.queue import READ_AGAIN, waiting_or_running
from githubsim.receiver import Receiver
from githubsim.testing import Sim
from tests.integration.api_rows import T0, issue, repository
from tests.integration.engine import engine, installed, period
from tests.integration.test_apply import deliver

pytestmark = pytest.mark.django_db(transaction=True)
NEW = {
    model: [column.name for column in KINDS[name].columns if column.added > 1]
    for name, model in (("issue", Issue), ("pull_request", PullRequest))
}
VERSION = {Issue: KINDS["issue"].merge.version, PullRequest: KINDS["pull_request"].merge.version}
Rows = dict[int, dict[str, Any]]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def sim(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sim]:
    with (
        Sim(
            repositories=1,
            commits=20,
            issues=12,
            pulls=4,
            install=False,
            limits=False,
            webhook_url=receiver.url,
        ) as sim,
        engine(sim, monkeypatch, AUTOSYNC_DASHBOARD_PUBLIC="1"),
    ):
        (home,) = sim.truth()["repositories"]
        where = {"repository": home["full_name"]}
        number = sim.control("issues/open", where)["number"]
        sim.control("issues/lock", where | {"number": number, "reason": "off-topic"})
        sim.control("react", where | {"number": number, "content": "rocket"})
        sim.control(
            "reviews/submit", where | {"number": sim.control("pulls/open", where)["number"]}
        )
        sim.control("webhooks/wait", {"timeout": 60})
        yield sim


def rows(model: Any) -> Rows:
    """The new columns, as the tests compare them."""
    return {row.pop("pk"): row for row in model.objects.values("pk", *NEW[model])}


def grow_old() -> dict[Any, Rows]:
    """The mirror as the version before left it; returns what the new columns were."""
    known = {model: rows(model) for model in NEW}
    for model, names in NEW.items():
        apart = [group.observed_at for group in KINDS_OF[model].merge.groups]
        model.objects.update(**dict.fromkeys([*names, *apart, "kind_version"]))
    ResourceCursor.objects.update(version=None)
    return known


KINDS_OF = {Issue: KINDS["issue"], PullRequest: KINDS["pull_request"]}


def page_by_page(patch: pytest.MonkeyPatch) -> None:
    """Each task reads a page of five."""
    patch.setattr("autosync.sync.listing.PAGE", 5)
    patch.setattr(again, "SLICE", -1.0)


def test_an_older_mirror_is_filled_in_page_by_page_and_says_so_until_then(
    sim: Sim, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    installation = installed(sim)
    assert not again._due().exists(), "what was just imported has all columns"
    assert health.report().read_again == []
    known = grow_old()
    page_by_page(monkeypatch)
    clocks = dict(Issue.objects.values_list("pk", "observed_at"))
    said = FeedEvent.objects.count()
    enqueue_due()
    assert READ_AGAIN.lock_for(installation.pk) in waiting_or_running()

    read_again(installation.pk)
    filled = Issue.objects.filter(kind_version=VERSION[Issue])
    assert filled.count() == 5

    def killed(place: str) -> None:
        if place == "import: page stored, not committed":
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(again, "reached", killed)
        with pytest.raises(KeyboardInterrupt):
            read_again(installation.pk)
    assert filled.count() == 5, "a kill costs the page that was not committed"
    assert ResourceCursor.objects.get(resource="issue").again_done == 5
    assert [(one.resource, one.repositories) for one in health.report().read_again] == [
        ("issue", 1),
        ("pull_request", 1),
    ]
    (home,) = Repository.objects.all()
    page = client.get(f"/repositories/{home.pk}/").content.decode()
    assert "Issues are being read again in the background" in page

    audit = Auditor(installation).run()
    assert audit.found == 0
    assert f"{home.full_name} (issue): its new columns are not known yet" in audit.left_out
    assert Issue.objects.filter(kind_version=None).exists(), "it takes nothing for a difference"

    # What changes meanwhile is whole at once.
    old = Issue.objects.filter(kind_version=None).order_by("-pk").first()
    assert old is not None
    receiver.clear()
    sim.control("issues/edit", {"repository": home.full_name, "number": old.number, "title": "New"})
    sim.control("webhooks/wait", {"timeout": 60})
    for one in receiver.received:
        deliver(one.event, one.payload, one.guid)
    WebhookProcessor().drain()
    assert Issue.objects.get(pk=old.pk).author_association is not None
    period()
    assert Issue.objects.filter(kind_version=None).exists(), "a sync of the rest reads no more"

    for _ in range(12):
        read_again(installation.pk)
    assert not again._due().exists()
    assert {model: rows(model) for model in NEW} == known
    assert Issue.objects.exclude(kind_version=VERSION[Issue]).count() == 0
    assert PullRequest.objects.exclude(kind_version=VERSION[PullRequest]).count() == 0
    assert Issue.objects.filter(reactions={"rocket": 1}).count() == 1
    assert Issue.objects.filter(active_lock_reason="off-topic").count() == 1
    for model in NEW:
        assert not model.objects.exclude(dirty_at=None).exists(), "no two versions disagree"
    assert {*clocks} == {*Issue.objects.values_list("pk", flat=True)}
    assert FeedEvent.objects.count() == said + 1, "the edit, and nothing for what was read again"
    assert health.report().read_again == []
    assert Auditor(installation).run().left_out == ""
    assert not AuditFinding.objects.exists()
    enqueue_due()
    assert Audit.objects.count() == 2


def test_what_a_list_does_not_show_is_asked_for_by_its_id(
    sim: Sim, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = installed(sim)
    known = grow_old()
    real = again.connection_pages

    def without_the_first(*arguments: Any) -> Iterator[Any]:
        for asked_at, page in real(*arguments):
            page["nodes"] = page["nodes"][1:]
            yield asked_at, page

    monkeypatch.setattr(again, "connection_pages", without_the_first)
    read_again(installation.pk)
    assert {model: rows(model) for model in NEW} == known
    assert not again._due().exists()


def test_lists_of_rest_and_children_are_read_again_alike(
    sim: Sim, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = installed(sim)
    wanted = standing.wanted_version
    for module in (standing, again):
        monkeypatch.setattr(
            module,
            "wanted_version",
            lambda one: 2 if one.name in ("label", "issue_comment", "review") else wanted(one),
        )
    waiting = again._due().order_by("resource").values_list("resource", flat=True)
    assert list(waiting) == ["issue_comment", "label", "review"]
    before = {name: KINDS[name].model.objects.count() for name in ("label", "review")}
    monkeypatch.setattr(again, "SLICE", -1.0)
    for _ in range(3):
        read_again(installation.pk)
    assert list(waiting.all()) == []
    assert before == {name: KINDS[name].model.objects.count() for name in ("label", "review")}
    assert before["review"]


def test_an_import_that_an_upgrade_cut_in_two_is_read_again(sim: Sim) -> None:
    installed(sim)
    cursor = ResourceCursor.objects.get(resource="issue")
    resource = KINDS["issue"].resource
    ResourceCursor.objects.filter(pk=cursor.pk).update(version=None, backfilled_at=None)
    standing.begin(resource, cursor.repository)
    assert ResourceCursor.objects.get(pk=cursor.pk).version is None, "pages of the older version"
    ResourceCursor.objects.filter(pk=cursor.pk).update(backfill_started_at=None)
    standing.begin(resource, cursor.repository)
    assert ResourceCursor.objects.get(pk=cursor.pk).version == VERSION[Issue]


def test_without_quota_it_waits_and_one_that_fails_is_tried_later(
    sim: Sim, monkeypatch: pytest.MonkeyPatch
) -> None:
    installation = installed(sim)
    grow_old()

    def spent(*_: Any) -> None:
        raise QuotaExhausted(installation.pk, "graphql", timezone.now() + timedelta(hours=1))

    monkeypatch.setattr(again, "_of_connection", spent)
    with pytest.raises(QuotaExhausted):
        read_again(installation.pk)
    assert again._due().count() == 2

    def broken(*_: Any) -> None:
        raise LookupError("nobody foresaw this")

    monkeypatch.setattr(again, "_of_connection", broken)
    read_again(installation.pk)
    assert again._due().count() == 0
    ResourceCursor.objects.update(again_after=timezone.now())
    assert again._due().count() == 2


def test_a_row_of_an_older_version_is_filled_in_and_not_doubted() -> None:
    merge = KINDS["issue"].merge
    home = repository("a/b")
    old = issue(home, kind_version=None)
    base = {name: getattr(old, name) for name in merge.content if name not in NEW[Issue]}

    def row(**more: Any) -> dict[str, Any]:
        return base | dict.fromkeys(NEW[Issue]) | more

    def store(given: dict[str, Any], rule: Rule = Rule.VERSIONED) -> Issue:
        upsert(merge, [given], observed_at=timezone.now(), rule=rule)
        return Issue.objects.get(pk=old.pk)

    late = row(updated_at=T0 - timedelta(minutes=1), active_lock_reason="spam", title="Before")
    found = store(late)
    assert (found.title, found.active_lock_reason) == (old.title, "spam"), "better than nothing"
    assert found.lacking is not None, "and known to be older"
    found = store(row(active_lock_reason="resolved", author_association="none", reactions={}))
    assert (found.active_lock_reason, found.dirty_at, found.lacking) == ("resolved", None, None)
    assert found.kind_version == VERSION[Issue]
    found = store(row(author_association="member", active_lock_reason="resolved"))
    assert found.dirty_at is None, "an association moves no clock"
    found = store(row(active_lock_reason="spam"))
    assert found.dirty_at is not None, "two versions of one second disagree"


def test_a_stub_of_a_new_column_says_what_it_lacks() -> None:
    merge = KINDS["issue"].merge
    old = issue(repository("a/b"), kind_version=None)
    later = T0 + timedelta(minutes=1)
    given = {"github_issue_id": old.pk, "updated_at": later, "title": "Newer"}
    upsert(merge, [given], observed_at=timezone.now(), rule=Rule.VERSIONED)
    found = Issue.objects.get(pk=old.pk)
    assert (found.title, found.kind_version) == ("Newer", VERSION[Issue])
    assert {"active_lock_reason", "author_association"} <= (found.lacking or {}).keys()
    assert (found.lacking or {})["active_lock_reason"] is None, "it never came"
