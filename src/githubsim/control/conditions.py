"""The weather: webhooks, quota, latency, outages, the clock, and people at work."""

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from githubsim.clock import iso
from githubsim.control.desk import Desk
from githubsim.shapes import Json


def webhooks(desk: Desk) -> Json:
    """`on`, `lost`, `duplicated` (fractions), `seed` → the weather of webhooks now."""
    hooks = desk.world.webhooks
    fields = {
        key: desk.body[key] for key in ("on", "lost", "duplicated", "seed") if key in desk.body
    }
    hooks.weather = replace(hooks.weather, **fields)
    return asdict(hooks.weather)


def wait_for_webhooks(desk: Desk) -> Json:
    """`timeout` (10) in seconds → `{"delivered": true}` once nothing waits to be sent."""
    return {"delivered": desk.world.webhooks.wait(float(desk.get("timeout", 10)))}


def ping(desk: Desk) -> Json:
    """Send a ping."""
    desk.world.webhooks.ping()
    return {}


def quota(desk: Desk) -> Json:
    """`resource` (core), `limit`, `remaining`; neither: GitHub's own limit again."""
    desk.world.limits.override(
        desk.get("resource", "core"),
        limit=desk.get("limit"),
        remaining=desk.get("remaining"),
    )
    return {}


def secondary(desk: Desk) -> Json:
    """`concurrent`, `points_per_minute` (null: off), `retry_after`."""
    limits = desk.world.limits
    limits.secondary = replace(limits.secondary, **desk.body)
    return asdict(limits.secondary)


def weather(desk: Desk) -> Json:
    """`latency`, `jitter` (seconds), `failing` (fraction of 502s), `outage` (seconds), `seed`."""
    fields = dict(desk.body)
    if "outage" in fields:
        fields["outage_until"] = time.time() + float(fields.pop("outage"))
    conditions = desk.state.weather.change(**fields)
    return asdict(conditions)


def clock(desk: Desk) -> Json:
    """`advance` (seconds), `speed` → the simulator's time."""
    if "speed" in desk.body:
        desk.store.clock.run_at(float(desk.need("speed")))
    desk.store.clock.advance(float(desk.get("advance", 0)))
    return {"now": iso(desk.store.clock.now())}


def people(desk: Desk) -> Json:
    """`per_minute`: how much the simulated people do; 0 sends them home."""
    desk.state.people(float(desk.need("per_minute")), int(desk.get("seed", 0)))
    return {}


def requests(desk: Desk) -> Json:
    """How often each endpoint was called with which status, and the quota used so far."""
    found: Json = desk.state.requests.shape()
    found["quota"] = desk.world.limits.used()
    if desk.get("clear"):
        desk.state.requests.clear()
    return found


def status(desk: Desk) -> Json:
    """The time, and what waits to be delivered."""
    return {
        "now": iso(desk.store.clock.now()),
        "webhooks": asdict(desk.world.webhooks.weather),
        "webhooks_pending": desk.world.webhooks.pending,
    }


ACTIONS: dict[str, Callable[[Desk], Any]] = {
    "clock": clock,
    "limits": secondary,
    "people": people,
    "ping": ping,
    "quota": quota,
    "weather": weather,
    "webhooks": webhooks,
    "webhooks/wait": wait_for_webhooks,
}
QUESTIONS: dict[str, Callable[[Desk], Any]] = {"requests": requests, "status": status}
