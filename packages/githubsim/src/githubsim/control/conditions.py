"""The weather: webhooks, quota, latency, outages, the clock, and people at work."""

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from githubsim.clock import iso
from githubsim.control.desk import Desk
from githubsim.secondary import GITHUBS
from githubsim.shapes import Json


def webhooks(desk: Desk) -> Json:
    """Any of the fields of `githubsim.deliveries.HookWeather` → the weather of webhooks now."""
    return asdict(desk.world.webhooks.change(desk.body))


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
    """`concurrent`, `points_per_minute`, `graphql_points_per_minute`, `cpu_per_minute`,
    `graphql_cpu_per_minute` (null: off), `retry_after`.

    `githubs`: true sets GitHub's own.
    """
    limits = desk.world.limits
    fields = dict(desk.body)
    start = GITHUBS if fields.pop("githubs", False) else limits.secondary
    limits.secondary = replace(start, **fields)
    return asdict(limits.secondary)


def weather(desk: Desk) -> Json:
    """Any of the fields of `githubsim.weather.Conditions`, and `outage` (seconds from now).

    The storm begins anew: the same seed and the same requests meet the same weather.
    """
    fields = dict(desk.body)
    if "outage" in fields:
        fields["outage_until"] = desk.store.clock.pace() + float(fields.pop("outage"))
    return asdict(desk.state.weather.change(fields))


def uncountable(desk: Desk) -> Json:
    """`shas`: the commits (these and no others) whose changes GitHub cannot count."""
    desk.store.set_uncountable(str(sha) for sha in desk.need("shas"))
    return {"shas": sorted(desk.store.uncountable())}


def clock(desk: Desk) -> Json:
    """`advance` (seconds), `speed` → the simulator's time.

    A stepped clock first waits until no webhook is on its way.
    """
    if "speed" in desk.body:
        desk.store.clock.run_at(float(desk.need("speed")))
    desk.world.webhooks.advance(float(desk.get("advance", 0)))
    desk.store.keep_clock()
    return {"now": iso(desk.store.clock.now())}


def older_server(desk: Desk) -> Json:
    """`lacks`: GraphQL fields, `Type.fields` and types that are not known here, as on an older
    Enterprise Server.
    """
    desk.world.lacking.clear()
    desk.world.lacking.update(desk.get("lacks", ()))
    return {"lacks": sorted(desk.world.lacking)}


def withhold(desk: Desk) -> Json:
    """`fields` of GraphQL that are refused to Apps: null, and an error that says so."""
    desk.world.withheld.clear()
    desk.world.withheld.update(desk.get("fields", ()))
    return {"fields": sorted(desk.world.withheld)}


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
        "weather": asdict(desk.state.weather.conditions),
        "webhooks": asdict(desk.world.webhooks.weather),
        "webhooks_pending": desk.world.webhooks.pending,
    }


ACTIONS: dict[str, Callable[[Desk], Any]] = {
    "clock": clock,
    "commits/uncountable": uncountable,
    "limits": secondary,
    "older-server": older_server,
    "people": people,
    "ping": ping,
    "quota": quota,
    "weather": weather,
    "withhold": withhold,
    "webhooks": webhooks,
    "webhooks/wait": wait_for_webhooks,
}
QUESTIONS: dict[str, Callable[[Desk], Any]] = {"requests": requests, "status": status}
