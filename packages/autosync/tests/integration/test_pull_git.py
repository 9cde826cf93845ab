"""The commits and files of pull requests: read from git, judged by GitHub's own lists of each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.db import connection
from django.db.models import F
from pydantic import ByteSize

from autosync import config, connect
from autosync.github import InstallationClient, Priority, git_pulls
from autosync.mirror.models import (
    Commit,
    GitHubAppInstallation,
    PullRequestCommit,
    PullRequestFile,
    Repository,
    ResourceCursor,
)
from autosync.models import PullRequest
from autosync.sync import forget, pull_git
from autosync.sync.followups import settle_doubts
from autosync.sync.followups import sync_pull_git as follow_up
from autosync.sync.pull_git import sync_pull_git
from autosync.sync.purge import purge_gone
from autosync.sync.standing import standing
from githubsim.receiver import Receiver
from githubsim.testing import Sim
from tests.integration.api_rows import client_with
from tests.integration.engine import apply_sent, engine, heard, installed

pytestmark = pytest.mark.django_db(transaction=True)
Brought = dict[int, tuple[list[Any], list[Any]]]


def silent() -> None:
    """Nobody watches."""


class Scene:
    """One repository with pull requests in every state, mirrored."""

    def __init__(self, sim: Sim, receiver: Receiver) -> None:
        self.sim, self.receiver = sim, receiver
        (home,) = sim.truth()["repositories"]
        self.name = home["full_name"]
        self.person = sim.control("accounts/create", {"login": "judge"})["login"]
        own = sim.control("token", {"login": self.person})["token"]
        self.rest = httpx.Client(
            base_url=f"{sim.url}/repos/{self.name}", headers={"Authorization": f"Bearer {own}"}
        )
        sim.ask("requests", clear=1)
        installed(sim)
        self.imported = sim.requests()["endpoints"]
        self.home = Repository.objects.get()
        self.arrive()

    @property
    def client(self) -> InstallationClient:
        installation = GitHubAppInstallation.objects.get()
        return connect.installation_client(installation.pk, Priority.RECONCILE)

    def do(self, what: str, **more: Any) -> Any:
        return self.sim.control(what, {"repository": self.name, **more})

    def arrive(self) -> set[str]:
        """What GitHub has sent is applied; the tasks that it asked for."""
        received = heard(self.sim, self.receiver)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM procrastinate_jobs WHERE status = 'todo'")
        apply_sent(received)
        settle_doubts()
        with connection.cursor() as cursor:
            cursor.execute("SELECT task_name FROM procrastinate_jobs WHERE status = 'todo'")
            return {row[0].rpartition(".")[2] for row in cursor.fetchall()}

    def live(self) -> None:
        """Something about a pull request was sent, and what it asks for is done."""
        assert "sync_pull_git" in self.arrive()
        follow_up(self.home.pk)

    def there(self) -> Brought:
        """What GitHub's lists have, of every pull request."""
        found = {}
        for one in self.pages("/pulls?state=all&"):
            path = f"/pulls/{one['number']}"
            commits = [(c["sha"], c["commit"]["message"]) for c in self.pages(f"{path}/commits?")]
            files = [
                (f["filename"], f.get("previous_filename", ""), f["status"], f["additions"],
                 f["deletions"])
                for f in self.pages(f"{path}/files?")
            ]  # fmt: skip
            found[one["number"]] = (commits, files)
        return found

    def pages(self, path: str) -> Iterator[Any]:
        for page in range(1, 100):
            items = self.rest.get(f"{path}per_page=100&page={page}").json()
            yield from items
            if len(items) < 100:
                return

    def here(self) -> Brought:
        found: Brought = {n: ([], []) for n in PullRequest.objects.values_list("number", flat=True)}
        for one in PullRequestCommit.objects.order_by("position"):
            found[one.pull_request_number][0].append((one.sha, one.message.rstrip("\n")))
        for file in PullRequestFile.objects.order_by("position"):
            found[file.pull_request_number][1].append(
                (file.path, file.previous_path, file.status, file.additions or 0,
                 file.deletions or 0)
            )  # fmt: skip
        return found

    def later(self) -> None:
        """Nothing is on its way any more."""
        PullRequest.objects.update(observed_at=F("observed_at") - timedelta(minutes=5))

    def read(self) -> int:
        return sync_pull_git(self.home, self.client, silent)

    def waits(self) -> bool:
        return standing([self.home.pk])[self.home.pk].unfinished


