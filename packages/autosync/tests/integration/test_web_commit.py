"""The page of a commit, and what lists and the feed say of such pages."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from autosync.kinds import KINDS
from autosync.mirror.feed import FeedLine, publish
from autosync.models import FeedEvent, Repository
from autosync.web import feed
from tests.integration import talk_scene as scene
from tests.integration.api_rows import T0, commit, moment
from tests.integration.test_web_numbered import text

pytestmark = pytest.mark.django_db
SHA, PARENT = "a" * 40, "b" * 40


@pytest.fixture
def here() -> Repository:
    return scene.rocket()


@pytest.fixture
def reader(client: Client) -> Client:
    client.force_login(User.objects.create_user("reader"))
    return client


def opened(reader: Client, path: str, **query: Any) -> str:
    answer = reader.get(path, query)
    assert answer.status_code == 200, path
    return answer.content.decode()


def test_a_commit_says_who_what_and_after_which(reader: Client, here: Repository) -> None:
    commit(here, sha=PARENT)
    row = commit(
        here, sha=SHA, message="Ignite\n\n<b>Off</b> before. Fixes #12", author_name="Grace",
        author_login="grace", committer_name="GitHub", parents=[PARENT, "c" * 40], additions=1_200,
        deletions=3, changed_files=2, files_at=T0, complete=True, authored_at=T0,
    )  # fmt: skip
    scene.files(row, 150)
    path = f"/repositories/{here.pk}/commits/{SHA}/"
    shown = opened(reader, path)
    assert "<title>Ignite · aaaaaaaaaa · acme/rocket · AutoSync</title>" in shown
    assert f'href="https://github.com/acme/rocket/commit/{SHA}" rel="noreferrer">On GitHub' in shown
    assert "&lt;b&gt;Off&lt;/b&gt; before." in shown
    assert f'href="/repositories/{here.pk}/issues/12/"' in shown
    assert f'href="/repositories/{here.pk}/commits/{PARENT}/"' in shown
    assert f'href="/repositories/{here.pk}/commits/{"c" * 40}/"' not in shown  # not mirrored
    words = text(shown)
    for said in ("Grace ( grace )", "Committer GitHub", "Parents", "+1,200 −3 in 2 files"):
        assert said in words, said
    assert "wings/part_99.py" in shown
    assert "wings/part_100.py" not in shown
    more = re.search(r'href="\?cursor=([^"]*)" rel="next"', shown)
    assert more is not None
    assert "wings/part_149.py" in opened(reader, path, cursor=more[1])


def test_the_beginning_of_a_name_leads_to_the_commit(reader: Client, here: Repository) -> None:
    commit(here, sha=SHA)
    commit(here, sha="abcdef0" + "1" * 33)
    commit(here, sha="abcdef0" + "2" * 33)
    base = f"/repositories/{here.pk}/commits"
    assert reader.get(f"{base}/{SHA[:9]}/")["Location"] == f"{base}/{SHA}/"
    assert reader.get(f"{base}/{SHA.upper()}/").status_code == 200
    for wrong in ("abcdef0", "aaa", "x" * 40, "%", "1" * 65, "d" * 40):
        assert reader.get(f"{base}/{wrong}/").status_code == 404, wrong


def test_a_commit_without_files_says_why(reader: Client, here: Repository) -> None:
    row = commit(here, sha=SHA, message="")
    path = f"/repositories/{here.pk}/commits/{SHA}/"
    words = text(opened(reader, path))
    assert "(no message)" in words
    assert "Its files have not been read from git" in words
    assert "Parent s Not known yet" in words or "Parents Not known yet" in words
    type(row).objects.update(files_at=T0, complete=True)
    words = text(opened(reader, path))
    assert "No files were changed." in words
    assert "None: a first commit" in words


def test_a_commit_costs_few_queries(reader: Client, here: Repository) -> None:
    row = commit(here, sha=SHA, parents=[PARENT])
    scene.files(row, 200)
    with CaptureQueriesContext(connection) as queries:
        opened(reader, f"/repositories/{here.pk}/commits/{SHA}/")
    assert len(queries) <= 9


def lines(*told: FeedLine) -> list[feed.Line]:
    with transaction.atomic():
        publish(told)
    return feed.newest(len(told))[::-1]


def test_the_feed_speaks_of_comments_and_reviews_and_leads_to_them(here: Repository) -> None:
    issue, pull = scene.an_issue(here), scene.a_pull_request(here)
    comment, review = scene.comment(issue), scene.reviewed(pull)
    commit(here, sha=SHA)
    comment_line, review_line, commit_line, issue_line, unknown, release = lines(
        FeedLine("comment", "created", here.pk, object_key="12", html_url=comment.html_url),
        FeedLine("review", "submitted", here.pk, object_key="13", title="approved",
                 html_url=review.html_url),
        FeedLine("commit", "pushed", here.pk, object_key=SHA, title="Ignite"),
        FeedLine("issue", "closed", here.pk, object_key="12", title="It does not fly"),
        FeedLine("issue", "deleted", here.pk, object_key="77", title="Gone", html_url="https://g/"),
        FeedLine("release", "published", here.pk, object_key="12", title="v12"),
    )  # fmt: skip
    base = f"/repositories/{here.pk}"
    place = f"issuecomment-{comment.pk}"
    assert comment_line.page == f"{base}/issues/12/?to={place}#{place}"
    assert comment_line.about == "#12 It does not fly"
    assert review_line.about == "#13 Make it fly"
    assert review_line.page.startswith(f"{base}/issues/13/?to=pullrequestreview-")
    assert commit_line.page == f"{base}/commits/{SHA}/"
    assert (issue_line.page, issue_line.about) == (f"{base}/issues/12/", "")
    assert (unknown.page, release.page) == ("", "")
    shown = feed.html(review_line)
    assert "#13 Make it fly" in shown
    assert "approved" in shown
    assert 'href="https://g/" rel="noreferrer"' in feed.html(unknown)
    assert "//" not in str(feed.html(commit_line))


def test_two_hundred_lines_cost_as_many_queries_as_one(here: Repository) -> None:
    issue = scene.an_issue(here)
    told = [FeedLine("comment", "created", here.pk, object_key=str(issue.number))] * 200
    lines(*told)
    with CaptureQueriesContext(connection) as queries:
        feed.newest(200)
    assert len(queries) <= 4
    assert FeedEvent.objects.count() == 200


def add(kind: str, here: Repository, **values: Any) -> Any:
    given = {"repository": here, "observed_at": T0, "created_at": T0, **values}
    return KINDS[kind].model.objects.create(**given)


def test_what_was_said_of_a_commit_stands_on_its_page_and_in_the_feed(
    reader: Client, here: Repository
) -> None:
    commit(here, sha=SHA)
    said = add("commit_comment", here, github_id=5, commit_sha=SHA, author_login="ada",
               body="Why **now**?", path="wings/engine.py", line=7, updated_at=T0,
               html_url=f"https://github.com/acme/rocket/commit/{SHA}#commitcomment-5")  # fmt: skip
    (line,) = lines(
        FeedLine("commit_comment", "created", here.pk, object_key=SHA, html_url=said.html_url)
    )
    path = f"/repositories/{here.pk}/commits/{SHA}/"
    assert line.page == f"{path}?to=commitcomment-5#commitcomment-5"
    shown = opened(reader, path)
    assert '<li id="commitcomment-5">' in shown
    assert "<strong>now</strong>" in shown
    assert "on wings/engine.py line 7" in text(shown)


def test_releases_have_their_notes_and_files(reader: Client, here: Repository) -> None:
    new = add("release", here, github_id=1, tag_name="v2", name="Second flight", updated_at=T0,
              body="![x](https://e.x/p.png) **Higher**", published_at=moment(5),
              author_login="ada", html_url="https://github.com/acme/rocket/v2")  # fmt: skip
    add("release", here, github_id=2, tag_name="v1", body="", published_at=T0, updated_at=T0,
        prerelease=True)  # fmt: skip
    for key in (5, 6):
        add("release_asset", here, github_id=key, release_id=new.pk, name=f"r{key}.tgz",
            size=2048, download_count=1_234,
            browser_download_url=f"https://github.com/{key}")  # fmt: skip
    path = f"/repositories/{here.pk}/"
    shown = opened(reader, path, tab="releases")
    words = text(shown, of="list")
    for said in ("Second flight", "v2", "Higher", "2 files", "r5.tgz", "2.0", "1,234",
                 "prerelease", "Picture: x", "Load the pictures"):  # fmt: skip
        assert said in words, said
    assert 'href="https://github.com/6" rel="nofollow noreferrer"' in shown
    assert "<strong>Higher</strong>" in shown
    asked = reader.get(path, {"tab": "releases", "images": "1"})
    assert "https:;" in asked["Content-Security-Policy"]


def test_labels_have_their_colour_and_milestones_how_far_they_are(
    reader: Client, here: Repository
) -> None:
    KINDS["label"].model.objects.create(
        github_id=1, repository=here, name="good first", color="7057ff", description="For you",
        observed_at=T0,
    )  # fmt: skip
    add("milestone", here, github_id=1, number=3, title="First flight", updated_at=T0,
        due_on=moment(0), state="open")  # fmt: skip
    add("milestone", here, github_id=2, number=4, title="Empty", updated_at=T0)
    scene.an_issue(here, state="closed")
    scene.a_pull_request(here, milestone_number=3)
    path = f"/repositories/{here.pk}/"
    labels = opened(reader, path, tab="labels")
    assert 'style="border-color:#7057ff">good first</span>' in labels
    assert 'href="https://github.com/acme/rocket/labels/good%20first"' in labels
    words = text(opened(reader, path, tab="milestones"), of="list")
    assert "1 of 2 closed" in words
    assert "2024-05-01" in words
    assert "nothing in it" in words


def test_lists_lead_to_pages_here(reader: Client, here: Repository) -> None:
    scene.an_issue(here)
    scene.a_pull_request(here)
    commit(here, sha=SHA, message="Ignite")
    base = f"/repositories/{here.pk}/"
    for tab, page in (
        ("issues", "issues/12/"),
        ("pulls", "pulls/13/"),
        ("commits", f"commits/{SHA}/"),
    ):
        assert f'href="{base}{page}"' in opened(reader, base, tab=tab), tab
