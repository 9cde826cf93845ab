"""The list and the object of each declared kind, made of its declaration.

Commits, issues and pull requests have lists of their own in `mirror.py`, which programs read.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from django.db import models
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema
from ninja.errors import HttpError
from pydantic import Field, create_model

from autosync.api.mirror import PROBLEMS, OfAccount, OfRepository, of_repositories
from autosync.api.pages import Moment, Page, PageQuery, Text, page
from autosync.api.schemas import (
    AccountRef,
    CommitOut,
    IssueOut,
    Label,
    Problem,
    PullRequestOut,
    repository_ref,
)
from autosync.api.schemas import RepositoryRef as Ref
from autosync.insight import lists
from autosync.kinds import KINDS, Derived, left_out
from autosync.kinds import _columns as gh
from autosync.kinds import _shown as shown
from autosync.kinds._shown import Shown
from autosync.storable import BIGGEST_ID

EXPERIMENTAL: Final = (
    "Experimental: made of the kind's declaration, and may gain or lose fields with it."
)
# Of a kind that AUTOSYNC_KINDS leaves out: what is answered is of before that.
LEFT_OUT: Final = "AutoSync-Left-Out"
_BY_HAND: Final[dict[str, Callable[[Any], Schema]]] = {
    "commit": CommitOut.of,
    "issue": IssueOut.of,
    "pull_request": PullRequestOut.of,
}
_SHAPES: Final[dict[str, type[Schema]]] = {
    "commit": CommitOut,
    "issue": IssueOut,
    "pull_request": PullRequestOut,
}
_TYPES: Final[tuple[tuple[type[models.Field[Any, Any]], Any], ...]] = (
    (gh.Labels, list[Label]),
    (gh.Logins, list[str]),
    (models.BooleanField, bool),
    (models.DateTimeField, datetime),
    (models.IntegerField, int),  # and all that are kinds of it
    (models.ForeignKey, int),
    (models.JSONField, Any),
)


def router_of(kinds: list[Derived]) -> Router:
    """Routes for those of the kinds that declare a list."""
    router = Router(tags=["mirror"])
    for kind in kinds:
        if kind.declared.api is None:
            continue
        item = _SHAPES.get(kind.name) or shape_of(kind)
        show = _BY_HAND.get(kind.name) or _shower(kind, item)
        if kind.name not in _BY_HAND:
            _add_list(router, kind, item, show)
        _add_object(router, kind, item, show)
    return router


def shape_of(kind: Derived) -> type[Schema]:
    """One object as the API shows it."""
    fields: dict[str, Any] = {}
    for one in shown.columns(kind):
        if one.name == "observed_at":
            continue
        if one.name == "repository_id":
            fields["repository"] = (Ref, Field(description="The repository it belongs to."))
            continue
        if one.name == "account_id" and kind.of_account:
            fields["account"] = (AccountRef, Field(description="The organisation it belongs to."))
            continue
        fields[one.name] = (_type(one), Field(description=one.about or None))
    doc = shown.sentence(kind.model.__doc__)
    return create_model(f"{kind.model.__name__}Out", __base__=Schema, __doc__=doc, **fields)


def query_of(kind: Derived) -> type[PageQuery]:
    """What a client may send to the list."""
    fields: dict[str, Any] = {}
    directions: Any = Literal[tuple(shown.orders(kind))]
    fields["order"] = (directions, shown.orders(kind)[0])
    for one in shown.filters(kind):
        about = _about(one)
        fields[one.name] = (_parameter(one) | None, Field(None, description=about))
    moment = shown.clock(kind)
    if moment:
        since = Field(None, description=f"{moment.name} at or after")
        fields |= {"since": (Moment | None, since)}
        fields |= {"until": (Moment | None, Field(None, description=f"{moment.name} before"))}
    if names := shown.lists(kind).search:
        about = f"part of {' or '.join(names)}"
        fields["search"] = (Text | None, Field(None, description=about))
    base = OfAccount if kind.of_account else OfRepository
    return create_model(f"{kind.model.__name__}Query", __base__=base, **fields)


def _add_list(
    router: Router, kind: Derived, item: type[Schema], show: Callable[[Any], Schema]
) -> None:
    asked: Any = query_of(kind)
    parameters: Any = Query
    moment = shown.clock(kind)

    def view(request: HttpRequest, query: Any, response: HttpResponse) -> dict[str, Any]:
        _say_if_left_out(kind, response)
        rows = _of_home(kind, query)
        for one in shown.filters(kind):
            value = getattr(query, one.name)
            if value is not None:
                rows = lists.filtered(rows, one, value)
        if moment and query.since is not None:
            rows = rows.filter(**{f"{moment.attribute}__gte": query.since})
        if moment and query.until is not None:
            rows = rows.filter(**{f"{moment.attribute}__lt": query.until})
        rows = lists.searched(kind, rows, getattr(query, "search", None) or "")
        return page(rows, query, query.order, show)

    name = f"list_{kind.merge.table}"
    _named(view, name, query=parameters[asked], response=HttpResponse)
    router.get(
        f"/{shown.route(kind)}/",
        response={200: Page[item], **PROBLEMS, 404: Problem},  # type: ignore[valid-type]
        summary=f"List {kind.plural}",
        description=f"{shown.sentence(kind.model.__doc__)}\n\n{EXPERIMENTAL}",
    )(view)


def _of_home(kind: Derived, query: Any) -> Any:
    """The rows of the repository or the organisation asked for, or of all that may be shown."""
    if not kind.of_account:
        return of_repositories(kind.model.live.all(), query)
    rows = lists.visible(kind)
    if query.account is None:
        return rows
    if query.account.isdecimal() and int(query.account) <= BIGGEST_ID:
        return rows.filter(account_id=int(query.account))
    return rows.filter(account_login__iexact=query.account)


def _add_object(
    router: Router, kind: Derived, item: type[Schema], show: Callable[[Any], Schema]
) -> None:
    def view(request: HttpRequest, key: int, response: HttpResponse) -> Schema:
        _say_if_left_out(kind, response)
        found = lists.visible(kind).filter(pk=key).first()
        if found is None:
            raise HttpError(
                404,
                f"There is no {kind.singular} {key}: it is unknown, was deleted, or the App may no "
                f"longer see it. See /api/{shown.route(kind)}/.",
            )
        return show(found)

    name, about = f"get_{kind.name}", f"One object of the list, by its `id` ({kind.singular})."
    _named(view, name, key=int, response=HttpResponse)
    router.get(
        f"/{shown.route(kind)}/{{int:key}}/",
        response={200: item, **PROBLEMS, 404: Problem},
        summary=f"Get {kind.singular}",
        description=about if kind.name in _BY_HAND else f"{about}\n\n{EXPERIMENTAL}",
    )(view)


def _say_if_left_out(kind: Derived, response: HttpResponse) -> None:
    if why := left_out().get(kind.name):
        response[LEFT_OUT] = f"{kind.name} is not kept up: {why}"


def _named(view: Callable[..., Any], name: str, **arguments: Any) -> None:
    """Let Ninja see a function of this name that takes these arguments."""
    view.__name__ = name
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    taken = {"request": HttpRequest, **arguments}
    view.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(one, kind, annotation=what) for one, what in taken.items()]
    )
    view.__annotations__ = taken


def _shower(kind: Derived, item: type[Schema]) -> Callable[[Any], Schema]:
    attributes = {one.name: one.attribute for one in shown.columns(kind)}
    home = "account" if kind.of_account else "repository"
    names = [(name, attributes[name]) for name in item.model_fields if name != home]

    def show(row: Any) -> Schema:
        values = {name: getattr(row, attribute) for name, attribute in names}
        if kind.of_account:
            values["account"] = AccountRef(id=row.account_id, login=row.account_login)
        else:
            values["repository"] = repository_ref(row.repository)
        return item(**values)

    return show


def _type(one: Shown) -> Any:
    found = next((what for field, what in _TYPES if isinstance(one.field, field)), str)
    return found | None if one.field.null else found


def _parameter(one: Shown) -> Any:
    """The type of a filter's value."""
    field = one.field
    if isinstance(field, gh.State):
        return Literal["open", "closed"]
    if isinstance(field, models.BooleanField):
        return bool
    if isinstance(field, models.DateTimeField):
        return Moment
    if isinstance(field, models.BigIntegerField | models.ForeignKey):
        return Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
    if isinstance(field, models.IntegerField):
        return Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]
    return Text


def _about(one: Shown) -> str | None:
    if isinstance(one.field, gh.Labels):
        return "the name of a label that it has"
    if isinstance(one.field, gh.Logins):
        return "a login that is among them"
    return one.about or None


router = router_of(list(KINDS.values()))
