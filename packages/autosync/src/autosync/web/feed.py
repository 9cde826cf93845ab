"""The feed as people read it: rows that may be shown, each with its repository's name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Max, Q, QuerySet
from django.template.loader import render_to_string

from autosync.mirror.models import FeedEvent, Repository

# News about a repository or an installation that went are shown; what was inside is not.
ALWAYS_SHOWN = ("repository", "installation")
# More than a page shows, and little enough for a reader that was away for a night.
CATCH_UP = 200


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the feed."""

    event: FeedEvent
    repository: str
    """Full name; empty for an installation's news or a repository that is no longer visible."""


def newest(limit: int, repository_id: int | None = None) -> list[Line]:
    """The newest rows, newest first."""
    return _named(_shown(repository_id).order_by("-id")[:limit])


def since(event_id: int, repository_id: int | None = None, limit: int = CATCH_UP) -> list[Line]:
    """The newest `limit` rows after `event_id`, oldest first."""
    rows = _shown(repository_id).filter(pk__gt=event_id).order_by("-id")[:limit]
    return list(reversed(_named(rows)))


def of_ids(ids: Sequence[int]) -> list[Line]:
    """These rows, oldest first; those that may not be shown are left out."""
    return _named(_shown(None).filter(pk__in=ids).order_by("id"))


def last_id() -> int:
    """The newest row's id; 0 where there is none."""
    return FeedEvent.objects.aggregate(last=Max("pk"))["last"] or 0


def html(line: Line) -> str:
    """The row as it stands on the page."""
    return render_to_string("web/_feed_line.html", {"line": line})


def _shown(repository_id: int | None) -> QuerySet[FeedEvent]:
    visible = Repository.visible().values("pk")
    rows = FeedEvent.objects.filter(
        Q(repository_id__in=visible) | Q(repository_id=None) | Q(kind__in=ALWAYS_SHOWN)
    )
    return rows if repository_id is None else rows.filter(repository_id=repository_id)


def _named(rows: Iterable[FeedEvent]) -> list[Line]:
    events = list(rows)
    ids = {event.repository_id for event in events if event.repository_id is not None}
    names = dict(Repository.visible().filter(pk__in=ids).values_list("pk", "full_name"))
    return [Line(event, names.get(event.repository_id or 0, "")) for event in events]
