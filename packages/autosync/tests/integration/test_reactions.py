"""Who reacted, where somebody wants to know it: off unless AUTOSYNC_KINDS adds it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from autosync import connect
from autosync.github import Priority
from autosync.kinds import KINDS
from autosync.kinds.reaction import Reaction
from autosync.mirror.doubt import IN_FLIGHT
from autosync.mirror.models import AuditFinding, ChildrenRead, GitHubAppInstallation, Repository
from autosync.models import Issue, PullRequest
from autosync.sync.audit import Auditor
from autosync.sync.audit import children as audit_children
from autosync.sync.children import waiting
from githubsim.testing import Sim
from tests.integration.engine import engine, installed

pytestmark = pytest.mark.django_db(transaction=True)
KIND = KINDS["reaction"]


def here() -> set[tuple[int, str, str]]:
    return set(Reaction.live.values_list("issue_number", "content", "user_login"))


def test_reactions_are_read_where_there_are_some_and_audits_find_those_nobody_told_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with (
        Sim(repositories=1, commits=6, issues=3, pulls=1, install=False, limits=False) as sim,
        engine(sim, monkeypatch, AUTOSYNC_KINDS="+reaction"),
    ):
        # What is made here is some seconds old, and not on its way any more.
        monkeypatch.setattr(audit_children, "IN_FLIGHT", timedelta(0))
        (home,) = sim.truth()["repositories"]
        where: dict[str, Any] = {"repository": home["full_name"]}
        for login in ("ann", "bob"):
            sim.control("accounts/create", {"login": login})
        liked, quiet = (sim.control("issues/open", where)["number"] for _ in range(2))
        pull = sim.control("pulls/open", where)["number"]
        for number, content, sender in ((liked, "+1", "ann"), (liked, "heart", "bob"),
                                        (pull, "rocket", "ann")):  # fmt: skip
            sim.control("react", where | {"number": number, "content": content, "sender": sender})
        installed(sim)
        told = {(liked, "+1", "ann"), (liked, "heart", "bob"), (pull, "rocket", "ann")}
        assert here() >= told
        asked = set(
            ChildrenRead.objects.filter(kind="reaction/issue").values_list("parent_id", flat=True)
        )
        assert Issue.objects.get(number=liked).pk in asked
        assert Issue.objects.get(number=quiet).pk not in asked, "nobody reacted to it"
        # Nobody is told of these.
        sim.control("react", where | {"number": quiet, "content": "eyes", "sender": "bob"})
        past = 4 * IN_FLIGHT
        for model in (Issue, PullRequest):
            model._default_manager.update(
                updated_at=F("updated_at") - past, observed_at=F("observed_at") - past
            )
        Reaction.objects.update(observed_at=F("observed_at") - past)
        ChildrenRead.objects.update(clock=timezone.now() + timedelta(seconds=1), marked_at=None)
        repository = Repository.objects.get()
        assert "reaction" not in waiting([repository.pk])[repository.pk]
        Auditor(GitHubAppInstallation.objects.get(), deep=True).run()
        found = AuditFinding.objects.filter(resource="reaction")
        assert {one.problem for one in found if one.repaired} == {"missing"}
        assert here() >= told | {(quiet, "eyes", "bob")}
        client = connect.installation_client(repository.installation_id, Priority.RECONCILE)
        pages = client.pages(f"/repos/{home['full_name']}/issues/{liked}/reactions", {})
        for one in (item for page in pages for item in page.items()):
            row = Reaction.live.get(node_id=one["node_id"])
            assert (row.content, row.user_id) == (one["content"], one["user"]["id"])
