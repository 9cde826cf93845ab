"""The rows of a declared kind that may be shown, and which of them a filter or a search leaves."""

from __future__ import annotations

from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery

from autosync.kinds import Derived
from autosync.kinds import _columns as gh
from autosync.kinds._shown import Shown, column, lists
from autosync.models import GitHubAppInstallation, Repository


def visible(kind: Derived) -> QuerySet[Any]:
    """What is at GitHub now, in repositories and of organisations that may be shown."""
    rows: QuerySet[Any] = in_sight(kind, kind.model.live.all())
    return rows if kind.of_account else rows.select_related("repository")


def in_sight(kind: Derived, rows: QuerySet[Any]) -> QuerySet[Any]:
    """Those of the rows whose repository or organisation may be shown. Those of an organisation
    have its `account_login`.
    """
    if not kind.of_account:
        return rows.filter(repository__in=Repository.visible())
    installed = GitHubAppInstallation.live.filter(account_id=OuterRef("account_id"))
    login = installed.order_by("-pk").values("account_login")[:1]
    named: QuerySet[Any] = rows.annotate(account_login=Subquery(login))
    return named.filter(account_login__isnull=False)


def of_repository(kind: Derived, repository: Repository) -> QuerySet[Any]:
    """What is at GitHub now in a repository, which the caller may show."""
    rows: QuerySet[Any] = kind.model.live.filter(repository=repository)
    return rows


def filtered(rows: QuerySet[Any], by: Shown, value: Any) -> QuerySet[Any]:
    """Rows whose column has the value: logins in any case, lists if it is among theirs."""
    name = by.field.name
    if isinstance(by.field, gh.Labels):
        return rows.filter(**{f"{name}__contains": [{"name": value}]})
    if isinstance(by.field, gh.Logins):
        return rows.filter(**{f"{name}__contains": [value]})
    if isinstance(by.field, gh.ActorLogin | gh.Word):
        return rows.filter(**{f"{name}__iexact": value})
    return rows.filter(**{by.attribute: value})


def searched(kind: Derived, rows: QuerySet[Any], text: str) -> QuerySet[Any]:
    """Rows of which one of the columns to be searched holds the text."""
    wanted = Q()
    for name in lists(kind).search:
        wanted |= Q(**{f"{column(kind, name).field.name}__icontains": text})
    return rows.filter(wanted) if text else rows
