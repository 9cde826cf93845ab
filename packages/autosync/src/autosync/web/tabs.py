"""The lists on a repository's page: those with a table of their own, and one per declared kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import Model, Q, QuerySet

from autosync.insight import lists
from autosync.kinds import KINDS, Derived, listed_resources
from autosync.kinds import _columns as gh
from autosync.kinds import _shown as shown
from autosync.kinds._shown import Shown
from autosync.models import Commit, Contributor, Issue, PullRequest, Ref, Repository

Row = TypeVar("Row", bound=Model)


def _commits(repository: Repository, search: str, state: str) -> QuerySet[Commit]:
    rows = Commit.live.filter(repository=repository)
    if search:
        rows = rows.filter(
            Q(message__icontains=search)
            | Q(sha__startswith=search.lower())
            | Q(author_login__iexact=search)
            | Q(author_name__icontains=search)
        )
    return rows


def _issues(repository: Repository, search: str, state: str) -> QuerySet[Issue]:
    return _numbered(Issue.live.filter(repository=repository), search, state)


def _pulls(repository: Repository, search: str, state: str) -> QuerySet[PullRequest]:
    return _numbered(PullRequest.live.filter(repository=repository), search, state)


def _numbered(rows: QuerySet[Row], search: str, state: str) -> QuerySet[Row]:
    if state:
        rows = rows.filter(state=state)
    if search:
        wanted = Q(title__icontains=search) | Q(author_login__iexact=search)
        number = search.removeprefix("#")
        if number.isdecimal() and len(number) < 10:
            wanted |= Q(number=int(number))
        rows = rows.filter(wanted)
    return rows


def _people(repository: Repository, search: str, state: str) -> QuerySet[Contributor]:
    rows = Contributor.objects.filter(repository=repository)
    if search:
        rows = rows.filter(
            Q(login__icontains=search) | Q(name__icontains=search) | Q(email__icontains=search)
        )
    return rows


def _branches(repository: Repository, search: str, state: str) -> QuerySet[Ref]:
    rows = Ref.live.filter(repository=repository, kind=Ref.Kind.BRANCH)
    return rows.filter(name__icontains=search) if search else rows


@dataclass(frozen=True, slots=True)
class Tab:
    """One list of the page."""

    key: str
    name: str
    find: Callable[[Repository, str, str], QuerySet[Any]]
    order: str
    states: tuple[str, ...] = ()
    template: str = ""
    columns: tuple[Shown, ...] = ()
    searches: bool = True
    resource: str = ""
    """The kind by whose cursor it is known whether the list is whole; empty: by the import's."""
    kind: str = ""
    """The declared kind that it lists; empty for a list with a table of its own."""


def of_kind(kind: Derived) -> Tab:
    """The list of a declared kind."""
    state = next((one for one in shown.filters(kind) if isinstance(one.field, gh.State)), None)

    def find(repository: Repository, search: str, state_asked: str) -> QuerySet[Any]:
        rows = lists.of_repository(kind, repository)
        if state and state_asked:
            rows = lists.filtered(rows, state, state_asked)
        return lists.searched(kind, rows, search)

    return Tab(
        shown.route(kind),
        shown.title(kind),
        find,
        shown.orders(kind)[0],
        ("open", "closed") if state else (),
        "web/_kind.html",
        tuple(shown.on_pages(kind)),
        bool(shown.lists(kind).search),
        kind.name if kind.name in {one.name for one in listed_resources()} else "",
        kind.name,
    )


def with_kinds(kinds: Iterable[Derived]) -> tuple[Tab, ...]:
    """All lists of the page: the kinds that declare one stand after the pull requests."""
    more = (of_kind(one) for one in kinds if _has_tab(one))
    return (*_TABS[:3], *more, *_TABS[3:])


def _has_tab(kind: Derived) -> bool:
    own = kind.name in _BY_HAND or kind.of_account
    return kind.declared.api is not None and not own


_BY_HAND = ("commit", "issue", "pull_request", "ref")
_TABS = (
    Tab("commits", "Commits", _commits, "-committed_at"),
    Tab("issues", "Issues", _issues, "-updated_at", ("open", "closed")),
    Tab("pulls", "Pull requests", _pulls, "-updated_at", ("open", "closed")),
    Tab("people", "Contributors", _people, "-contributions"),
    Tab("branches", "Branches", _branches, "name"),
)
TABS = with_kinds(KINDS.values())
