"""Deliveries become rows: GitHub's own examples, in any order, again and again."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import Model
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from autosync.kinds import IGNORED, handlers
from autosync.mirror.inbox import store
from autosync.mirror.models import (
    Commit,
    Delivery,
    FeedEvent,
    GitHubAppInstallation,
    Issue,
    PullRequest,
    Ref,
    Repository,
)
from autosync.sync import WebhookProcessor
from octokit import examples

pytestmark = pytest.mark.django_db(transaction=True)
OURS = ("github_issue_id", "title", "state", "updated_at", "repository_id", "deleted_at")


@pytest.fixture(autouse=True)
def _no_tasks_left_over() -> None:
    """Procrastinate's models are read-only to Django, so its rows outlive Django's flush."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE procrastinate_jobs CASCADE")


def deliver(event: str, payload: dict[str, Any], guid: str) -> Delivery:
    """What the receiver would have stored; examples from repository hooks get an installation."""
    payload = {"installation": {"id": 1}, **payload}
    delivery = Delivery(guid=guid, event=event, action=payload.get("action") or "", headers={})
    delivery.body = json.dumps(payload).encode()
    store([delivery], Delivery.Source.WEBHOOK)
    return Delivery.objects.get(guid=guid)


def rows(model: type[Model], *fields: str) -> list[tuple[Any, ...]]:
    return sorted(model._default_manager.values_list(*fields))


def state_of_the_mirror() -> dict[str, list[tuple[Any, ...]]]:
    """The content of the rows, without when it was observed."""
    return {
        "issues": [
            (*r[:-1], r[-1] is not None)
            for r in rows(Issue, "pk", "title", "state", "updated_at", "deleted_at")
        ],
        "pulls": rows(PullRequest, "pk", "title", "state", "merged", "updated_at"),
        "commits": rows(Commit, "repository_id", "sha", "message"),
        "repositories": rows(Repository, "pk", "full_name"),
    }


@pytest.mark.octokit
def test_every_published_example_is_applied_or_deliberately_ignored() -> None:
    for number, (event, payload) in enumerate(examples()):
        deliver(event, payload, f"example-{number}")
    WebhookProcessor().drain()
    assert not Delivery.objects.filter(status__in=["pending", "parked"]).values_list(
        "event", "action", "error"
    )
    for delivery in Delivery.objects.filter(status=Delivery.Status.IGNORED):
        assert delivery.event in IGNORED or delivery.event not in handlers() or delivery.error


@pytest.mark.octokit
def test_the_examples_leave_the_rows_they_speak_of() -> None:
    for number, (event, payload) in enumerate(examples()):
        deliver(event, payload, f"example-{number}")
    WebhookProcessor().drain()
    # GitHub sends (de)milestoned of a pull request as an `issues` event.
    real = [
        p["issue"] for e, p in examples() if e == "issues" and not p["issue"].get("pull_request")
    ]
    issues = {i["id"] for i in real}
    pulls = {p["pull_request"]["id"] for e, p in examples() if e == "pull_request"}
    commits = {c["id"] for e, p in examples() if e == "push" for c in p["commits"]}
    assert issues <= set(Issue.objects.values_list("pk", flat=True))
    assert pulls == set(PullRequest.objects.values_list("pk", flat=True))
    assert commits == set(Commit.objects.values_list("sha", flat=True))
    assert FeedEvent.objects.filter(kind="issue", action="opened").exists()


@pytest.mark.octokit
@pytest.mark.parametrize("seed", range(3))
def test_shuffled_and_repeated_the_examples_leave_the_same_rows(seed: int) -> None:
    """Ties of one-second clocks are left to asking GitHub; here only newer ones count."""
    chosen = [
        (event, payload) for event, payload in examples() if event in ("issues", "pull_request")
    ]
    settled = _without_ties(chosen)
    for number, (event, payload) in enumerate(settled):
        deliver(event, payload, f"in-order-{number}")
    WebhookProcessor().drain()
    expected = state_of_the_mirror()
    for model in (Issue, PullRequest, Commit, Repository, Delivery):
        model.objects.all().delete()
    shuffled = [(n, e, p) for n, (e, p) in enumerate(settled)] * 2
    random.Random(seed).shuffle(shuffled)
    for count, (number, event, payload) in enumerate(shuffled):
        deliver(event, payload, f"shuffled-{number}-{count % 2}")
        if count % 7 == 0:
            WebhookProcessor().drain()
    WebhookProcessor().drain()
    assert state_of_the_mirror() == expected


