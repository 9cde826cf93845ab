"""The feed as people read it: rows that may be shown, each with its repository's name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final
from urllib.parse import urlencode, urlsplit

from django.db.models import Max, Q, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse

from autosync.kinds import KINDS, Derived
from autosync.models import Commit, FeedEvent, Repository
from autosync.storable import BIGGEST_INTEGER
from autosync.web import hanging

# News about a repository or an installation that went are shown; what was inside is not.
ALWAYS_SHOWN = ("repository", "installation")
# More than a page shows, and little enough for a reader that was away for a night.
CATCH_UP = 200
# The kinds whose objects have a page of their own by number, and how its address is called.
_PAGES: Final = {"issue": "issue-page", "pull_request": "pull-page"}
_COMMIT: Final = "commit"


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the feed."""

    event: FeedEvent
    repository: str
    """Full name; empty for an installation's news or a repository that is no longer visible."""
    page: str = ""
    """The address of what it speaks of, on a page here; empty if it has none."""
    about: str = ""
    """What it belongs to, as `#12 Make it fly`; empty if it stands for itself."""

    @property
    def title(self) -> str:
        """What happened to it, beside what it belongs to."""
        known = self.about.partition(" ")[2]
        title = self.event.title.strip().partition("\n")[0]
        return "" if self.about and title == known else title


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
    owned = {event.pk: number for event in events if (number := _number(event))}
    titles = _titles((event.repository_id or 0, owned.get(event.pk, 0)) for event in events)
    commits = _commits(event for event in events if event.kind in _about_commits())
    lines = []
    for event in events:
        home = event.repository_id or 0
        place = (home, owned.get(event.pk, 0))
        name, page, about = names.get(home, ""), "", ""
        if place in titles:
            page = _page_of_number(event, place[1])
            about = "" if event.kind in _PAGES else f"#{place[1]} {titles[place]}".strip()
        elif (home, event.object_key) in commits:
            page = _at(reverse("commit-page", args=[home, event.object_key]), event)
        lines.append(Line(event, name, page if name else "", about))
    return lines


def _number(event: FeedEvent) -> int:
    """The number of the issue or pull request that a line is about; 0 if it is about another."""
    key = event.object_key
    if event.kind not in _PAGES and event.kind not in _about_numbers():
        return 0
    return int(key) if key.isdecimal() and len(key) < 11 and int(key) <= BIGGEST_INTEGER else 0


def _page_of_number(event: FeedEvent, number: int) -> str:
    # A reference does not say which of both it is; the page does.
    page = reverse(_PAGES.get(event.kind, "issue-page"), args=[event.repository_id, number])
    return _at(page, event)


def _at(page: str, event: FeedEvent) -> str:
    """The place on the page where the event's own address leads at GitHub."""
    place = urlsplit(event.html_url).fragment
    return f"{page}?{urlencode({'to': place})}#{place}" if place else page


def _commits(events: Iterable[FeedEvent]) -> frozenset[tuple[int, str]]:
    """(repository, name) of those that are here."""
    wanted = [(event.repository_id or 0, event.object_key) for event in events]
    if not wanted:
        return frozenset()
    homes, shas = {home for home, _ in wanted}, {sha for _, sha in wanted}
    found = Commit.live.filter(repository_id__in=homes, sha__in=shas)
    return frozenset(found.values_list("repository_id", "sha"))


def _titles(wanted: Iterable[tuple[int, int]]) -> Mapping[tuple[int, int], str]:
    """(repository, number) → title."""
    pairs = {pair for pair in wanted if pair[1]}
    if not pairs:
        return {}
    found: dict[tuple[int, int], str] = {}
    for name in _PAGES:
        rows = KINDS[name].model.live.filter(
            repository_id__in={home for home, _ in pairs}, number__in={one for _, one in pairs}
        )
        told = rows.values_list("repository_id", "number", "title")
        found |= {(home, number): title for home, number, title in told}
    return found


@cache
def _about_commits() -> frozenset[str]:
    """The words for commits, and for what hangs on one, with its name as the key."""
    lines = [(one, one.kind.declared.feed) for one in hanging.of_commit() if one.kind]
    return frozenset(
        {_COMMIT, *(line.kind for one, line in lines if line and line.key == one.column)}
    )


@cache
def _about_numbers() -> frozenset[str]:
    """The words by which the feed speaks of what hangs under a number, with that as its key."""
    found = set()
    for owner in _PAGES:
        for one in hanging.of_number(owner):
            kind: Derived | None = one.kind
            line = kind.declared.feed if kind else None
            found |= {line.kind} if line and line.key == one.column else set()
    return frozenset(found)
