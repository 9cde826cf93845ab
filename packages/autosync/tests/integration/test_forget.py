"""A person who is forgotten is in no table afterwards, and nothing brings them back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.utils import timezone

from autosync import config
from autosync.errors import AutoSyncError
from autosync.kinds import KINDS
from autosync.kinds.issue_comment import IssueComment
from autosync.mirror import people
from autosync.mirror.models import (
    AuditFinding,
    Commit,
    Condition,
    Contributor,
    Delivery,
    GitHubAppInstallation,
    Repository,
    SyncJob,
)
from autosync.mirror.upsert import Rule, upsert
from autosync.models import Issue, PullRequest, Review
from autosync.sync import eraser
from autosync.sync.audit import Auditor
from autosync.sync.commit_details import store_details
from autosync.sync.followups import settle_doubts, sync_git
from autosync.sync.forget import forget, remember_again
from autosync.sync.watch import look_at_this_machine
from githubsim.receiver import Receiver
from githubsim.testing import Sim
from tests.integration.api_rows import commit, installation, issue, repository
from tests.integration.engine import apply_sent, engine, heard, installed, period

pytestmark = pytest.mark.django_db(transaction=True)
LOGIN, NAME, EMAIL = "zelda-quux", "Zelda Quuxberry", "zelda@quuxberry.example"
TEXT = "waxwing"  # in all that she writes, and in nothing else


@pytest.fixture(autouse=True)
def nobody_forgotten() -> Iterator[None]:
    people.read_again()
    yield
    people.read_again()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def sim(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sim]:
    with (
        Sim(
            repositories=1, commits=6, issues=3, pulls=2, install=False, limits=False,
            webhook_url=receiver.url,
        ) as sim,
        engine(sim, monkeypatch, AUTOSYNC_SECRET_KEY="a key", AUTOSYNC_KINDS="+watcher"),
    ):  # fmt: skip
        yield sim


class Scene:
    """A person who does everything that can be done, mirrored by import and by webhooks."""

    def __init__(self, sim: Sim, receiver: Receiver) -> None:
        self.sim, self.receiver = sim, receiver
        (home,) = sim.truth()["repositories"]
        self.where = {"repository": home["full_name"]}
        made = sim.control(
            "accounts/create", {"login": LOGIN, "name": NAME, "email": EMAIL, "type": "User"}
        )
        self.id = int(made["id"])
        self.acts()
        installed(sim)
        receiver.clear()
        self.acts()
        self.deliver()
        self.search = re.compile(
            rf"{LOGIN}|{NAME}|{EMAIL}|{TEXT}|(?<![\d.]){self.id}(?![\d.])", re.IGNORECASE
        )

    def acts(self) -> None:
        """What she does, and what others say of her."""
        self.issue = self.do("issues/open", title=f"{TEXT} one", body=f"{TEXT} two")["number"]
        self.do("issues/edit", number=self.issue, title=f"{TEXT} three")
        self.comment = self.do("issues/comment", number=self.issue, body=f"{TEXT} four")["id"]
        self.pull = self.do("pulls/open", title=f"{TEXT} five", body=f"{TEXT} six")["number"]
        self.do("reviews/submit", number=self.pull, body=f"{TEXT} seven", comments=1)
        remark = self.do("reviews/comment", number=self.pull, body=f"{TEXT} remark")["id"]
        self.do("reviews/reply", comment_id=remark, body=f"{TEXT} reply")
        self.do("reviews/resolve", comment_id=remark)
        self.do(
            "releases/create", tag=f"v{self.issue}", name=f"{TEXT} 8", body=f"{TEXT} nine",
            assets=[f"{TEXT}.zip"],
        )  # fmt: skip
        self.do("milestones/create", title=f"{TEXT} {self.issue}", description=f"{TEXT} ten")
        self.do("push", commits=[{"message": f"{TEXT} eleven"}])
        self.do("star")
        self.do("watch")
        self.do("commits/comment", body=f"{TEXT} 12")
        self.do("repositories/fork", name=f"fork-{self.issue}")
        self.do("pulls/merge", number=self.pull)
        theirs = self.others("issues/open", title="A question", body=f"Ask @{LOGIN}, please.")
        self.theirs = theirs["number"]
        self.do("issues/assign", number=self.theirs, assignees=[LOGIN])
        self.others("issues/comment", number=self.theirs, body=f"See https://github.com/{LOGIN}")
        self.others(
            "push",
            commits=[{"message": f"A fix\n\nCo-authored-by: {NAME} <{EMAIL}>\nBy @{LOGIN}"}],
        )
        self.others("issues/label", number=self.issue, labels=["bug"])
        asked = self.others("pulls/open", title="A proposal")["number"]
        self.others("reviews/request", number=asked, reviewers=[LOGIN])

    def do(self, what: str, **more: Any) -> Any:
        return self.sim.control(what, {**self.where, "sender": LOGIN, **more})

    def others(self, what: str, **more: Any) -> Any:
        return self.sim.control(what, {**self.where, **more})

    def deliver(self) -> None:
        """Apply what GitHub has sent since the last time, and what follows from it."""
        apply_sent(heard(self.sim, self.receiver))
        assert not Delivery.objects.exclude(status__in=["applied", "ignored"]).exists()
        settle_doubts()
        sync_git(Repository.objects.get().pk)

    def found(self) -> dict[str, list[str]]:
        """Where she is in a dump of the whole database: table → lines."""
        found: dict[str, list[str]] = {}
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT table_schema, table_name FROM information_schema.tables "
                "WHERE table_schema NOT IN ('pg_catalog', 'information_schema')"
            )
            for schema, name in cursor.fetchall():
                cursor.execute(f'SELECT t::text FROM "{schema}"."{name}" t')
                for (line,) in cursor.fetchall():
                    # Bytes are written as hexadecimal digits.
                    text = re.sub(
                        r"\\+x((?:[0-9a-f]{2})+)",
                        lambda m: bytes.fromhex(m[1]).decode("utf-8", "replace"),
                        line,
                    )
                    hit = self.search.search(text)
                    if hit:
                        start = max(hit.start() - 80, 0)
                        found.setdefault(name, []).append(text[start : hit.end() + 80])
        return found


def own_words() -> None:
    """What AutoSync itself may have written about her."""
    SyncJob.objects.create(
        job_type="manual_sync", details={"who": [LOGIN]}, error_message=f"{LOGIN}: {NAME} <{EMAIL}>"
    )
    admin = User.objects.create(username="ada")
    LogEntry.objects.create(
        user=admin, action_flag=CHANGE, object_repr=LOGIN, change_message=f"Said {LOGIN}",
        content_type=ContentType.objects.get_for_model(SyncJob),
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO procrastinate_jobs (task_name, queue_name, args, status) "
            "VALUES ('x', 'x', jsonb_build_object('login', %s::text), 'succeeded')",
            [LOGIN],
        )


def test_a_forgotten_person_is_in_no_table_and_nothing_brings_them_back(
    sim: Sim, receiver: Receiver
) -> None:
    scene = Scene(sim, receiver)
    own_words()
    for table in (
        "issues", "issue_comments", "pull_requests", "reviews", "releases", "milestones",
        "review_comments", "review_threads", "timeline_events", "release_assets", "stars",
        "commit_comments", "watchers", "forks", "issue_assignees", "requested_reviewers", "commits",
        "contributors", "inbox", "feed", "sync_jobs", "django_admin_log", "procrastinate_jobs",
    ):  # fmt: skip
        assert table in scene.found(), f"she is in {table} before"
    trial = forget(LOGIN, dry_run=True)
    assert scene.found().keys() >= {"issues", "inbox"}, "a trial erases nothing"
    assert trial.known.ids == {scene.id}
    assert trial.known.emails == {EMAIL}

    erased = forget(LOGIN.upper())
    assert erased.rows == trial.rows
    assert not erased.left
    assert scene.found() == {}

    # What is kept: that something was written, and what others said.
    issue = Issue.objects.get(number=scene.issue)
    assert (issue.author_id, issue.author_login, issue.title, issue.body) == (None, "", "", "")
    assert Issue.objects.get(number=scene.theirs).body == "Ask @ghost, please."
    assert Issue.objects.get(number=scene.theirs).assignees == []
    assert PullRequest.objects.get(number=scene.pull).merged_by_login == ""
    assert "Co-authored-by: ghost <ghost>" in "".join(
        Commit.objects.values_list("message", flat=True)
    )

    # Later webhooks, of what was here and of what was not; then all is read again, and compared.
    scene.do("issues/comment/edit", comment_id=scene.comment, body=f"{TEXT} again")
    scene.others("issues/label", number=scene.issue, labels=[])
    scene.others("issues/comment", number=scene.issue, body=f"@{LOGIN}, any news?")
    scene.acts()
    scene.deliver()
    assert scene.found() == {}
    assert IssueComment.objects.get(pk=scene.comment).body == ""
    assert Issue.objects.filter(number=scene.issue, title="").exists()
    assert period().status == "completed"
    assert scene.found() == {}
    later = timezone.now() - timedelta(minutes=10)
    for model in (Issue, PullRequest, Review, IssueComment):
        model._default_manager.update(observed_at=later)
    Auditor(GitHubAppInstallation.objects.get(), deep=True).run()
    assert list(AuditFinding.objects.values_list("resource", "problem", "object_key")) == []
    assert scene.found() == {}
    assert not Contributor.objects.filter(login=LOGIN).exists()

    # Another import, into an empty mirror.
    Repository.objects.update(imported_at=None)
    for model in (Issue, PullRequest, Review, IssueComment, Commit):
        model._default_manager.all().delete()
    Repository.objects.get().cursors.all().delete()
    assert period().status == "completed"
    assert Issue.objects.filter(number=scene.issue, title="", author_id=None).exists()
    assert scene.found() == {}

    # Struck off the list again, she is read again.
    assert remember_again(LOGIN) >= 3
    scene.do("issues/edit", number=scene.issue, title=f"{TEXT} for all to see")
    scene.deliver()
    assert Issue.objects.get(number=scene.issue).author_login == LOGIN


def test_a_person_whose_account_has_the_app_is_erased_only_once_it_is_uninstalled() -> None:
    home = installation(account_login="zelda", account_id=815, account_type="User")
    mine = repository("zelda/own", installation=home)
    issue(mine, author_login="eve")
    with pytest.raises(AutoSyncError, match="installed on the account zelda itself"):
        forget("zelda")
    assert not people.current(), "nothing is kept out either"
    GitHubAppInstallation.objects.update(deleted_at=timezone.now())
    forget("815", settle=no_wait)
    assert not Repository.objects.exists()
    home.refresh_from_db()
    assert (home.account_login, home.account_id) == ("", None)


def test_somebody_unknown_is_said_to_be_unless_they_are_to_be_kept_out() -> None:
    with pytest.raises(AutoSyncError, match="knows nobody called nobody-here"):
        forget("nobody-here", settle=no_wait)
    assert not people.current()
    assert forget("nobody-here", even_if_unknown=True, settle=no_wait).rows == {}
    merge = KINDS["issue"].merge
    row = {"author_id": 99, "author_login": "Nobody-Here", "title": "Words"}
    people.current()
    (stored,) = people.unnamed(merge, [row])
    assert stored == {"author_id": None, "author_login": "", "title": ""}
    # The number stood beside the login: it is known by now, whatever the login becomes.
    (renamed,) = people.unnamed(merge, [{**row, "author_login": "renamed"}])
    assert renamed == stored
    # And whoever takes the old name is somebody else.
    other = {**row, "author_id": 100}
    assert list(people.unnamed(merge, [other])) == [other]
    assert remember_again("renamed") == 3


def test_a_login_that_several_accounts_had_is_no_answer() -> None:
    here = repository()
    issue(here, author_login="zelda", author_id=1)
    issue(here, author_login="Zelda", author_id=2)
    with pytest.raises(AutoSyncError, match="Several accounts were called zelda: 1, 2"):
        forget("zelda", dry_run=True)
    forget("2", settle=no_wait)
    assert set(Issue.objects.values_list("author_id", "author_login")) == {(1, "zelda"), (None, "")}


def test_killed_in_the_middle_it_is_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    here = repository()
    for _ in range(5):
        issue(here, author_login="zelda", author_id=1, title="Words")
    monkeypatch.setattr(eraser, "BATCH", 2)
    batches = eraser.Eraser._batches

    def killed(self: Any, *args: Any) -> Iterator[list[Any]]:
        for number, batch in enumerate(batches(self, *args)):
            if number == 1:
                raise KeyboardInterrupt
            yield batch

    monkeypatch.setattr(eraser.Eraser, "_batches", killed)
    with pytest.raises(KeyboardInterrupt):
        forget("zelda", settle=no_wait)
    monkeypatch.setattr(eraser.Eraser, "_batches", batches)
    assert Issue.objects.filter(title="Words").count() == 3
    assert forget("zelda", settle=no_wait).rows == {"issues": 3}
    assert not Issue.objects.exclude(title="", author_id=None).exists()


def test_with_another_key_nothing_is_written_and_it_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forget("zelda", even_if_unknown=True, settle=no_wait)
    monkeypatch.setattr(config.load(), "autosync_people_key", "another")
    people.read_again()
    look_at_this_machine()
    said = Condition.objects.get(name="people")
    assert "writes nothing" in said.message
    assert said.remedy.startswith("Set AUTOSYNC_PEOPLE_KEY")
    merge = KINDS["issue"].merge
    with pytest.raises(people.WrongKey, match="Set AUTOSYNC_PEOPLE_KEY"):
        upsert(merge, [{"github_issue_id": 1}], observed_at=timezone.now(), rule=Rule.VERSIONED)


def test_an_account_found_to_be_theirs_tells_the_address() -> None:
    """A commit has a name and an address; GitHub says later whose account that is."""
    forget("zelda", even_if_unknown=True, settle=no_wait)
    here = repository()
    one, other = (
        commit(here, author_name="Z", author_email="z@example.org", message="Words")
        for _ in range(2)
    )
    eve = commit(here, author_name="Eve", author_email="eve@example.org", message="Others")
    store_details(here, [(one.sha, {"login": "Zelda", "user_id": 7}), (eve.sha, {"login": "eve"})])
    for row in (one, other):
        row.refresh_from_db()
        assert (row.author_name, row.author_email, row.message) == ("", "", "")
        assert (row.author_login, row.author_user_id) == ("", None)
    eve.refresh_from_db()
    assert (eve.author_login, eve.message) == ("eve", "Others")
    assert people.current().address("Z@example.org")
    assert people.current().whose("id", "7")


def no_wait() -> None:
    """This process alone writes."""
