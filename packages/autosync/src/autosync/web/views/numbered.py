"""One issue or pull request: what it says, what was said and done about it, and its lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db.models import Model, Value
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from autosync import kinds
from autosync.kinds import KINDS, Derived
from autosync.models import Commit, Repository
from autosync.storable import BIGGEST_INTEGER
from autosync.web import hanging, paging, reader, remarks, sight
from autosync.web.access import readable
from autosync.web.conversation import Conversation
from autosync.web.hanging import Hanging
from autosync.web.markdown import Place

_FILES: Final = 100
ISSUE, PULL_REQUEST = KINDS["issue"], KINDS["pull_request"]
# Kind → the address of its page, and what people call it.
_PAGES: Final = {
    ISSUE.name: ("issue-page", "issue"),
    PULL_REQUEST.name: ("pull-page", "pull request"),
}
# Sets whose names the object itself has.
_CARRIED: Final = ("issue_label", "issue_assignee")


@require_safe
@readable
def issue(request: HttpRequest, repository_id: int, number: int) -> HttpResponse:
    """`/repositories/<id>/issues/<number>/?tab=&page=&to=&images=&whole=`."""
    return _page(request, repository_id, number, ISSUE, PULL_REQUEST)


@require_safe
@readable
def pull_request(request: HttpRequest, repository_id: int, number: int) -> HttpResponse:
    """`/repositories/<id>/pulls/<number>/`, as for an issue."""
    return _page(request, repository_id, number, PULL_REQUEST, ISSUE)


def _page(
    request: HttpRequest, repository_id: int, number: int, kind: Derived, other: Derived
) -> HttpResponse:
    repository = sight.repository(repository_id)
    here = {"repository": repository, "number": min(number, BIGGEST_INTEGER)}
    place = Place.of(repository)
    row: Any = kind.model.live.filter(**here).first()
    if row is None:
        # They share their numbers, and a reference does not say which of them it is.
        if other.model.live.filter(**here).exists():
            return redirect(_PAGES[other.name][0], repository_id, number)
        return reader.missing(request, f"{place.address}/issues/{number}")
    hangs = hanging.of_number(kind.name)
    texts = reader.texts_of(request, place)
    tabs = _tabs(hangs, repository.pk, number, request.GET.get("tab", ""))
    tab = next((one for one in tabs if one.key == request.GET.get("tab")), None)
    context: dict[str, Any] = {
        "repository": repository,
        "row": row,
        "word": _PAGES[kind.name][1],
        "is_pull": kind is PULL_REQUEST,
        "tabs": tabs,
        "tab": tab,
        "texts": texts,
        "sets": _sets(hangs, repository.pk, number),
        "part_of": None if kind is PULL_REQUEST else _part_of(row.pk),
        "known": _known_commits(row, repository.pk),
        "left_out": _left_out(hangs),
        "arriving": repository.sync_state != repository.SyncState.SYNCED,
    }
    if tab is None:
        context["body"] = texts.drawn(row.body or "", "body")
        talk = Conversation(repository.pk, number, hangs, texts)
        context["talk"] = talk.page(reader.asked_page(request, talk))
    else:
        context |= _listed(tab, request, repository.pk, number)
    return reader.answer(request, "web/numbered.html", context, texts)


def _tabs(hangs: Sequence[Hanging], home: int, number: int, wanted: str) -> list[Hanging]:
    """The lists that have rows, or that were asked for; which have is one query."""
    lists = [
        one
        for one in hangs
        if not (one.moment or hanging.is_set(one)) and one.kind is not remarks.THREAD
    ]
    if not lists:
        return []
    some = [
        one.live(home, number).order_by().annotate(of=Value(place)).values_list("of")[:1]
        for place, one in enumerate(lists)
    ]
    there = {place for (place,) in (some[0].union(*some[1:], all=True) if some[1:] else some[0])}
    return [one for place, one in enumerate(lists) if place in there or one.key == wanted]


def _sets(hangs: Sequence[Hanging], home: int, number: int) -> list[tuple[str, list[Any]]]:
    """What it carries whole and is no column of it: who is asked to review it, say."""
    found = []
    for one in hangs:
        if hanging.is_set(one) and one.name not in _CARRIED:
            rows = list(one.live(home, number).order_by("pk")[:100])
            found.append((one.title, rows))
    return found


def _part_of(issue_id: int) -> Any:
    """The issue that it is a part of, which may be of another repository that may be shown."""
    wholes = KINDS["sub_issue"].model.live.filter(issue_id=issue_id)
    visible = wholes.filter(repository__in=Repository.visible())
    return visible.select_related("repository").first()


def _left_out(hangs: Sequence[Hanging]) -> list[tuple[str, str]]:
    """What of the conversation is not kept up, and why."""
    why = kinds.left_out()
    return [(one.title, why[one.name]) for one in hangs if one.moment and one.name in why]


def _listed(tab: Hanging, request: HttpRequest, home: int, number: int) -> dict[str, Any]:
    rows = tab.live(home, number)
    page: paging.ListPage[Model] = paging.of(rows, request, tab.order, _FILES)
    context: dict[str, Any] = {"page": page, "row_template": "web/_kind.html"}
    if tab.is_files:
        context["row_template"] = "web/_files.html"
    elif tab.is_commits:
        context["lines"] = _lines(page.rows, home)
        context["row_template"] = "web/_commit_lines.html"
    return context


@dataclass(frozen=True, slots=True)
class _Line:
    """A commit of a list: `shown` is the commit itself if it is `here`, else what the list has."""

    sha: str
    shown: Any
    here: bool

    @property
    def who(self) -> str:
        """Who wrote it."""
        return getattr(self.shown, "author_login", "") or getattr(self.shown, "author_name", "")


def _lines(rows: Sequence[Any], home: int) -> list[_Line]:
    known = Commit.live.filter(repository_id=home, sha__in=[row.sha for row in rows])
    here = {one.sha: one for one in known}
    return [_Line(row.sha, here.get(row.sha, row), row.sha in here) for row in rows]


def _known_commits(row: Any, home: int) -> frozenset[str]:
    """Which of the commits that it names have a page here."""
    names = (getattr(row, name, "") for name in ("head_sha", "merge_commit_sha"))
    if not (shas := [one for one in names if one]):
        return frozenset()
    found = Commit.live.filter(repository_id=home, sha__in=shas)
    return frozenset(found.values_list("sha", flat=True))
