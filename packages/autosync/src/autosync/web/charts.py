"""The bigger charts: SVG drawn by the server, coloured by the page's style sheet."""

from __future__ import annotations

import re
from collections.abc import Sequence

from django.utils.safestring import SafeString, mark_safe

from autosync.insight.analytics import Activity, Flow, Unit
from autosync.insight.drift import DriftDay

# The page knows whether it is light or dark; pygal writes these into the drawing as they are.
_INK = "currentColor"
_STYLE = {
    "background": "transparent",
    "plot_background": "transparent",
    "foreground": _INK,
    "foreground_strong": _INK,
    "foreground_subtle": _INK,
    "guide_stroke_color": _INK,
    "major_guide_stroke_color": _INK,
    "opacity": "1",
    "opacity_hover": ".75",
    "font_family": "inherit",
    "label_font_size": 13,
    "major_label_font_size": 13,
    "legend_font_size": 13,
    "no_data_font_size": 14,
    "colors": ("var(--accent)", "var(--second)", "var(--bad)"),
}
_HEIGHT = 200
_WIDTH = 640
# More labels than these run into each other.
_LABELS = 7
_FEW = 4
_SCRIPT = re.compile(r"<script.*?</script>", re.DOTALL)


def commits(activity: Activity, width: int = _WIDTH) -> SafeString:
    """Commits per day, week or month; `width` in the drawing's own units, 200 high."""
    form = {Unit.DAY: "%-d %b", Unit.WEEK: "%-d %b %y", Unit.MONTH: "%b %Y"}[activity.unit]
    return _bars(
        [column.start.strftime(form) for column in activity.columns],
        {f"Commits per {activity.unit}": [column.count for column in activity.columns]},
        f"Commits per {activity.unit}, {activity.total} in total",
        width,
    )


def issues(flow: Sequence[Flow]) -> SafeString:
    """Issues opened and closed per week."""
    opened, closed = [week.opened for week in flow], [week.closed for week in flow]
    return _bars(
        [week.start.strftime("%-d %b %y") for week in flow],
        {"opened": opened, "closed": closed},
        f"Issues per week: {sum(opened)} opened, {sum(closed)} closed",
    )


def differences(days: Sequence[DriftDay]) -> SafeString:
    """What audits found per day, by cause."""
    found, repaired = sum(day.found for day in days), sum(day.repaired for day in days)
    return _bars(
        [f"{day.day:%-d %b}" for day in days],
        {
            "late": [day.late for day in days],
            "lost": [day.lost for day in days],
            "other": [day.bug for day in days],
        },
        f"Objects that differed per day: {found} found, {repaired} repaired",
        stacked=True,
    )


def audit_points(days: Sequence[DriftDay]) -> SafeString:
    """The quota that audits took per day."""
    points = [day.points for day in days]
    return _bars(
        [f"{day.day:%-d %b}" for day in days],
        {"points": points},
        f"Quota spent by audits per day, {sum(points)} points in total",
    )


def _bars(
    labels: list[str],
    series: dict[str, list[int]],
    words: str,
    width: int = _WIDTH,
    *,
    stacked: bool = False,
) -> SafeString:
    """An <svg>; `words` are what a screen reader says of it. Labels are ours, never GitHub's."""
    import pygal  # noqa: PLC0415 (start-up time)
    from pygal.style import Style  # noqa: PLC0415 (start-up time)

    chart = (pygal.StackedBar if stacked else pygal.Bar)(
        style=Style(**_STYLE),
        js=[],
        disable_xml_declaration=True,
        width=width,
        height=_HEIGHT,
        margin=6,
        spacing=6,
        show_legend=len(series) > 1,
        legend_at_bottom=False,
        legend_box_size=10,
        show_minor_x_labels=False,
        show_minor_y_labels=True,
        truncate_label=-1,
        truncate_legend=-1,
        max_scale=5,
        min_scale=2,
        include_x_axis=True,
        print_values=False,
        rounded_bars=1,
        value_formatter=lambda value: f"{value:,.0f}",
        no_data_text="Nothing yet",
    )
    step = max(1, -(-len(labels) // (_LABELS * width // _WIDTH)))
    chart.x_labels = labels
    chart.x_labels_major = labels[::step]
    if stacked:
        top = max((sum(column) for column in zip(*series.values(), strict=True)), default=0)
    else:
        top = max((value for values in series.values() for value in values), default=0)
    if top <= _FEW:
        # pygal's own steps would be halves, written as wholes.
        chart.y_labels = range(max(top, 1) + 1)
    for name, values in series.items():
        chart.add(name, values)
    drawing = _SCRIPT.sub("", chart.render(is_unicode=True))
    return mark_safe(  # numbers, dates and our own words
        drawing.replace("<svg ", f'<svg role="img" aria-label="{words}" ', 1)
    )
