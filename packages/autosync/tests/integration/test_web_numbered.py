"""The page of an issue or a pull request: what it says, and what was said and done about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext

from autosync import config
from autosync.kinds import TABLES
from autosync.mirror.models import PullRequestCommit, PullRequestFile
from autosync.models import Issue, PullRequest, Repository
from autosync.web import hanging
from autosync.web.conversation import LENGTH
from autosync.web.headers import POLICY
from tests.integration import talk_scene as scene
from tests.integration import throwaway
from tests.integration.api_rows import T0, commit, moment

pytestmark = pytest.mark.django_db
# Session, user, repository, object, lists, sets, count, places, comments; a few for what hangs on
# reviews.
FEW = 16


@pytest.fixture
def here() -> Repository:
    return scene.rocket()


@pytest.fixture
def reader(client: Client) -> Client:
    client.force_login(User.objects.create_user("reader"))
    return client


Open = Callable[..., str]


@pytest.fixture
def page(reader: Client) -> Open:
    """Opens the page of an issue or pull request; query parameters by name."""

    def opened(of: Issue | PullRequest, **query: Any) -> str:
        answer = reader.get(address(of), query)
        assert answer.status_code == 200
        return answer.content.decode()

    return opened


def address(of: Issue | PullRequest) -> str:
    word = "issues" if isinstance(of, Issue) else "pulls"
    return f"/repositories/{of.repository_id}/{word}/{of.number}/"


def text(page: str, *, of: str = "main") -> str:
    """What a reader sees, without tags."""
    body = page[page.index(f'id="{of}"') :]
    return " ".join(re.sub(r"<[^>]*>", " ", body).split())


def anchors(page: str) -> list[str]:
    """The entries of the conversation, in order."""
    return re.findall(r'<li id="([\w-]+)"', page)


def test_an_issue_says_what_it_is(page: Open, here: Repository) -> None:
    it = scene.an_issue(here, state="closed", state_reason="not_planned", closed_at=T0,
                        reactions={"+1": 3}, author_association="owner")  # fmt: skip
    shown = page(it)
    assert "<title>It does not fly · Issue #12 · acme/rocket · AutoSync</title>" in shown
    assert 'href="https://github.com/acme/rocket/issues/12" rel="noreferrer">On GitHub' in shown
    assert "<strong>down</strong>" in shown
    words = text(shown)
    for said in ("closed as not planned", "ada opened this", "bug", "grace", "First flight",
                 "owner", "+1 3", "No comments yet."):  # fmt: skip
        assert said in words, said
    assert 'href="https://github.com/ada" rel="nofollow noreferrer">ada' in shown
    assert 'href="https://github.com/acme/rocket/milestone/3"' in shown
    assert len(re.findall("<h1", shown)) == 1
    assert {"<main", "<nav", "<aside", "<header"} <= set(
        re.findall("<(?:main|nav|aside|header)", shown)
    )


def test_empty_states_say_so(page: Open, here: Repository) -> None:
    it = scene.an_issue(here, body="", labels=[], assignees=[], milestone="", title="")
    words = text(page(it))
    for said in ("(no title)", "No description.", "No comments yet.", "Labels None",
                 "Assignees Nobody", "Milestone None"):  # fmt: skip
        assert said in words, said


def test_comments_stand_in_order_of_time_with_anchors_of_githubs(
    page: Open, here: Repository
) -> None:
    it = scene.an_issue(here)
    later, sooner = scene.comment(it, 9, body="Later"), scene.comment(it, 3, body="Sooner")
    other = scene.an_issue(here, number=99)
    scene.comment(other, body="Elsewhere")
    shown = page(it)
    assert anchors(shown) == [f"issuecomment-{sooner.pk}", f"issuecomment-{later.pk}"]
    assert "Elsewhere" not in shown
    assert f'href="{sooner.html_url}" rel="noreferrer">On GitHub' in shown
    assert "grace commented" in text(shown)


def test_what_was_deleted_or_erased_shows_as_such(page: Open, here: Repository) -> None:
    it = scene.an_issue(here, author_login="", body="")
    kept = scene.comment(it, 1, deleted_at=T0, body="kept for thirty days")
    scene.comment(it, 2, author_login="", body="")
    shown = page(it)
    words = text(shown)
    assert "No description, or it was erased with its author." in words
    assert "This was deleted." in words
    assert "kept for thirty days" not in shown
    assert kept.html_url not in shown
    assert "ghost commented" in words
    assert "No text, or it was erased with its author." in words


def test_reviews_have_their_verdict_and_their_threads(page: Open, here: Repository) -> None:
    it = scene.a_pull_request(here)
    review = scene.reviewed(it, 2, state="changes_requested", body="See below.")
    first = scene.remark(it, 2, review_id=review.pk, body="Why?")
    reply_review = scene.reviewed(it, 4, state="commented", body="")
    reply = scene.remark(it, 4, review_id=reply_review.pk, in_reply_to_id=first.pk, body="Because.")
    gone = scene.remark(it, 5, in_reply_to_id=first.pk, deleted_at=T0, body="")
    scene.thread(first, is_resolved=True, resolved_by_login="grace", is_outdated=True)
    approved = scene.reviewed(it, 6, state="approved", body="")
    scene.reviewed(it, 7, state="pending", submitted_at=None, body="half a thought")
    lost = scene.remark(it, 8, review_id=None, body="Of no review.")
    shown = page(it)
    assert anchors(shown) == [
        f"pullrequestreview-{review.pk}",
        f"pullrequestreview-{approved.pk}",
        f"discussion_r{lost.pk}",
    ]
    words = text(shown)
    assert "linus requested changes" in words
    assert "linus approved these changes" in words
    assert "wings/engine.py line 12 resolved by grace outdated" in words
    assert words.index("Why?") < words.index("Because.") < words.index("This remark was deleted.")
    for one in (first, reply, gone):
        assert f'id="discussion_r{one.pk}"' in shown
    assert "half a thought" not in shown
    assert '<span class="plus">+    ignite()' in shown


def test_a_pull_request_says_how_it_stands(page: Open, here: Repository) -> None:
    commit(here, sha="b" * 40)
    it = scene.a_pull_request(
        here, state="closed", merged=True, merged_at=T0, merged_by_login="ada",
        merge_commit_sha="b" * 40,
    )  # fmt: skip
    scene.asked(it, "linus")
    scene.asked(it, "pilots", "team")
    shown = page(it)
    words = text(shown)
    for said in ("merged", "to bring wings into main", "+120 −7 in 4 files , 3 commits",
                 "Requested reviewers linus , pilots team", "by ada as bbbbbbbbbb"):  # fmt: skip
        assert said in words or said.replace(" ,", ",") in words, said
    assert f'href="/repositories/{here.pk}/commits/{"b" * 40}/"' in shown
    assert f'href="/repositories/{here.pk}/issues/12/"' in shown  # "Fixes #12."


def test_five_hundred_comments_cost_as_many_queries_as_five(
    reader: Client, here: Repository
) -> None:
    few, many = scene.an_issue(here), scene.an_issue(here, number=14)
    scene.comments(few, 5)
    scene.comments(many, 500)
    asked = []
    for one in (few, many):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert reader.get(address(one)).status_code == 200
        asked.append(len(queries))
    assert asked[0] == asked[1] <= FEW, asked


def test_reviews_and_threads_cost_no_query_each(reader: Client, here: Repository) -> None:
    asked = []
    for number, how_many in ((13, 2), (15, 30)):
        it = scene.a_pull_request(here, number=number)
        for place in range(how_many):
            review = scene.reviewed(it, place, body="See.")
            first = scene.remark(it, place, review_id=review.pk)
            scene.remark(it, place + 1, in_reply_to_id=first.pk, review_id=None)
            scene.thread(first)
            scene.comment(it, place)
        with CaptureQueriesContext(connection) as queries:
            assert reader.get(address(it)).status_code == 200
        asked.append(len(queries))
    assert asked[0] == asked[1] <= FEW, asked


def test_a_long_conversation_has_pages_and_every_anchor_is_found(
    page: Open, here: Repository
) -> None:
    it = scene.an_issue(here)
    rows = scene.comments(it, 2 * LENGTH + 50)
    first = page(it)
    assert len(anchors(first)) == LENGTH
    assert "Page 1 of 3, 250 entries" in text(first)
    assert "It stays" in first
    last = page(it, page=3)
    assert anchors(last) == [f"issuecomment-{one.pk}" for one in rows[2 * LENGTH :]]
    assert "It stays" not in last  # the description is on the first page
    assert anchors(page(it, page=99)) == anchors(last)
    assert anchors(page(it, page="x")) == anchors(first)
    for place, number in ((0, 1), (LENGTH - 1, 1), (LENGTH, 2), (2 * LENGTH + 49, 3)):
        shown = page(it, to=f"issuecomment-{rows[place].pk}")
        assert f"Page {number} of 3" in shown, place
        assert f'<li id="issuecomment-{rows[place].pk}"' in shown
    for unknown in ("issuecomment-1", "nonsense", "issuecomment-" + "9" * 30, "'\x00"):
        assert "Page 1 of 3" in page(it, to=unknown)


def test_a_remark_is_found_where_its_thread_stands(page: Open, here: Repository) -> None:
    it = scene.a_pull_request(here)
    scene.comments(it, LENGTH)
    review = scene.reviewed(it, LENGTH + 5, body="See.")
    first = scene.remark(it, LENGTH + 5, review_id=review.pk)
    scene.comments(it, LENGTH)
    reply = scene.remark(it, 9 * LENGTH, in_reply_to_id=first.pk, review_id=None)
    shown = page(it, to=f"discussion_r{reply.pk}")
    assert f'id="discussion_r{reply.pk}"' in shown


def test_pictures_are_loaded_only_if_the_reader_asks(reader: Client, here: Repository) -> None:
    it = scene.an_issue(here, body="![plan](https://elsewhere.example/plan.png)")
    plain = reader.get(address(it))
    assert plain["Content-Security-Policy"] == POLICY
    assert "<img" not in plain.content.decode().partition("<main")[2]
    assert "Load the pictures of this page" in plain.content.decode()
    asked = reader.get(address(it), {"images": "1"})
    assert "img-src 'self' data: https:;" in asked["Content-Security-Policy"]
    assert "script-src 'self';" in asked["Content-Security-Policy"]
    assert '<img src="https://elsewhere.example/plan.png" alt="plan"' in asked.content.decode()


def test_a_huge_text_is_cut_until_it_is_asked_for(page: Open, here: Repository) -> None:
    it = scene.an_issue(here, body="word " * 13_000)
    long = scene.comment(it, body="long " * 10_000)
    shown = page(it)
    assert "45,000 more characters" in text(shown)
    assert "30,000 more characters" in text(shown)
    whole = page(it, whole=f"issuecomment-{long.pk}")
    assert "30,000 more" not in whole
    assert whole.count("long") > 9_000


def test_all_texts_of_a_page_together_have_a_bound(page: Open, here: Repository) -> None:
    it = scene.an_issue(here)
    for place in range(20):
        scene.comment(it, place, body="long " * 4_000)
    assert len(page(it)) < 300_000


def test_what_strangers_write_is_harmless(page: Open, here: Repository) -> None:
    nasty = '<script>alert(1)</script><img src=x onerror="alert(1)">[x](javascript:alert(1))'
    it = scene.a_pull_request(
        here, title=nasty, body=nasty, labels=[{"name": nasty, "color": '"><b>'}],
        author_login=nasty, milestone=nasty, head_ref=nasty, html_url="javascript:alert(1)",
    )  # fmt: skip
    scene.comment(it, body=nasty, html_url="javascript:alert(1)", author_login=nasty)
    remark = scene.remark(it, body=nasty, path=nasty, diff_hunk=nasty, review_id=None)
    scene.thread(remark, resolved_by_login=nasty, is_resolved=True)
    shown = page(it)
    assert "<script>alert" not in shown
    assert "<img src=x" not in shown
    assert 'href="javascript' not in shown


def test_strangers_see_nothing(client: Client, here: Repository, settings: Any) -> None:
    it = scene.an_issue(here)
    answer = client.get(address(it))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/")


def test_a_public_dashboard_shows_it_to_all(
    client: Client, here: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config.load(), "autosync_dashboard_public", True)
    assert client.get(address(scene.an_issue(here))).status_code == 200


def test_hidden_and_unknown_objects_are_not_found(reader: Client, here: Repository) -> None:
    deleted = scene.an_issue(here, deleted_at=T0)
    hidden = scene.rocket(full_name="acme/hidden", removed_at=T0)
    secret = scene.an_issue(hidden, number=5)
    for path in (
        address(deleted), address(secret), f"/repositories/{here.pk}/issues/{10**30}/",
        f"/repositories/{10**30}/issues/1/", f"/repositories/{here.pk}/pulls/12/",
        f"/repositories/{hidden.pk}/commits/{'a' * 40}/",
    ):  # fmt: skip
        assert reader.get(path).status_code == 404, path
    missing = reader.get(f"/repositories/{here.pk}/issues/77/").content.decode()
    assert 'href="https://github.com/acme/rocket/issues/77" rel="noreferrer">Look on' in missing
    assert "github.com" not in reader.get(address(secret)).content.decode()


def test_a_number_leads_to_whichever_has_it(reader: Client, here: Repository) -> None:
    pull, issue = scene.a_pull_request(here), scene.an_issue(here)
    assert reader.get(f"/repositories/{here.pk}/issues/13/")["Location"] == address(pull)
    assert reader.get(f"/repositories/{here.pk}/pulls/12/")["Location"] == address(issue)


def test_a_kind_that_is_not_kept_up_says_so(
    page: Open, here: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autosync.kinds.left_out", lambda: {"issue_comment": "nobody wants it"})
    assert "Issue comments are not kept up: nobody wants it." in text(page(scene.an_issue(here)))


@contextmanager
def table(name: str, **columns: models.Field[Any, Any]) -> Iterator[Any]:
    """A table of another part, made for the time of the block."""
    home = models.ForeignKey(Repository, models.DO_NOTHING, related_name="+", db_constraint=False)
    about = type("Meta", (), {"app_label": "mirror", "db_table": f"{name.lower()}s"})
    values = {"__module__": __name__, "repository": home, "Meta": about, **columns}
    model: Any = type(name, (models.Model,), values)
    try:
        with connection.schema_editor() as editor:
            editor.create_model(model)
        yield model
    finally:
        apps.all_models["mirror"].pop(name.lower())
        apps.clear_cache()


@pytest.fixture
def asks_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry is asked once a process: here kinds come and go."""
    monkeypatch.setattr(hanging, "of_number", lambda owner: tuple(hanging.find(owner)))


