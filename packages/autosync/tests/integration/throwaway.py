"""A kind that only tests declare, with a column of each sort: what is generated must fit it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from django.apps import apps
from django.db import connection

from autosync.kinds import Derived, kind_of
from autosync.kinds import _columns as gh
from autosync.kinds._kind import DECLARED, Kind, List, OfRepository
from autosync.kinds._rules import Whole
from autosync.mirror.models import Repository
from tests.integration.api_rows import T0

_ids = count(5000)


@contextmanager
def declared(*, listed: bool = True) -> Iterator[Derived]:
    """The kind `side_note` with its table, for the time of the block, inside a transaction."""

    class SideNote(OfRepository):
        """A note on an issue.

        Nobody needs this paragraph.
        """

        github_id = gh.Key(about="GitHub's id of the note.")
        issue_number = gh.Number("issue.number", null=True, about="The issue | that it is on.")
        body = gh.Text(none=True, about="Its text.")
        state = gh.State(about="open or closed.")
        weight = gh.BigNumber(null=True, about="What it weighs.")
        pinned = gh.Flag(about="Whether it is pinned.")
        author_id = gh.ActorId("user", graph="author", null=True, about="Who wrote it.")
        author_login = gh.ActorLogin("user", graph="author", about="The login of who wrote it.")
        readers = gh.Logins(graph=None, about="Who read it.")
        labels = gh.Labels(graph=None, about="Its labels.")
        extra = gh.Json(default=dict, about="Whatever GitHub has.")
        html_url = gh.Url(about="The address of its page.")
        created_at = gh.Moment(about="When it was written.")
        closed_at = gh.Moment(null=True, about="When it was closed.")

        github = Kind(
            events={"side_note": Whole("note", gone={"deleted"})},
            needs={"issues": "write", "discussions": "read"},
            api=List(
                "-updated_at",
                filters=("author_login", "issue_number", "pinned", "readers", "labels", "weight"),
                search=("body",),
                orders=("created_at",),
            )
            if listed
            else None,
        )

    before = len(DECLARED)
    try:
        with connection.schema_editor() as editor:
            editor.create_model(SideNote)
        yield kind_of(SideNote)
    finally:
        del DECLARED[before - 1 :]
        apps.all_models["mirror"].pop("sidenote")
        apps.clear_cache()


def row(kind: Derived, repository: Repository, **but: Any) -> Any:
    number = next(_ids)
    values: dict[str, Any] = {
        "github_id": number, "repository": repository, "body": f"Note {number}", "created_at": T0,
        "updated_at": T0, "observed_at": T0,
    }  # fmt: skip
    return kind.model.objects.create(**values | but)