@contextmanager
def mirrored(patch: pytest.MonkeyPatch, **settings: str) -> Iterator[Scene]:
    with (
        Receiver() as receiver,
        Sim(
            repositories=1, commits=80, issues=2, pulls=25, install=False, limits=False,
            webhook_url=receiver.url,
        ) as sim,
        engine(sim, patch, **settings),
    ):  # fmt: skip
        yield Scene(sim, receiver)


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    with mirrored(monkeypatch) as scene:
        yield scene


def test_an_import_has_what_each_brings_and_asks_for_none_of_them(scene: Scene) -> None:
    there = scene.there()
    assert scene.here() == there
    assert len(there) >= 25
    assert max(len(commits) for commits, _ in there.values()) > 1
    assert not [one for one in scene.imported if "/pulls/{" in one]
    cursor = ResourceCursor.objects.get(resource=pull_git.RESOURCE)
    assert (cursor.state, cursor.done) == ("complete", len(there))
    assert not scene.waits()
    assert scene.read() == 0
    assert in_views() == related(there)


def in_views() -> tuple[set[Any], set[Any]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sha, pull_request_number, merged_as FROM github.commit_pull_requests"
        )
        belongs = set(cursor.fetchall())
        cursor.execute('SELECT sha, "position", parent FROM github.commit_parents')
        return belongs, set(cursor.fetchall())


def related(there: Brought) -> tuple[set[Any], set[Any]]:
    """What the views are to say of it."""
    belongs = {(sha, n, False) for n, (commits, _) in there.items() for sha, _ in commits}
    merged = PullRequest.objects.filter(merged=True).values_list("merge_commit_sha", "number")
    commits = Commit.objects.values_list("sha", "parents")
    parents = {(sha, at, one) for sha, some in commits for at, one in enumerate(some)}
    assert merged.exists()
    return belongs | {(sha, number, True) for sha, number in merged}, parents


def test_what_it_brings_follows_its_head_and_its_base(scene: Scene) -> None:
    made = scene.do("pulls/open", head="mine", title="Do it")
    scene.live()
    assert scene.here() == scene.there()
    number, base = made["number"], made["base"]["sha"]
    steps: list[tuple[str, dict[str, Any]]] = [
        ("push", {"branch": "mine", "count": 3}),
        ("push", {"branch": "mine", "force": True, "start": base, "count": 12}),
    ]
    for what, more in steps:
        scene.do(what, **more)
        scene.live()
        assert scene.here() == scene.there(), what
    assert len(scene.here()[number][0]) == 12
    # Another base has some of its commits already.
    scene.do("refs/set", ref="refs/heads/half", sha=scene.here()[number][0][5][0])
    asked = scene.rest.patch(f"/pulls/{number}", json={"base": "half"})
    assert asked.status_code == 200, asked.text
    scene.live()
    assert scene.here() == scene.there()
    assert len(scene.here()[number][0]) == 6
    # The base moves on: what it brings is still said of the base that GitHub has recorded.
    scene.do("push", branch="half")
    scene.do("pulls/merge", number=number)
    scene.do("refs/delete", ref="refs/heads/mine")
    scene.do("refs/delete", ref="refs/heads/half")
    squashed = scene.do("pulls/open", head="other")
    scene.do("pulls/merge", number=squashed["number"], squash=True)
    scene.live()
    assert scene.here() == scene.there()
    assert not scene.waits()


def test_a_merge_into_its_branch_is_one_of_its_commits(scene: Scene) -> None:
    made = scene.do("pulls/open", head="mine")
    scene.do("push", branch="main", count=2)
    inner = scene.do("pulls/open", head="main", base="mine")
    scene.do("pulls/merge", number=inner["number"])
    scene.live()
    assert scene.here() == scene.there()
    assert len(scene.here()[made["number"]][0]) == 2


def test_a_change_not_read_yet_is_remembered_by_its_row(scene: Scene) -> None:
    scene.do("pulls/open", head="mine")
    scene.arrive()
    assert scene.waits()
    assert scene.read() == 1
    assert not scene.waits()
    # As when it was in a list before git had it.
    lost = PullRequest.objects.order_by("-number")[0]
    PullRequest.objects.filter(pk=lost.pk).update(head_sha="f" * 40)
    assert scene.read() == 0
    assert scene.waits()
    scene.later()
    assert scene.read() == 1
    lost.refresh_from_db()
    assert (lost.git_unknown, scene.waits()) == (
        "The commit at its head is not in git.", False,
    )  # fmt: skip
    assert scene.here()[lost.number] == ([], [])


