"""A repository with two pull requests that people talk about, mirrored; judged by an independent
reader of GitHub and of the tables.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from autosync import connect
from autosync.github import InstallationClient, Priority
from autosync.kinds.review_comment import ReviewComment
from autosync.kinds.review_thread import ReviewThread
from autosync.mirror.doubt import IN_FLIGHT
from autosync.mirror.models import (
    AuditFinding,
    ChildrenRead,
    GitHubAppInstallation,
    Repository,
    ResourceCursor,
)
from autosync.models import PullRequest
from autosync.sync.audit import Auditor
from autosync.sync.followups import settle_doubts
from githubsim.receiver import Received, Receiver
from githubsim.testing import Sim
from tests.chaos.here import children
from tests.chaos.there import forget_tokens, github
from tests.integration.engine import apply_sent, engine, heard, installed, query

MODELS = (ReviewComment, ReviewThread)
TABLE_NAMES = tuple(model._meta.db_table for model in MODELS)


class Scene:
    """A repository with two pull requests that people talk about, mirrored. Webhooks arrive when a
    test lets them.
    """

    def __init__(self, sim: Sim, receiver: Receiver) -> None:
        self.sim, self.receiver = sim, receiver
        (home,) = sim.truth()["repositories"]
        self.where = {"repository": home["full_name"]}
        self.pull, self.other = (self.do("pulls/open", title="Do it")["number"] for _ in range(2))
        self.first = self.remark("Why?")
        self.answer = self.do("reviews/reply", comment_id=self.first, body="Because")["id"]
        self.do("reviews/comment", number=self.other, body="Well done")
        self.installation = installed(sim)
        self.home = Repository.objects.get()
        self.lose()

    @property
    def client(self) -> InstallationClient:
        return connect.installation_client(self.installation.pk, Priority.RECONCILE)

    def do(self, what: str, **more: Any) -> Any:
        return self.sim.control(what, {**self.where, **more})

    def remark(self, body: str) -> int:
        made: int = self.do("reviews/comment", number=self.pull, body=body)["id"]
        return made

    def push(self) -> None:
        """The line that was remarked on is no longer in the pull request."""
        one = PullRequest.objects.get(number=self.pull)
        self.do("push", branch=one.head_ref, force=True, start=one.base_sha, count=2)

    def sent(self) -> list[Received]:
        """What GitHub has sent since the last time."""
        return heard(self.sim, self.receiver)

    def lose(self) -> None:
        self.sent()

    def arrive(self, deliveries: list[Received] | None = None) -> None:
        apply_sent(self.sent() if deliveries is None else deliveries)
        settle_doubts()

    def equal(self) -> None:
        """Every field of every row is as GitHub has it."""
        there, here = github(self.sim, None, TABLE_NAMES), children(query)
        for name in TABLE_NAMES:
            assert there[name], f"{name}: there is something to compare"
            assert here[name].keys() == there[name].keys(), name
            for key, row in here[name].items():
                assert row == {one: there[name][key][one] for one in row}, (name, key)

    def later(self) -> None:
        """Nothing is on its way any more, and doubts may be settled for good."""
        past = 2 * IN_FLIGHT
        for model in (*MODELS, PullRequest):
            model._default_manager.update(
                observed_at=F("observed_at") - past,
                deleted_at=F("deleted_at") - past,
                dirty_at=F("dirty_at") - past,
            )
        ReviewComment.objects.update(placed_at=F("placed_at") - past)
        # Their list shows only what changes from now on.
        lists = ResourceCursor.objects.filter(resource="review_comment")
        lists.update(watermark=timezone.now() + timedelta(seconds=1))

    def settled(self) -> None:
        """All pull requests have been read since they moved."""
        PullRequest.objects.update(updated_at=F("updated_at") - timedelta(minutes=5))
        ChildrenRead.objects.update(clock=timezone.now(), marked_at=None)

    def audit(self, *, deep: bool = False) -> set[tuple[str, str]]:
        """What an audit finds and repairs, by kind."""
        before = AuditFinding.objects.count()
        Auditor(GitHubAppInstallation.objects.get(), deep=deep).run()
        found = AuditFinding.objects.order_by("pk")[before:]
        assert [one for one in found if not one.repaired] == []
        return {(one.resource, one.problem) for one in found}

    def asked(self) -> dict[str, int]:
        """Requests since the last time, by endpoint without the repository's name."""
        found: dict[str, int] = {}
        for path, answers in self.sim.requests()["endpoints"].items():
            found[path] = sum(answers.values())
        self.sim.ask("requests", clear=1)
        return found


@contextmanager
def talked_about(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """The scene, for as long as a test needs it."""
    forget_tokens()
    with (
        Receiver() as receiver,
        Sim(
            repositories=1,
            commits=12,
            issues=1,
            pulls=2,
            install=False,
            limits=False,
            webhook_url=receiver.url,
        ) as sim,
        engine(sim, monkeypatch),
    ):
        yield Scene(sim, receiver)