@pytest.mark.usefixtures("asks_anew")
def test_a_new_kind_that_is_said_stands_in_the_conversation(
    page: Open, here: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = scene.an_issue(here)
    comment = scene.comment(it, 1)
    with throwaway.declared() as kind:
        monkeypatch.setattr(hanging, "TABLES", {**TABLES, kind.name: kind})
        note = throwaway.row(
            kind, here, issue_number=12, body="A **new** kind", author_login="ada",
            created_at=moment(3),
        )  # fmt: skip
        shown = page(it)
        assert anchors(shown) == [f"issuecomment-{comment.pk}", f"side-note-{note.pk}"]
        assert "A <strong>new</strong> kind" in shown


@pytest.mark.usefixtures("asks_anew")
def test_a_new_kind_of_events_stands_between_what_was_said(page: Open, here: Repository) -> None:
    it = scene.an_issue(here)
    comments = [scene.comment(it, 1), scene.comment(it, 5)]
    with table(
        "Happening", issue_number=models.IntegerField(), event=models.TextField(),
        actor_login=models.TextField(), created_at=models.DateTimeField(),
        details=models.JSONField(),
    ) as model:  # fmt: skip
        one = model.objects.create(
            repository=here, issue_number=12, event="labeled", actor_login="ada",
            created_at=moment(3), details={"label": "<b>bug</b>", "more": None, "x_id": 7},
        )  # fmt: skip
        shown = page(it)
        place = f"happening-{one.pk}"
        first, last = (f"issuecomment-{each.pk}" for each in comments)
        assert anchors(shown) == [first, place, last]
        assert "ada added the label &lt;b&gt;bug&lt;/b&gt;" in text(shown)
        model.objects.create(
            repository=here, issue_number=12, event="cross-referenced", actor_login="",
            created_at=moment(9), details={"source": {"number": 13, "repository_id": here.pk}},
        )  # fmt: skip
        for event, details in (
            ("renamed", {"from": "It falls", "to": "It does not fly"}),
            ("something_new", {"source": {"number": 13, "repository_id": 1}}),
        ):
            model.objects.create(
                repository=here, issue_number=12, event=event, actor_login="ada",
                created_at=moment(9), details=details,
            )  # fmt: skip
        shown = page(it)
        assert f'mentioned this in <a href="/repositories/{here.pk}/issues/13/"' in shown
        assert "changed the title It falls → It does not fly" in text(shown)
        assert "ada something new #13 of another repository" in text(shown)


def test_deeds_of_the_timeline_stand_between_what_was_said(page: Open, here: Repository) -> None:
    it = scene.a_pull_request(here)
    comment = scene.comment(it, 5)
    rows = [
        TABLES["timeline_event"].model.objects.create(
            node_id=f"E{place}", repository=here, issue_number=13, event=event, observed_at=T0,
            actor_login="ada", created_at=moment(place), **more,
        )
        for place, (event, more) in enumerate(
            [("review_requested", {"subject_login": "linus"}),
             ("merged", {"commit_sha": "c" * 40, "details": {"into": "main"}})]
        )
    ]  # fmt: skip
    shown = page(it)
    places = [f"timeline-event-{one.pk}" for one in rows]
    assert anchors(shown) == [*places, f"issuecomment-{comment.pk}"]
    assert 'asked for a review <a href="https://github.com/linus"' in shown
    assert f'href="/repositories/{here.pk}/commits/{"c" * 40}/"' in shown
    assert "ada merged this cccccccccc main" in text(shown)


def test_files_and_commits_of_a_pull_request_are_lists_of_their_own(
    page: Open, here: Repository
) -> None:
    it = scene.a_pull_request(here)
    assert "Conversation</a>" not in page(it)  # nothing to choose from
    known = commit(here, sha="c" * 40, message="Bend the wings\n\nmore")
    which = {"repository": here, "pull_request_number": 13}
    PullRequestFile.objects.bulk_create(
        PullRequestFile(
            **which, position=place, path=f"wings/{place}.py", status="modified",
            additions=1_234, deletions=2,
        )
        for place in range(150)
    )  # fmt: skip
    for place, sha in enumerate((known.sha, "d" * 40)):
        PullRequestCommit.objects.create(
            **which, position=place, sha=sha, message="By git\nalone", authored_at=T0,
            committed_at=T0,
        )  # fmt: skip
    shown = page(it)
    assert 'href="?tab=files"' in shown
    assert 'href="?tab=commits"' in shown
    listed = page(it, tab="files")
    assert "wings/99.py" in listed
    assert "wings/100.py" not in listed
    assert "+1,234" in listed
    assert re.search(r'href="\?tab=files&amp;cursor=([^"]*)" rel="next"', listed)
    lines = page(it, tab="commits")
    assert "Bend the wings" in lines
    assert "By git" in lines  # of a fork: no branch here reaches it
    assert f'href="/repositories/{here.pk}/commits/{known.sha}/"' in lines
    assert f'href="/repositories/{here.pk}/commits/{"d" * 40}/"' not in lines


@pytest.mark.usefixtures("asks_anew")
def test_a_list_leads_to_other_numbers_of_the_repository_alone(
    page: Open, here: Repository
) -> None:
    issue = scene.an_issue(here)
    with table(
        "Closing", pull_number=models.IntegerField(), issue_number=models.IntegerField(),
        issue_repository_id=models.BigIntegerField(),
    ) as model:  # fmt: skip
        for number, home in ((13, here.pk), (14, here.pk + 1)):
            model.objects.create(
                repository=here, pull_number=number, issue_number=12, issue_repository_id=home
            )
        shown = page(issue, tab="closings")
        listed = shown[shown.index('id="list"') :]
        assert f'href="/repositories/{here.pk}/issues/13/">#13</a>' in listed
        assert "#14" not in listed
