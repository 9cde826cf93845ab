"""Walking a list page by page: every row once, in order, whatever happens meanwhile."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from autosync.mirror.models import Issue
from tests.examples import examples
from tests.integration.api_rows import T0, client_with, commit, issue, repository


def walk(client: Client, path: str, between: Any = None, **query: Any) -> list[dict[str, Any]]:
    """All items of a list; `between` is called after each page."""
    items: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = client.get(path, query | cursor)
        assert answer.status_code == 200, answer.content
        page = answer.json()
        assert len(page["items"]) <= query["limit"]
        items += page["items"]
        if page["next"] is None:
            return items
        assert len(page["items"]) == query["limit"]
        cursor = {"cursor": page["next"]}
        if between is not None:
            between()


ORDERS = ["updated_at", "-updated_at", "created_at", "-created_at", "number", "-number"]
# Few different values, so that ties and nulls are common.
CLOCKS = st.none() | st.integers(0, 3).map(lambda n: T0 + timedelta(microseconds=n))


class TestWalking(TestCase):
    @settings(max_examples=examples(20))
    @given(
        rows=st.lists(st.tuples(CLOCKS, st.integers(0, 2), st.booleans()), max_size=14),
        order=st.sampled_from(ORDERS),
        limit=st.integers(1, 5),
    )
    def test_every_row_comes_once_and_in_order(
        self, rows: list[tuple[Any, int, bool]], order: str, limit: int
    ) -> None:
        repo, client = repository(), client_with("read")
        for clock, number, deleted in rows:
            issue(
                repo, updated_at=clock, created_at=clock or T0, number=number,
                deleted_at=T0 if deleted else None,
            )  # fmt: skip
        name = order.lstrip("-")
        live = list(Issue.live.all())
        live.sort(
            key=lambda row: (
                (getattr(row, name) is None, getattr(row, name) or 0, row.pk)
                if getattr(row, name) is None or name == "number"
                else (False, getattr(row, name).timestamp(), row.pk)
            ),
            reverse=order.startswith("-"),
        )
        assert [item["id"] for item in walk(client, "/api/issues/", order=order, limit=limit)] == [
            row.pk for row in live
        ]

    @settings(max_examples=examples(10))
    @given(
        clocks=st.lists(CLOCKS, min_size=1, max_size=10),
        order=st.sampled_from(ORDERS),
        limit=st.integers(1, 3),
        data=st.data(),
    )
    def test_rows_that_stay_come_once_while_others_come_and_go(
        self, clocks: list[Any], order: str, limit: int, data: st.DataObject
    ) -> None:
        repo, client = repository(), client_with("read")
        staying = {issue(repo, updated_at=clock).pk for clock in clocks}
        others: list[Issue] = []

        def between() -> None:
            happens = data.draw(st.sampled_from(["nothing", "one comes", "one goes"]))
            if happens == "one comes" and len(others) < 5:
                others.append(issue(repo, updated_at=data.draw(CLOCKS)))
            elif happens == "one goes" and others:
                others.pop().delete()

        seen = [
            item["id"] for item in walk(client, "/api/issues/", between, order=order, limit=limit)
        ]
        assert len(seen) == len(set(seen))
        assert staying <= set(seen)

    @settings(max_examples=examples(40))
    @given(
        cursor=st.text(max_size=40)
        | st.binary(max_size=40).map(lambda raw: base64.urlsafe_b64encode(raw).decode())
    )
    def test_no_cursor_breaks_the_server(self, cursor: str) -> None:
        answer = client_with("read").get("/api/issues/", {"cursor": cursor})
        assert answer.status_code == 422
        assert set(answer.json()) == {"error"}


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)


class TestForgedCursors(TestCase):
    @settings(max_examples=examples(50))
    @given(value=VALUES, key=VALUES, order=st.sampled_from(ORDERS))
    def test_a_cursor_with_any_values_is_a_page_or_an_error(
        self, value: Any, key: Any, order: str
    ) -> None:
        text = json.dumps([order, value, key])
        cursor = base64.urlsafe_b64encode(text.encode()).decode()
        answer = client_with("read").get("/api/issues/", {"cursor": cursor, "order": order})
        assert answer.status_code in (200, 422), answer.content


@pytest.mark.django_db
def test_a_cursor_of_another_order_is_refused() -> None:
    repo, client = repository(), client_with("read")
    for _ in range(2):
        issue(repo)
    cursor = client.get("/api/issues/", {"limit": 1}).json()["next"]
    answer = client.get("/api/issues/", {"limit": 1, "order": "number", "cursor": cursor})
    assert answer.status_code == 422
    assert "-updated_at" in answer.json()["error"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"limit": "0"}, "greater than or equal to 1"),
        ({"limit": "101"}, "less than or equal to 100"),
        ({"limit": "many"}, "integer"),
        ({"order": "body"}, "-committed_at"),
        ({"since": "yesterday-ish"}, "since"),
        ({"auther": "ann"}, "auther"),
        ({"search": "a\x00b"}, "NUL"),
    ],
)
def test_bad_input_is_told_what_is_allowed(query: dict[str, str], says: str) -> None:
    answer = client_with("read").get("/api/commits/", query)
    assert answer.status_code == 422
    assert says in answer.json()["error"]


@pytest.mark.django_db
def test_a_page_holds_30_items_unless_told_and_counts_only_when_asked() -> None:
    repo, client = repository(), client_with("read")
    for _ in range(31):
        commit(repo)
    page = client.get("/api/commits/").json()
    assert len(page["items"]) == 30
    assert page["total"] is None
    assert client.get("/api/commits/", {"with_total": "true"}).json()["total"] == 31


@pytest.mark.django_db
def test_a_page_neither_skips_rows_nor_counts_them() -> None:
    """Both would make the last page of a million rows cost a million rows."""
    repo, client = repository(), client_with("read")
    for _ in range(4):
        commit(repo)
    cursor = client.get("/api/commits/", {"limit": 2}).json()["next"]
    with CaptureQueriesContext(connection) as queries:
        client.get("/api/commits/", {"limit": 2, "cursor": cursor})
    text = " ".join(query["sql"] for query in queries)
    assert "OFFSET" not in text
    assert "COUNT(" not in text
    assert len(queries) <= 4
