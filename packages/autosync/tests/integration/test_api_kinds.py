"""The API of a kind is made of its declaration: list, object, filters, pages, description."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import override_settings
from django.urls import path

from autosync.api.app import assembled
from autosync.api.kinds import EXPERIMENTAL, router_of
from autosync.kinds import Derived
from tests.integration import throwaway
from tests.integration.api_rows import (
    T0,
    client_with,
    installation,
    issue,
    moment,
    pull_request,
    repository,
)

pytestmark = pytest.mark.django_db


class Notes:
    """The throw-away kind, served."""

    def __init__(self, kind: Derived, document: dict[str, Any]) -> None:
        self.kind, self.document = kind, document
        self.client = client_with("read")
        self.here = repository("acme/rocket")

    def add(self, **but: Any) -> Any:
        return throwaway.row(self.kind, but.pop("repository", self.here), **but)

    def get(self, **query: Any) -> Any:
        answer = self.client.get("/api/side-notes/", query)
        assert answer.status_code == 200, answer.content
        return answer.json()

    def ids(self, **query: Any) -> list[int]:
        return [one["id"] for one in self.get(**query)["items"]]


@pytest.fixture
def notes() -> Iterator[Notes]:
    with throwaway.declared() as kind:
        api = assembled([router_of([kind])], namespace="throwaway")
        with override_settings(ROOT_URLCONF=(path("api/", api.urls),)):
            yield Notes(kind, api.get_openapi_schema(path_prefix="/api/"))


def test_a_declared_kind_is_listed_with_its_columns(notes: Notes) -> None:
    made = notes.add(
        issue_number=3, author_id=7, author_login="ada", readers=["bob"], extra={"a": [1]},
        labels=[{"name": "bug", "color": "f00", "node_id": "LA_1"}],
    )  # fmt: skip
    (item,) = notes.get(with_total=True)["items"]
    assert list(item)[:3] == ["id", "repository", "node_id"]
    assert item == {
        "id": made.pk, "repository": {"id": notes.here.pk, "full_name": "acme/rocket"},
        "node_id": "", "issue_number": 3, "body": made.body, "state": "open", "weight": None,
        "pinned": False, "author_id": 7, "author_login": "ada", "readers": ["bob"],
        "labels": [{"name": "bug", "color": "f00"}], "extra": {"a": [1]},
        "html_url": "", "closed_at": None,
        "created_at": "2024-05-01T12:00:00Z", "updated_at": "2024-05-01T12:00:00Z",
    }  # fmt: skip
    assert notes.client.get(f"/api/side-notes/{made.pk}/").json() == item


@pytest.mark.parametrize(
    ("query", "has"),
    [
        ({"author_login": "ADA"}, {"author_login": "Ada"}),
        ({"issue_number": 3}, {"issue_number": 3}),
        ({"pinned": "true"}, {"pinned": True}),
        ({"state": "closed"}, {"state": "closed"}),
        ({"readers": "bob"}, {"readers": ["ada", "bob"]}),
        ({"labels": "bug"}, {"labels": [{"name": "bug", "color": "", "node_id": ""}]}),
        ({"weight": 2**40}, {"weight": 2**40}),
        ({"since": moment(1).isoformat()}, {"updated_at": moment(1)}),
        ({"until": T0.isoformat()}, {"updated_at": moment(-1)}),
        ({"search": "NEEDLE"}, {"body": "a needle in it"}),
    ],
    ids=lambda one: next(iter(one)),
)
def test_a_declared_filter_leaves_the_rows_that_have_it(
    notes: Notes, query: dict[str, Any], has: dict[str, Any]
) -> None:
    notes.add()
    assert notes.ids(**query) == []
    found = notes.add(**has)
    assert notes.ids(**query) == [found.pk]


def test_a_list_is_of_the_repository_or_installation_asked_for(notes: Notes) -> None:
    there = repository("acme/other", installation=installation())
    one, other = notes.add(), notes.add(repository=there)
    assert notes.ids(repository="ACME/rocket") == [one.pk]
    assert notes.ids(repository=there.pk) == [other.pk]
    assert notes.ids(installation=there.installation_id) == [other.pk]
    assert notes.client.get("/api/side-notes/", {"repository": "acme/none"}).status_code == 404


def test_pages_follow_each_other_in_every_order(notes: Notes) -> None:
    made = [notes.add(updated_at=moment(n // 2), created_at=moment(-n)).pk for n in range(7)]
    wanted = {
        "-updated_at": sorted(made, key=lambda pk: (made.index(pk) // 2, pk), reverse=True),
        "updated_at": made,
        "created_at": made[::-1],
        "-created_at": made,
    }
    for order, ids in wanted.items():
        found: list[int] = []
        cursor: dict[str, str] = {}
        for _ in made:
            answer = notes.get(order=order, limit=3, **cursor)
            found += [one["id"] for one in answer["items"]]
            if not answer["next"]:
                break
            cursor = {"cursor": answer["next"]}
        assert found == ids, order


def test_what_is_gone_or_hidden_is_not_shown(notes: Notes) -> None:
    hidden = [
        notes.add(deleted_at=T0),
        notes.add(repository=repository("acme/removed", removed_at=T0)),
        notes.add(repository=repository("acme/deleted", deleted_at=T0)),
        notes.add(
            repository=repository("left/it", installation=installation(deleted_at=T0)),
        ),
    ]
    assert notes.ids() == []
    for row in hidden:
        answer = notes.client.get(f"/api/side-notes/{row.pk}/")
        assert answer.status_code == 404
        assert "There is no side note" in answer.json()["error"]
    assert notes.client.get(f"/api/side-notes/{2**70}/").status_code == 404


def test_access_is_that_of_the_other_lists(notes: Notes) -> None:
    made = notes.add()
    for where in ("/api/side-notes/", f"/api/side-notes/{made.pk}/"):
        assert client_with("sync").get(where).status_code == 403
        assert notes.client.get(where, {"nonsense": 1}).status_code in (200, 422)
    assert notes.client.get("/api/side-notes/", {"nonsense": 1}).status_code == 422


def test_the_description_says_what_each_column_means(notes: Notes) -> None:
    schemas = notes.document["components"]["schemas"]
    about = schemas["SideNoteOut"]
    assert about["description"] == "A note on an issue."
    meant = {name: one.get("description") for name, one in about["properties"].items()}
    assert meant["id"] == "GitHub's id of the note."
    assert meant["pinned"] == "Whether it is pinned."
    assert None not in meant.values()
    for operation in (paths["get"] for paths in notes.document["paths"].values()):
        assert EXPERIMENTAL in operation["description"]
        assert operation["security"]


def test_a_kind_without_a_list_has_no_routes() -> None:
    with throwaway.declared(listed=False) as kind:
        assert router_of([kind]).path_operations == {}


def test_issues_and_pull_requests_are_shown_one_by_one_as_in_their_lists() -> None:
    here, client = repository(), client_with("read")
    for where, made in (("issues", issue(here)), ("pull-requests", pull_request(here))):
        (listed,) = client.get(f"/api/{where}/").json()["items"]
        assert client.get(f"/api/{where}/{made.pk}/").json() == listed
        assert client.get(f"/api/{where}/{made.pk + 1}/").status_code == 404
