"""The API's description: current, complete, and true for whatever is sent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from autosync.api import openapi
from tests.examples import examples
from tests.integration.api_rows import client_with, commit, delivery, issue, repository

DOCUMENT: dict[str, Any] = json.loads(openapi.document())
ROOT = Path(__file__).parents[4]


def test_the_committed_document_is_current() -> None:
    stored = (ROOT / "docs/openapi.json").read_text()
    assert stored == openapi.document(), (
        "run: .venv/bin/python -m autosync.api.openapi > docs/openapi.json"
    )


def test_no_key_stands_twice_in_the_document() -> None:
    """Browsers' documentation pages refuse such a document, and show nothing."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(pairs) == len(dict(pairs)), [key for key, _ in pairs]
        return dict(pairs)

    json.loads(openapi.document(), object_pairs_hook=once)


def test_the_reference_pages_name_every_endpoint() -> None:
    page = "".join((ROOT / f"docs/reference/{name}.md").read_text() for name in ("api", "kinds"))
    missing = [
        f"{method.upper()} {path}"
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
        if f"`{method.upper()} {path}`" not in page
    ]
    assert missing == []


def test_every_endpoint_but_the_open_ones_asks_for_a_token() -> None:
    open_paths = {
        path
        for path, methods in DOCUMENT["paths"].items()
        for operation in methods.values()
        if not operation.get("security")
    }
    assert open_paths == {"/api/sync/health/", "/api/github/webhook/"}


@pytest.mark.django_db
def test_the_page_and_its_document_are_served_without_a_foreign_server() -> None:
    assert Client().get("/api/openapi.json").json()["paths"].keys() == DOCUMENT["paths"].keys()
    page = Client().get("/api/docs").content.decode()
    assert "openapi.json" in page
    assert "https://" not in page


@pytest.mark.django_db
def test_webhooks_without_the_asgi_server_are_refused_not_lost() -> None:
    answer = Client().post("/api/github/webhook/", data={}, content_type="application/json")
    assert answer.status_code == 503
    assert "autosync serve" in answer.json()["error"]


def test_a_path_that_does_not_exist_is_told_where_to_look() -> None:
    for path in ("nothing", "nothing/", "repositories/abc/", "sync/health/x"):
        answer = Client().get(f"/api/{path}")
        assert answer.status_code == 404
        assert "/api/docs" in answer.json()["error"]


def test_a_forgotten_slash_costs_a_redirect_that_keeps_method_and_query() -> None:
    answer = Client().post("/api/sync/periodic?force=true")
    assert answer.status_code == 308
    assert answer["Location"] == "/api/sync/periodic/?force=true"
    assert Client().get("/api/sync/health").status_code == 308


def _value(schema: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Values that fit a parameter's schema, mixed with ones that may not."""
    fitting = next(kind for kind in schema.get("anyOf", [schema]) if kind.get("type") != "null")
    if fitting.get("type") == "array":
        fitting = fitting["items"]
    good: st.SearchStrategy[Any] = st.text(max_size=8)
    if "enum" in fitting:
        good = st.sampled_from(fitting["enum"])
    elif fitting["type"] == "integer":
        good = st.integers(fitting.get("minimum", 1), fitting.get("maximum", 2**63))
    elif fitting["type"] == "boolean":
        good = st.sampled_from(["true", "false"])
    elif fitting.get("format") == "date-time":
        good = st.datetimes().map(lambda moment: moment.isoformat())
    return good | good | good | st.text(max_size=8) | st.integers()


GETS = sorted(
    path
    for path, methods in DOCUMENT["paths"].items()
    if "get" in methods and "{" not in path.replace("{key}", "")
)


class TestAnyQuery(TestCase):
    @settings(max_examples=examples(100))
    @given(path=st.sampled_from(GETS), data=st.data())
    def test_is_answered_as_described(self, path: str, data: st.DataObject) -> None:
        repo = repository()
        commit(repo)
        some = issue(repo)
        delivery()
        operation = DOCUMENT["paths"][path]["get"]
        asked = [one for one in operation["parameters"] if one["in"] == "query"]
        parameters = {one["name"]: _value(one["schema"]) for one in asked}
        query = data.draw(st.fixed_dictionaries({}, optional=parameters))
        answer = client_with("read").get(path.replace("{key}", str(some.pk)), query)
        assert str(answer.status_code) in operation["responses"], answer.content
        if path != "/api/sync/health/":
            assert answer.status_code in (200, 404, 422)
            assert ("error" in answer.json()) == (answer.status_code != 200)