def _without_ties(chosen: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    """One example per object and clock: the published ones reuse a few objects."""
    kept: dict[tuple[str, int, str], tuple[str, dict[str, Any]]] = {}
    for event, payload in chosen:
        thing = payload["issue" if event == "issues" else event]
        kept.setdefault((event, thing["id"], thing["updated_at"]), (event, payload))
    return list(kept.values())


def issue(number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "action": more.pop("action", "opened"),
        "repository": {"id": 7, "name": "r", "full_name": "o/r", "default_branch": "main"},
        "issue": {
            "id": 100 + number,
            "number": number,
            "title": "t",
            "created_at": "2026-01-01T00:00:00Z",
            "updated_at": "2026-01-01T00:00:00Z",
            **more,
        },
    }


def test_the_same_delivery_ten_times_is_one_row_and_one_line_of_the_feed() -> None:
    for _ in range(10):
        deliver("issues", issue(), "one-guid")
    WebhookProcessor().drain()
    WebhookProcessor.replay([Delivery.objects.get().pk])
    WebhookProcessor().drain()
    assert Issue.objects.count() == 1
    assert FeedEvent.objects.filter(kind="issue").count() == 1


@pytest.mark.parametrize("on", [{}, {"pull_request": {"url": "https://github.test/pulls/1"}}])
def test_a_comment_is_one_line_of_the_feed_on_issues_and_pull_requests(on: dict[str, Any]) -> None:
    payload, moment = issue(), "2026-01-01T00:00:00Z"
    payload["issue"] |= on
    payload["comment"] = {
        "id": 77, "body": "Private words", "user": {"id": 5, "login": "grace"},
        "html_url": "https://github.test/issues/1#issuecomment-77",
        "issue_url": f"https://api.github.test/issues/{payload['issue']['number']}",
        "created_at": moment, "updated_at": moment,
    }  # fmt: skip
    deliver("issue_comment", {**payload, "action": "created"}, "comment")
    WebhookProcessor().drain()
    lines = FeedEvent.objects.exclude(kind="repository")
    line = lines.values_list("kind", "action", "object_key", "title", "html_url").get()
    # What was written is not repeated: it would stay when the comment is deleted.
    url = payload["comment"]["html_url"]
    assert line == ("comment", "created", str(payload["issue"]["number"]), "", url)


@pytest.fixture
def _fails() -> Iterator[None]:
    """The database refuses issues of this title, for a reason that may pass."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'not now'; END $$; "
            "CREATE TRIGGER refuse BEFORE INSERT ON issues FOR EACH ROW "
            "WHEN (NEW.title = 'fails') EXECUTE FUNCTION refuse()"
        )
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER refuse ON issues; DROP FUNCTION refuse()")


@pytest.mark.usefixtures("_fails")
def test_a_bad_delivery_does_not_hold_up_the_others() -> None:
    bad = deliver("issues", issue(1, title="fails"), "bad")
    deliver("issues", issue(2), "good")
    WebhookProcessor().process_batch()
    bad.refresh_from_db()
    assert (bad.status, bad.attempts) == ("pending", 1)
    assert "not now" in bad.error
    assert bad.next_attempt_at > timezone.now()
    assert Issue.objects.get().number == 2


def test_a_delivery_that_can_never_be_read_is_parked_at_the_first_attempt() -> None:
    bad = deliver("issues", {**issue(1), "issue": "not an issue"}, "bad")
    deliver("issues", issue(2), "good")
    WebhookProcessor().process_batch()
    bad.refresh_from_db()
    assert (bad.status, bad.attempts) == ("parked", 1)
    assert "$.issue" in bad.error
    assert Issue.objects.get().number == 2


@pytest.mark.usefixtures("_fails")
def test_a_delivery_that_keeps_failing_is_parked_and_can_be_replayed() -> None:
    bad = deliver("issues", issue(1, title="fails"), "bad")
    for _ in range(8):
        Delivery.objects.update(next_attempt_at=timezone.now())
        WebhookProcessor().process_batch()
    bad.refresh_from_db()
    assert (bad.status, bad.attempts) == ("parked", 8)
    Delivery.objects.update(body=json.dumps({"installation": {"id": 1}, **issue(1)}).encode())
    assert WebhookProcessor.replay([bad.pk]) == 1
    WebhookProcessor().drain()
    bad.refresh_from_db()
    assert bad.status == "applied"


def test_an_event_of_a_repository_never_seen_heals_itself() -> None:
    deliver("issues", issue(), "first")
    WebhookProcessor().drain()
    repository = Repository.objects.get()
    assert repository.full_name == "o/r"
    assert repository.dirty_at is not None  # it may be gone: a listing will tell
    assert _tasks() == {
        "autosync.sync.tasks.import_installation",
        "autosync.sync.tasks.import_repository",
    }


def test_a_repository_switched_off_keeps_its_deliveries_and_applies_none() -> None:
    GitHubAppInstallation.objects.create(pk=1, observed_at=timezone.now())
    Repository.objects.create(
        pk=7, installation_id=1, name="r", observed_at=timezone.now(), auto_sync_enabled=False
    )
    delivery = deliver("issues", issue(), "kept")
    WebhookProcessor().drain()
    delivery.refresh_from_db()
    assert delivery.status == "ignored"
    assert "auto_sync_enabled" in delivery.error
    assert not Issue.objects.exists()


def test_a_deleted_issue_is_not_revived_by_a_late_event() -> None:
    deliver("issues", issue(action="deleted", updated_at="2026-01-01T00:00:01Z"), "deleted")
    deliver("issues", issue(action="edited", updated_at="2026-01-01T00:00:09Z"), "late")
    WebhookProcessor().drain()
    assert not Issue.live.exists()


def push(before: str, after: str, *commits: str) -> dict[str, Any]:
    return {
        "ref": "refs/heads/main",
        "before": before,
        "after": after,
        "repository": {"id": 7, "name": "r", "full_name": "o/r", "default_branch": "main"},
        "commits": [
            {
                "id": sha,
                "message": sha,
                "timestamp": "2026-01-01T00:00:00+02:00",
                "author": {"name": "A", "email": "a@example.org", "username": "a"},
                "committer": {"name": "A", "email": "a@example.org"},
            }
            for sha in commits
        ],
    }


def test_a_push_shows_its_commits_at_once_and_moves_the_branch() -> None:
    deliver("push", push("0" * 40, "a" * 40, "a" * 40), "1")
    deliver("push", push("a" * 40, "b" * 40, "b" * 40), "2")
    WebhookProcessor().drain()
    assert Commit.objects.count() == 2
    assert Ref.objects.get().sha == "b" * 40
    assert "autosync.sync.tasks.sync_git" in _tasks()


def test_a_push_that_does_not_join_the_chain_leaves_the_branch_to_git() -> None:
    deliver("push", push("0" * 40, "a" * 40, "a" * 40), "1")
    deliver("push", push("b" * 40, "c" * 40, "c" * 40), "3")
    WebhookProcessor().drain()
    assert Ref.objects.get().sha == "a" * 40
    assert Commit.objects.count() == 2


def test_a_branch_follows_all_pushes_of_a_batch_as_one_by_one() -> None:
    a, b, c, nothing = ("abc0"[place] * 40 for place in range(4))
    chains = {
        "straight": [(nothing, a), (a, b), (b, c)],
        "joined in the middle": [(nothing, b), (a, b), (b, c)],
        "late": [(nothing, a), (b, c), (a, b)],
        "deleted and made again": [(nothing, a), (a, nothing), (nothing, c)],
        "deleted late": [(nothing, a), (b, nothing), (a, b)],
        "to and fro": [(nothing, a), (a, b), (b, a)],
    }
    deliver("push", push(nothing, nothing, ""), "the repository")
    WebhookProcessor().drain()
    for at_once in (100, 1):
        for name, chain in chains.items():
            for number, (before, after) in enumerate(chain):
                moved = {**push(before, after, ""), "ref": f"refs/heads/{name}/{at_once}"}
                deliver("push", moved, f"{name} {at_once} {number}")
        while WebhookProcessor().process_batch(at_once):
            pass
    found = {ref.name: (ref.sha, ref.deleted_at is None) for ref in Ref.objects.all()}
    for name in chains:
        assert found[f"{name}/100"] == found[f"{name}/1"], name
    assert found["straight/100"] == (c, True)
    assert found["joined in the middle/100"] == (c, True)
    assert found["late/100"] == (b, True)
    assert found["deleted late/100"] == (b, True)


def test_large_deliveries_are_not_all_held_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        deliver("issues", issue(number + 1, body="x" * 4000), str(number))
    monkeypatch.setattr("autosync.sync.apply.BATCH_BYTES", 6000)
    processor = WebhookProcessor()
    assert [processor.process_batch() for _ in range(4)] == [1, 1, 1, 0]
    assert Issue.objects.count() == 3


def _tasks() -> set[str]:
    from procrastinate.contrib.django.models import ProcrastinateJob

    return set(ProcrastinateJob.objects.values_list("task_name", flat=True))


@pytest.mark.parametrize(
    ("event", "action", "before", "asked"),
    [
        ("label", "edited", {"name": {"from": "bug"}}, True),
        ("label", "edited", {"description": {"from": ""}}, False),
        ("label", "deleted", None, False),  # another label: `defect` is what was deleted
        ("milestone", "edited", {"title": {"from": "1.0"}}, True),
        ("milestone", "closed", None, False),
    ],
)
def test_a_renamed_label_or_milestone_has_its_issues_asked_for(
    event: str, action: str, before: dict[str, Any] | None, asked: bool
) -> None:
    bug = {"node_id": "LA_1", "name": "bug", "color": "ff0000"}
    carried = {"labels": [bug], "milestone": {"title": "1.0"}}
    deliver("issues", issue(1, **carried), "one")
    deliver("issues", issue(2), "two")
    WebhookProcessor().drain()
    change: dict[str, Any] = {"action": action, "repository": issue()["repository"]}
    change |= {event: {"name": "defect", "title": "2.0", "color": "ff0000"}}
    deliver(event, change | ({"changes": before} if before else {}), "renamed")
    WebhookProcessor().drain()
    dirty = Issue.objects.filter(dirty_at__isnull=False).values_list("number", flat=True)
    assert list(dirty) == ([1] if asked else [])


def test_a_late_removal_hides_nothing_that_another_installation_shows() -> None:
    deliver("issues", issue(), "first")
    WebhookProcessor().drain()
    for number, hidden in ((2, False), (1, True)):
        left = {
            "action": "removed",
            "repositories_removed": [{"id": 7, "name": "r", "full_name": "o/r"}],
        }
        deliver("installation_repositories", left | {"installation": {"id": number}}, f"{number}")
        WebhookProcessor().drain()
        assert (Repository.objects.get().removed_at is not None) == hidden


def test_an_event_of_another_installation_tells_the_content_and_moves_nothing() -> None:
    """It may be late, and that installation gone: which one shows a repository its list tells."""
    home = {"id": 7, "name": "r", "full_name": "o/r"}
    for number, second in ((1, 0), (2, 1)):
        told = home | {
            "description": f"told {number}",
            "updated_at": f"2026-01-01T00:00:0{second}Z",
        }
        change = {"action": "edited", "repository": told, "installation": {"id": number}}
        deliver("repository", change, f"{number}")
        WebhookProcessor().drain()
    repository = Repository.objects.get()
    assert (repository.installation_id, repository.description) == (1, "told 2")
    assert "autosync.sync.tasks.refresh_installation" in _tasks()


@pytest.mark.parametrize(
    ("age", "synced", "doubted"),
    [(0, 60, False), (3600, 7200, True), (5, 1, True), (3600, None, False)],
)
def test_a_new_issue_that_comes_late_is_asked_for(
    age: int, synced: int | None, doubted: bool
) -> None:
    """It may have been deleted unheard. Seconds ago it was opened, and its repository synced."""
    deliver("repository", {"action": "edited", "repository": issue()["repository"]}, "first")
    WebhookProcessor().drain()
    now = timezone.now()
    if synced is not None:
        looked = now - timedelta(seconds=synced)
        Repository.objects.update(imported_at=looked, last_synced_at=looked)
    opened = issue(node_id="I_1", updated_at=(now - timedelta(seconds=age)).isoformat())
    deliver("issues", opened, "late")
    WebhookProcessor().drain()
    assert (Issue.objects.get().dirty_at is not None) == doubted
    assert ("autosync.sync.tasks.refetch" in _tasks()) == doubted
    assert (Issue.objects.get().observed_at < now) == doubted
    # What is here is not new.
    Issue.objects.update(dirty_at=None)
    deliver("issues", opened | {"action": "labeled"}, "again")
    WebhookProcessor().drain()
    assert Issue.objects.get().dirty_at is None


def test_a_delivery_takes_few_exchanges_with_the_database() -> None:
    """Each costs more than what it carries; before there were kinds they were 14."""
    now = timezone.now()
    GitHubAppInstallation.objects.create(pk=1, observed_at=now)
    deliver("issues", issue(updated_at=(now - timedelta(seconds=2)).isoformat()), "first")
    WebhookProcessor().drain()
    deliver("issues", issue(title="edited", updated_at=now.isoformat()), "second")
    with CaptureQueriesContext(connection) as queries:
        assert WebhookProcessor().process_batch(1) == 1
    assert Delivery.objects.get(guid="second").status == Delivery.Status.APPLIED
    written = [one["sql"] for one in queries if "forgotten_people" not in one["sql"]]
    # Besides the claim, which goes past Django's log.
    assert len(written) <= 8, "\n".join(written)
