"""Cells of a declared kind's table: each sort of column as people read it."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import models
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from autosync.kinds import _columns as gh
from autosync.kinds._shown import Shown

_LENGTH = 160
_SHA = 10
# Issues and pull requests share their numbers.
NUMBERS = ("issue_number", "pull_number", "pull_request_number")
# What a heading need not say: `author_login`, `created_at`, `issue_number`, `comments_count`.
_ENDINGS = re.compile(r"(?<=.)_(login|at|number|count|sha|ref)$")


def heading(column: Shown) -> SafeString:
    """The column's <th>, with its meaning as a title."""
    name = _ENDINGS.sub("", column.name).replace("_", " ").capitalize()
    kind = "number" if _counts(column) else ""
    return format_html('<th scope="col" class="{}" title="{}">{}</th>', kind, column.about, name)


def cell(row: models.Model, column: Shown, address: str) -> SafeString:
    """The column's <td> of one row; `address`, if any, is what it is a link to."""
    value = getattr(row, column.attribute)
    text = _shown(column, value)
    if not address and (page := _page(row, column, value)):
        text = format_html('<a href="{}">{}</a>', page, text)
    if address:
        text = format_html('<a href="{}" rel="noreferrer">{}</a>', address, text or "(none)")
    return format_html('<td class="{}">{}</td>', _class(column), text)


def _page(row: models.Model, column: Shown, value: Any) -> str:
    """The page of the issue or pull request whose number it is; empty if it is none of here."""
    home = getattr(row, "repository_id", None)
    elsewhere = getattr(row, column.name.replace("_number", "_repository_id"), home)
    if column.name not in NUMBERS or not value or home is None or elsewhere != home:
        return ""
    return reverse("issue-page", args=[home, value])


def _shown(column: Shown, value: Any) -> SafeString | str:
    field = column.field
    if isinstance(field, gh.ActorLogin):
        return str(value or "ghost")
    if value in (None, "", []):
        return ""
    if isinstance(field, models.BooleanField):
        return "yes" if value else ""
    if isinstance(field, gh.Word):
        return format_html(
            '<span class="badge state-{}">{}</span>', value, str(value).replace("_", " ")
        )
    if isinstance(field, gh.Labels):
        named = ((one.get("name", ""),) for one in value)
        return format_html_join(" ", '<span class="label">{}</span>', named)
    if isinstance(field, gh.Logins):
        return ", ".join(map(str, value))
    if isinstance(field, gh.Sha):
        return str(value)[:_SHA]
    if isinstance(field, models.IntegerField):
        return intcomma(value) if _counts(column) else _identified(column, value)
    return Truncator(str(value).strip().partition("\n")[0]).chars(_LENGTH)


def _identified(column: Shown, value: int) -> str:
    return f"#{value}" if column.name.endswith("number") else str(value)


def _class(column: Shown) -> str:
    if _counts(column):
        return "number"
    if isinstance(column.field, gh.Sha):
        return "sha"
    if isinstance(column.field, gh.ActorLogin):
        return "nowrap"
    short = (gh.Word, gh.ActorLogin, gh.Url)
    is_text = isinstance(column.field, models.TextField | models.CharField | models.JSONField)
    return "text" if is_text and not isinstance(column.field, short) else ""


def _counts(column: Shown) -> bool:
    """Whether its numbers are amounts, not names of things."""
    named = column.name == "id" or column.name.endswith(("number", "_id"))
    return isinstance(column.field, models.IntegerField) and not named