def test_what_no_ref_reaches_any_more_is_fetched_by_name(scene: Scene) -> None:
    scene.do("push", branch="base", count=2)
    made = scene.do("pulls/open", head="mine", base="base")
    scene.live()
    start = scene.rest.get("/commits/main").json()["sha"]
    scene.do("push", branch="base", force=True, start=start)
    assert made["base"]["sha"] != start
    PullRequest.objects.update(read_head_sha="", read_base_sha="")
    connect.git_reader(scene.home, scene.client).forget()
    scene.later()
    assert scene.read() == PullRequest.objects.count()
    assert scene.here() == scene.there()


def test_a_read_that_was_cut_off_goes_on(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    PullRequest.objects.update(read_head_sha="", read_base_sha="")
    monkeypatch.setattr(pull_git, "_PULLS", 5)
    steps = iter([None, None])

    def cut_off() -> None:
        next(steps)

    with pytest.raises(StopIteration):
        sync_pull_git(scene.home, scene.client, cut_off)
    assert scene.waits()
    left = PullRequest.objects.filter(read_head_sha="").count()
    assert 0 < left < PullRequest.objects.count()
    assert scene.read() == left
    assert scene.here() == scene.there()


def test_of_a_huge_one_the_first_are_kept(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_pulls, "MOST_FILES", 10)
    monkeypatch.setattr(git_pulls, "MOST_COMMITS", 12)
    files = {f"many/{number:02}": "x\n" for number in range(30)}
    scene.do("push", branch="mine", commits=[{"files": files}, *({} for _ in range(20))])
    made = scene.do("pulls/open", head="mine")
    scene.live()
    commits, changed = scene.here()[made["number"]]
    there = scene.there()[made["number"]]
    assert (commits, changed) == (there[0][-12:], there[1][:10])
    row = PullRequest.objects.get(number=made["number"])
    assert (row.commits_count, row.changed_files) == (21, len(there[1]))


def test_what_is_gone_or_too_large_has_nothing(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = PullRequest.objects.order_by("-number")[0]
    PullRequest.objects.filter(pk=gone.pk).update(deleted_at=gone.observed_at)
    assert scene.waits()
    scene.read()
    assert not scene.waits()
    assert not PullRequestFile.objects.filter(pull_request_number=gone.number).exists()
    assert PullRequestFile.objects.exists()
    # Git is not asked any more, so what moved is not shown as it was.
    monkeypatch.setattr(config.load(), "autosync_commit_files", ByteSize(0))
    moved = PullRequest.objects.order_by("number")[0]
    PullRequest.objects.filter(pk=moved.pk).update(head_sha="f" * 40)
    assert scene.waits()
    scene.read()
    assert not scene.waits()
    assert not PullRequestCommit.objects.filter(pull_request_number=moved.number).exists()
    assert PullRequestCommit.objects.exists()
    Repository.objects.update(removed_at=scene.home.observed_at)
    purge_gone(0)
    assert not PullRequestCommit.objects.exists()
    assert not PullRequestFile.objects.exists()


def test_the_author_of_a_commit_can_be_forgotten(scene: Scene) -> None:
    one = PullRequestCommit.objects.exclude(author_email="").order_by("pk")[0]
    mine = PullRequestCommit.objects.filter(author_email=one.author_email)
    before = mine.count()
    forget.forget(
        "nobody-here", emails=[one.author_email], even_if_unknown=True, settle=lambda: None
    )
    assert not mine.exists()
    blank = PullRequestCommit.objects.filter(author_email="", author_name="", message="")
    assert blank.count() == before
    PullRequest.objects.update(read_head_sha="", read_base_sha="")
    scene.read()
    assert not mine.exists()
    assert blank.count() == before


def test_both_are_listed(scene: Scene) -> None:
    client = client_with("read")
    number = PullRequest.objects.order_by("number")[0].number
    where = {"repository": scene.name, "pull_request": number}
    commits, files = scene.here()[number]
    listed = client.get("/api/pull-request-commits/", where).json()["items"]
    assert [(one["sha"], one["message"].rstrip("\n")) for one in listed] == commits
    assert listed[0]["authored_at"]
    listed = client.get("/api/pull-request-files/", where).json()["items"]
    assert [one["path"] for one in listed] == [one[0] for one in files]
    PullRequest.objects.update(read_head_sha="", read_base_sha="")
    answer = client.get("/api/pull-request-files/", where)
    assert (answer.status_code, "not read" in answer.json()["error"]) == (404, True)
    where["pull_request"] = 999_999
    assert client.get("/api/pull-request-commits/", where).status_code == 404
