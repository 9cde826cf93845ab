"""Template tags: small drawings, numbers and moments in words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from django import template
from django.db.models import DateTimeField, Model
from django.utils import timezone
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from autosync import installation
from autosync.kinds import TABLES
from autosync.kinds._shown import Shown
from autosync.web import cells

register = template.Library()

_STEPS = ((60, "s"), (60, "min"), (24, "h"), (365, "d"))


register.simple_tag(installation.manage)


@register.simple_tag
def sparkline(values: Sequence[int], label: str) -> SafeString:
    """Thin columns, one per value; `label` says in words what they show."""
    width, height = 4, 24
    top = max(values, default=0) or 1
    bars = format_html_join(
        "",
        '<rect x="{}" y="{}" width="{}" height="{}"/>',
        (
            (i * width, height - size, width - 1, size)
            for i, value in enumerate(values)
            if (size := max(round(height * value / top), 2 if value else 0))
        ),
    )
    return format_html(
        '<svg class="spark" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>',
        width * max(len(values), 1),
        height,
        label,
        bars,
    )


@register.filter
def seconds(value: float | None) -> str:
    """A span in the two units that matter: 42 s, 3 min, 5.2 h, 12 d."""
    if value is None:
        return "–"
    if 0 < value < 1:
        return f"{value * 1000:.0f} ms"
    amount = float(value)
    for size, unit in _STEPS:
        if amount < size:
            return f"{amount:.1f} {unit}" if amount < 10 and amount % 1 else f"{amount:.0f} {unit}"
        amount /= size
    return f"{amount:.1f} y"


@register.filter
def moment(value: datetime | None) -> SafeString:
    """How long ago, as a <time> whose title is the exact moment; live.js keeps it current."""
    if value is None:
        return format_html("{}", "–")
    age = (timezone.now() - value).total_seconds()
    words = (
        "just now" if abs(age) < 2 else f"{seconds(age)} ago" if age > 0 else f"in {seconds(-age)}"
    )
    return format_html(
        '<time datetime="{}" title="{} UTC">{}</time>',
        value.isoformat(timespec="seconds"),
        value.astimezone(timezone.get_default_timezone()).strftime("%Y-%m-%d %H:%M:%S"),
        words,
    )


@register.simple_tag
def heading(column: Shown) -> SafeString:
    """The <th> of a declared column."""
    return cells.heading(column)


@register.simple_tag
def cell(row: Model, column: Shown, links: bool) -> SafeString:
    """The <td> of a declared column; the one that `links` leads to the object on GitHub."""
    if isinstance(column.field, DateTimeField):
        return format_html("<td>{}</td>", moment(getattr(row, column.attribute)))
    return cells.cell(row, column, external(getattr(row, "html_url", "")) if links else "")


@register.filter
def title_line(value: str) -> str:
    """The first line of a message."""
    return value.strip().partition("\n")[0]


@register.filter
def external(url: str) -> str:
    """An address from a payload, if a browser may be sent there; else empty."""
    return url if url.startswith(("https://", "http://")) else ""


@register.filter
def address(url: str) -> str:
    """The same, or that of a page here."""
    return url if url.startswith("/") and not url.startswith("//") else external(url)


@register.filter
def percent_of(part: int | None, whole: int | None) -> int | None:
    """0 to 100, rounded down; None where either is unknown."""
    if part is None or not whole:
        return None
    return max(0, min(100, 100 * part // whole))


_PLURALS = {
    "app": "the App itself",
    "commit_detail": "commit details",
    "commit_file": "files of commits",
    "pull_request_commit": "commits and files of pull requests",
    "contributor": "contributors",
    "other": "of no kind",
    "ref": "branches and tags",
}


@register.filter
def plural_name(resource: str) -> str:
    """A resource's name as a heading over many."""
    if resource in _PLURALS:
        return _PLURALS[resource]
    return TABLES[resource].plural if resource in TABLES else words(resource)


@register.filter
def words(value: str) -> str:
    """`completed_with_errors` → `completed with errors`."""
    return value.replace("_", " ")


@register.simple_tag
def bar(percent: float, label: str) -> SafeString:
    """One horizontal bar, `percent` of its place; `label` says it in words."""
    return format_html(
        '<svg class="hbar" viewBox="0 0 100 4" preserveAspectRatio="none" role="img" '
        'aria-label="{}"><rect width="{}" height="4"/></svg>',
        label,
        round(max(0.0, min(100.0, percent)), 1),
    )


@register.filter
def label_color(label: Mapping[str, str] | Model) -> str:
    """A GitHub label's colour for a style attribute; empty unless it is six hex digits."""
    found = label.get("color") if isinstance(label, Mapping) else getattr(label, "color", "")
    color = str(found or "")
    return f"#{color}" if re.fullmatch("[0-9a-fA-F]{6}", color) else ""


@register.filter
def with_code(text: str) -> SafeString:
    """Our own words to the operator: what stands in backticks is a command."""
    return mark_safe(re.sub("`([^`]+)`", r"<code>\1</code>", escape(text)))


@register.simple_tag
def spent(start: datetime | None, end: datetime | None) -> str:
    """The time from `start` to `end` in words."""
    return seconds((end - start).total_seconds() if start and end else None)
