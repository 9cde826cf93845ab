"""The face at /_sim/: the world, the latest requests and deliveries, and the weather, as one page.

Rendered anew for each look; nothing runs in the browser.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from html import escape
from importlib import resources
from typing import Any

from starlette.datastructures import State

from githubsim.clock import iso
from githubsim.deliveries import HookWeather
from githubsim.requests import RequestLog
from githubsim.rest.call import World
from githubsim.secondary import Secondary
from githubsim.weather import Conditions

_REPOSITORIES = 50
_DELIVERIES = 40
_REFRESH = 5
_COUNTS = """
SELECT repository_id, sum(pull_id IS NULL), sum(pull_id IS NOT NULL), sum(state = 'open')
FROM issues GROUP BY repository_id
"""
_LATEST = """
SELECT delivered_at, event, action, status, status_code, duration, redelivery, guid
FROM deliveries ORDER BY id DESC LIMIT ?
"""


def page(state: State) -> str:
    """The whole page as HTML."""
    world: World = state.world
    style = resources.files("githubsim").joinpath("face.css").read_text()
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>githubsim</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,"><meta http-equiv="refresh" content="{_REFRESH}">
<style>{style}</style></head><body>
{_head(world, state.requests)}
<div class="cards">
{_weather(state)}
{_requests(state.requests)}
{_deliveries(world)}
{_repositories(world)}
</div></body></html>
"""


def _head(world: World, requests: RequestLog) -> str:
    store = world.store
    app = store.app()
    name = escape(app.name) if app else "no App"
    hook = escape(app.hook_url or "no webhook URL") if app else ""
    numbers = {
        "repositories": len(store.repositories()),
        "issues": store.value("SELECT count(*) FROM issues WHERE pull_id IS NULL"),
        "pull requests": store.value("SELECT count(*) FROM pulls"),
        "comments": store.value("SELECT count(*) FROM comments"),
        "accounts": store.value("SELECT count(*) FROM accounts"),
        "requests": requests.shape()["total"],
        "deliveries to send": world.webhooks.pending,
    }
    items = "".join(f"<li><b>{count:,}</b>{label}</li>" for label, count in numbers.items())
    return (
        f"<header><h1>githubsim</h1><p>{name} <span class=soft>→ {hook}</span></p>"
        f"<p class=time>{iso(store.clock.now())}</p></header><ul class=numbers>{items}</ul>"
    )


def _weather(state: State) -> str:
    world: World = state.world
    conditions: Conditions = state.weather.conditions
    parts = [
        *_changed("", asdict(conditions), asdict(Conditions())),
        *_changed("webhooks ", asdict(world.webhooks.weather), asdict(HookWeather())),
        *_changed("", asdict(world.limits.secondary), asdict(Secondary())),
    ]
    if not world.limits.enabled:
        parts.append(("limits", "off"))
    shown = "".join(
        f"<div><dt>{escape(name.replace('_', ' '))}</dt><dd class=warn>{escape(value)}</dd></div>"
        for name, value in parts
    )
    quota = "".join(
        f"<div><dt>{escape(who)} {escape(resource)}</dt><dd>{used:,} used</dd></div>"
        for who, found in sorted(world.limits.used().items())
        for resource, used in sorted(found.items())
    )
    calm = "<p class=soft>Calm: nothing is slowed, lost or refused.</p>"
    return (
        f"<section><h2>Weather now</h2>{f'<dl>{shown}</dl>' if shown else calm}"
        f"</section><section><h2>Quota of this hour</h2>"
        f"{f'<dl>{quota}</dl>' if quota else '<p class=soft>No requests yet.</p>'}"
        "</section>"
    )


def _changed(prefix: str, now: dict[str, Any], calm: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in now.items():
        if value == calm[name]:
            continue
        if name == "outage_until":
            yield f"{prefix}outage until", iso(int(value))
        else:
            yield prefix + name, "off" if value is None or value is False else f"{value:g}"


def _repositories(world: World) -> str:
    store, git = world.store, world.git
    counts = {one[0]: one[1:] for one in store.values(_COUNTS)}
    everything = store.repositories()
    rows = []
    for one in everything[:_REPOSITORIES]:
        issues, pulls, opened = counts.get(one.id, (0, 0, 0))
        head = git.ref(one.id, f"refs/heads/{one.default_branch}")
        commits = 0 if head is None else git.count(one.id, head)
        words = [word for word in ("private", "archived", "fork") if getattr(one, word)]
        rows.append(
            f"<tr><td class=name>{escape(store.full_name(one))} "
            f"<span class=soft>{', '.join(words)}</span></td>"
            + "".join(f"<td class=number>{n:,}</td>" for n in (commits, issues, pulls, opened))
            + "</tr>"
        )
    left = len(everything) - len(rows)
    more = f"<p class=soft>and {left:,} more</p>" if left > 0 else ""
    heads = ("repository", "commits", "issues", "pulls", "open")
    return _card("Repositories", heads, rows, more, wide=True)


def _requests(requests: RequestLog) -> str:
    rows = [
        f"<tr><td class=time>{_clock(one.at)}</td><td class=name>{escape(one.target)}</td>"
        f"<td class=number>{_status(one.status)}</td>"
        f"<td class='number soft spare'>{escape(one.quota)}</td></tr>"
        for one in requests.latest()
    ]
    return _card("Latest requests", ("time", "endpoint", "status", "quota left"), rows)


def _deliveries(world: World) -> str:
    rows = []
    for at, event, action, status, code, duration, again, guid in world.store.values(
        _LATEST, (_DELIVERIES,)
    ):
        name = ".".join(filter(None, (event, action)))
        mark = " <span class=soft>again</span>" if again else ""
        result = f"{_status(code)} <span class=soft>{escape(status)}</span>"
        if code == 0:
            result = f"<span class=bad>{escape(status)}</span>"
        rows.append(
            f"<tr><td class=time>{_clock(at)}</td>"
            f'<td class=name title="{escape(guid)}">{escape(name)}{mark}</td>'
            f"<td>{result}</td>"
            f"<td class='number soft spare'>{duration * 1000:,.0f} ms</td></tr>"
        )
    return _card("Latest deliveries", ("time", "event", "result", "took"), rows)


def _card(
    title: str, heads: Sequence[str], rows: Sequence[str], more: str = "", *, wide: bool = False
) -> str:
    if not rows:
        return f"<section><h2>{title}</h2><p class=soft>None so far.</p></section>"
    numbers = {"commits", "issues", "pulls", "open", "status", "quota left", "took"}
    spare = {"quota left", "took"}
    cells = "".join(
        f"<th class='{'number' if one in numbers else ''} {'spare' if one in spare else ''}'>"
        f"{one}</th>"
        for one in heads
    )
    return (
        f"<section{' class=wide' if wide else ''}><h2>{title}</h2><div class=scroll>"
        f"<table><thead><tr>{cells}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
        f"{more}</section>"
    )


def _status(code: int) -> str:
    kind = "good" if 200 <= code < 400 else "bad" if code >= 500 or code == 0 else "warn"
    return f"<span class={kind}>{code or 'cut'}</span>"


def _clock(at: float) -> str:
    return iso(int(at))[11:19]
