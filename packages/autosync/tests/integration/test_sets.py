"""Labels, assignees and requested reviewers as tables, which follow what carries them.

One scene, judged by an independent reader of GitHub and of the tables after each step.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db.models import F

from autosync.mirror.doubt import IN_FLIGHT
from autosync.mirror.models import AuditFinding, GitHubAppInstallation, Repository
from autosync.models import Issue, IssueAssignee, IssueLabel, PullRequest, RequestedReviewer
from autosync.sync.audit import Auditor
from autosync.sync.followups import settle_doubts
from autosync.sync.reconcile import GitHubSyncManager
from githubsim.receiver import Receiver
from githubsim.testing import Sim
from tests.chaos.here import children
from tests.chaos.there import forget_tokens, github
from tests.integration.engine import apply_sent, engine, heard, installed, period, query

pytestmark = pytest.mark.django_db(transaction=True)
MODELS = (IssueLabel, IssueAssignee, RequestedReviewer)
TABLES = tuple(model._meta.db_table for model in MODELS)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def sim(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sim]:
    with (
        Sim(
            repositories=2, commits=8, issues=4, pulls=3, install=False, limits=False,
            webhook_url=receiver.url,
        ) as sim,
        engine(sim, monkeypatch),
    ):  # fmt: skip
        yield sim


class Scene:
    """Two repositories with labelled and assigned issues, and people asked to review, mirrored."""

    def __init__(self, sim: Sim, receiver: Receiver) -> None:
        self.sim, self.receiver = sim, receiver
        home, self.other = [one["full_name"] for one in sim.truth()["repositories"]]
        self.where = {"repository": home}
        self.owner = home.partition("/")[0]
        for login in ("ann", "ben", "cyn"):
            sim.control("accounts/create", {"login": login})
        sim.control("accounts/create", {"login": "helper[bot]", "type": "Bot"})
        for team in ("crew", "staff"):
            sim.control("teams/create", {"organization": self.owner, "name": team})
        for label in ("one", "two"):
            self.do("labels/create", name=label)
        self.issue = self.do("issues/open", title="It is broken", labels=["one"])["number"]
        self.do("issues/assign", number=self.issue, assignees=["ann", "helper[bot]"])
        self.pull = self.do("pulls/open", title="Fixed")["number"]
        self.do("issues/label", number=self.pull, labels=["one", "two"])
        self.do("issues/assign", number=self.pull, assignees=["ben"])
        self.do("reviews/request", number=self.pull, reviewers=["ann", "cyn"], teams=["crew"])
        self.installation = installed(sim)
        receiver.clear()

    def do(self, what: str, **more: Any) -> Any:
        return self.sim.control(what, {**self.where, **more})

    def deliver(self) -> None:
        """Apply what GitHub has sent since the last time."""
        apply_sent(heard(self.sim, self.receiver))
        settle_doubts()

    def equal(self) -> None:
        """Every member is as GitHub has it, and the lists beside them say the same."""
        there, here = github(self.sim, None, TABLES), children(query)
        for name in TABLES:
            assert there[name], f"{name}: there is something to compare"
            assert here[name] == there[name], name
        agree()

    def later(self) -> None:
        """Nothing is on its way any more."""
        for model in (Issue, PullRequest):
            model.objects.update(observed_at=F("observed_at") - 2 * IN_FLIGHT)

    def audit(self, **how: bool) -> list[tuple[str, str]]:
        """What an audit finds, all of it repaired."""
        before = AuditFinding.objects.count()
        Auditor(GitHubAppInstallation.objects.get(), **how).run()
        found = AuditFinding.objects.order_by("pk")[before:]
        assert [one for one in found if not one.repaired] == []
        return sorted((one.resource, one.problem) for one in found)


def agree() -> None:
    """The lists of an issue and the tables come from one reading."""
    for model in (Issue, PullRequest):
        for one in model.live.filter(sets_read=True):
            where = {"repository_id": one.repository_id, "issue_number": one.number}
            labels = IssueLabel.objects.filter(**where).values_list("label_node_id", flat=True)
            assert sorted(labels) == sorted(label["node_id"] for label in one.labels)
            people = IssueAssignee.objects.filter(**where).values_list("user_login", flat=True)
            assert sorted(people) == one.assignees


@pytest.fixture
def scene(sim: Sim, receiver: Receiver) -> Scene:
    forget_tokens()
    return Scene(sim, receiver)


def test_a_set_that_differs_is_found_and_healed(scene: Scene) -> None:
    scene.later()
    assert scene.audit(deep=True) == []
    old = IssueLabel.objects.filter(issue_number__lt=scene.issue).first()
    assert old is not None
    IssueLabel.objects.filter(repository=old.repository_id, issue_number=old.issue_number).delete()
    pull = PullRequest.objects.filter(number__lt=scene.issue).earliest("updated_at")
    where = {"repository": pull.repository, "pull_number": pull.number}
    RequestedReviewer.objects.create(**where, reviewer_type="user", reviewer_id=7)
    assert scene.audit(deep=True) == [("issue_label", "stale"), ("requested_reviewer", "stale")]
    scene.equal()
    assert not Issue.live.exclude(dirty_at=None).exists()


def test_sets_that_an_older_autosync_did_not_have_are_unknown_until_they_are_read(
    scene: Scene,
) -> None:
    for carrier in (Issue, PullRequest):
        carrier.objects.update(sets_read=False)
    for member in MODELS:
        member._default_manager.all().delete()
    seen = "SELECT count(*) FROM github.issues WHERE NOT sets_read"
    assert query(seen) == [[Issue.live.count()]]
    scene.later()
    scene.audit()
    assert query(seen) == [[0]]
    scene.equal()
    assert not PullRequest.live.exclude(dirty_at=None).exists()


def test_teams_that_graphql_does_not_show_are_read_by_rest(scene: Scene) -> None:
    scene.sim.control("installation/permissions", {"permissions": {"members": None}})
    client = GitHubSyncManager(scene.installation).client
    client.refuse_token(client.token())
    scene.do("reviews/request", number=scene.pull, teams=["staff"])
    scene.receiver.clear()
    period()
    asked = RequestedReviewer.objects.filter(pull_number=scene.pull, reviewer_type="team")
    assert set(asked.values_list("reviewer_login", flat=True)) == {"crew", "staff"}
    scene.equal()
    assert not PullRequest.objects.exclude(lacking=None).exists()


def test_sets_are_imported_and_follow_what_carries_them(scene: Scene) -> None:
    scene.equal()
    logins = RequestedReviewer.objects.filter(pull_number=scene.pull).values_list(
        "reviewer_type", "reviewer_login"
    )
    assert set(logins) == {("user", "ann"), ("user", "cyn"), ("team", "crew")}

    scene.do("issues/label", number=scene.issue, labels=["two"])
    scene.do("issues/assign", number=scene.issue, assignees=[])
    scene.do("reviews/request", number=scene.pull, teams=["staff"])
    scene.do("reviews/unrequest", number=scene.pull, reviewers=["ann"])
    scene.do("issues/assign", number=scene.pull, assignees=["ben", "cyn"])
    new = scene.do("issues/open", title="New", labels=["one", "two"])["number"]
    scene.deliver()
    scene.equal()
    # Who reviews is asked no longer; the review alone says so.
    scene.do("reviews/submit", number=scene.pull, sender="cyn")
    scene.deliver()
    scene.equal()

    # A label that is renamed keeps its links; one that is deleted is on nothing any more.
    links = set(IssueLabel.objects.values_list("pk", flat=True))
    scene.do("labels/edit", name="one", new_name="first")
    scene.deliver()
    assert set(IssueLabel.objects.values_list("pk", flat=True)) == links
    scene.do("labels/delete", name="two")
    scene.deliver()
    scene.equal()

    # Lost webhooks: the next sync reads what moved.
    scene.sim.control("webhooks", {"on": False})
    scene.do("issues/label", number=new, labels=[])
    scene.do("reviews/unrequest", number=scene.pull, teams=["crew"])
    scene.sim.control("webhooks", {"on": True})
    scene.receiver.clear()
    period()
    scene.equal()

    # What is deleted or transferred carries nothing here any more.
    scene.do("issues/label", number=new, labels=["first"])
    scene.do("issues/transfer", number=scene.issue, to=scene.other)
    scene.do("issues/delete", number=new)
    scene.deliver()
    home = Repository.objects.get(full_name=scene.where["repository"])
    gone = IssueLabel.objects.filter(repository=home, issue_number__in=(new, scene.issue))
    assert not gone.exists()
    scene.equal()
