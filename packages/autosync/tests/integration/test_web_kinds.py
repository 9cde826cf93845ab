"""A declared kind's list on the page of a repository."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from autosync.kinds import KINDS
from autosync.models import Repository, ResourceCursor
from autosync.web import story
from autosync.web.tabs import TABS, with_kinds
from tests.integration import throwaway
from tests.integration.api_rows import T0, moment, repository

pytestmark = pytest.mark.django_db


class Page:
    """The list of the throw-away kind."""

    def __init__(self, kind: Any, client: Client) -> None:
        self.kind, self._client = kind, client
        self.here = repository("acme/rocket", sync_state="synced")
        client.force_login(User.objects.create_user("ada"))

    def add(self, **but: Any) -> Any:
        return throwaway.row(self.kind, but.pop("repository", self.here), **but)

    def open(self, **query: Any) -> str:
        where = f"/repositories/{self.here.pk}/"
        answer = self._client.get(where, {"tab": "side-notes", **query})
        assert answer.status_code == 200
        return answer.content.decode()

    def rows(self, **query: Any) -> list[list[str]]:
        """The cells of the table, as text."""
        table = re.search(r'id="list".*?<tbody>(.*?)</tbody>', self.open(**query), re.S)
        lines = re.findall(r"<tr>(.*?)</tr>", table[1], re.S) if table else []
        return [
            [re.sub(r"<[^>]*>", "", one).strip() for one in re.findall(r"<td.*?</td>", line, re.S)]
            for line in lines
        ]


@pytest.fixture
def page(client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    with throwaway.declared() as kind:
        monkeypatch.setattr("autosync.web.views.repository.TABS", with_kinds([kind]))
        yield Page(kind, client)


def test_a_declared_kind_has_a_tab_with_its_short_columns(page: Page) -> None:
    page.add(
        issue_number=1234, body="<b>First</b> line\nsecond", author_login="", weight=1234567,
        pinned=True, html_url="https://github.com/acme/rocket/issues/1234#note",
    )  # fmt: skip
    text = page.open()
    heads = re.findall(r'<th scope="col"[^>]*>(.*?)</th>', text)
    assert heads[-7:] == ["Issue", "Body", "State", "Weight", "Pinned", "Author", "Updated"]
    ((number, body, state, weight, pinned, author, updated),) = page.rows()
    assert (number, state, weight, pinned, author) == ("#1234", "open", "1,234,567", "yes", "ghost")
    assert body == "&lt;b&gt;First&lt;/b&gt; line"
    assert updated.endswith(" y ago")
    assert 'href="https://github.com/acme/rocket/issues/1234#note"' in text
    assert 'title="Whether it is pinned."' in text


def test_an_address_that_no_browser_should_follow_is_no_link(page: Page) -> None:
    page.add(issue_number=3, html_url="javascript:alert(1)")
    assert "javascript:" not in page.open()


def test_the_list_is_searched_and_filtered_and_has_no_hidden_rows(page: Page) -> None:
    page.add(body="needle", state="closed")
    page.add(body="straw")
    page.add(body="gone needle", deleted_at=T0)
    page.add(body="other needle", repository=repository("acme/other"))
    assert [cells[1] for cells in page.rows(q="NEEDLE")] == ["needle"]
    assert [cells[1] for cells in page.rows(state="open")] == ["straw"]
    assert page.rows(q="nothing") == []
    assert "Nothing matches." in page.open(q="nothing")


def test_a_long_list_has_pages(page: Page) -> None:
    for number in range(35):
        page.add(body=f"note {number}", updated_at=moment(number))
    first = page.open()
    older = re.search(r'href="(\?[^"]*)" rel="next">Older', first)
    assert older is not None
    assert len(page.rows()) == 30
    cursor = older[1].partition("cursor=")[2]
    assert [cells[1] for cells in page.rows(cursor=cursor)] == [
        f"note {number}" for number in range(4, -1, -1)
    ]


def test_a_list_that_is_not_whole_yet_says_so(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upgrade brings a kind to repositories that were imported long ago."""
    assert "<p>None.</p>" in page.open()  # a kind that has no cursor of its own
    (tab,) = (one for one in with_kinds([page.kind]) if one.key == "side-notes")
    tabs = [replace(tab, resource="side_note")]
    monkeypatch.setattr("autosync.web.views.repository.TABS", tabs)
    assert "Nothing yet: the import has not reached this list." in page.open()
    page.add()
    assert "Not all are here yet" in page.open()
    ResourceCursor.objects.create(
        repository=page.here, resource="side_note", state=ResourceCursor.State.COMPLETE
    )
    assert "Not all are here yet" not in page.open()


def test_the_lists_with_tables_of_their_own_stay_and_kinds_stand_between() -> None:
    names = [one.key for one in TABS]
    listed = [one for one in KINDS.values() if one.declared.api and not one.of_account]
    assert names[:3] == ["commits", "issues", "pulls"]
    assert names[-2:] == ["people", "branches"]
    assert len(names) == len(set(names)) == 5 + len(listed) - 4
    assert Repository.objects.count() == 0


def test_a_delivery_names_the_rows_of_a_declared_kind(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autosync.web.story.KINDS", {page.kind.name: page.kind})
    document = {"repository": {"id": page.here.pk}, "note": {"id": 17}}
    (missing,) = story.objects("side_note", document)
    assert (missing.kind, missing.name, missing.words) == (
        "side note", "id 17", "not in the mirror",
    )  # fmt: skip
    page.add(github_id=17, state="closed")
    (found,) = story.objects("side_note", document)
    assert (found.kind, found.words) == ("side note", "closed")
    assert story.objects("issues", document) == []
