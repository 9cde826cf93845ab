"""The App's webhook: its configuration and the log of its deliveries."""

from dataclasses import replace

import msgspec

from githubsim.clock import iso_exact
from githubsim.errors import ApiError, invalid, not_found
from githubsim.rest.call import Answer, Call, link_header, route
from githubsim.shapes import Json
from githubsim.store import Delivery


@route("GET", "/app/hook/config", "app")
def show_config(call: Call) -> Answer:
    """https://docs.github.com/rest/apps/webhooks#get-a-webhook-configuration-for-an-app"""
    return Answer(call.shapes.hook_config(call.app))


@route("PATCH", "/app/hook/config", "app")
def edit_config(call: Call) -> Answer:
    """https://docs.github.com/rest/apps/webhooks#update-a-webhook-configuration-for-an-app"""
    body = call.json()
    app = call.app
    url = body.get("url", app.hook_url)
    content_type = body.get("content_type", app.hook_content_type)
    if url is not None and not str(url).startswith(("http://", "https://")):
        raise invalid("Hook", "url", "invalid")
    if content_type not in ("json", "form"):
        raise invalid("Hook", "content_type", "invalid")
    app = call.store.edit_app(
        replace(
            app,
            hook_url=url,
            hook_content_type=content_type,
            hook_secret=body.get("secret", app.hook_secret),
            hook_insecure_ssl=str(body.get("insecure_ssl", app.hook_insecure_ssl)),
        )
    )
    return Answer(call.shapes.hook_config(app))


@route("GET", "/app/hook/deliveries", "app")
def list_deliveries(call: Call) -> Answer:
    """https://docs.github.com/rest/apps/webhooks#list-deliveries-for-an-app-webhook

    Newest first; `cursor` is opaque, and only `Link` tells the next one.
    """
    where, values = "WHERE delivered_at >= ?", [call.store.clock.exact() - 3 * 24 * 3600]
    cursor = call.query.get("cursor", "")
    if cursor:
        version, _, last = cursor.partition("_")
        if version != "v1" or not last.isdecimal():
            raise ApiError(422, "Invalid cursor")
        where += " AND id < ?"
        values.append(int(last))
    match call.query.get("status"):
        case "success":
            where += " AND status_code BETWEEN 200 AND 399"
        case "failure":
            where += " AND status_code BETWEEN 400 AND 599"
        case None:
            pass
        case _:
            raise ApiError(422, "Invalid status")
    if call.query.get("redelivery") == "true":
        where += " AND redelivery"
    found = call.store.rows(
        Delivery, f"{where} ORDER BY id DESC LIMIT ?", [*values, call.per_page + 1]
    )
    part = found[: call.per_page]
    links = {}
    if len(found) > len(part):
        links["next"] = call.cursor_url(f"v1_{part[-1].id}")
    return Answer([_item(one) for one in part], headers=link_header(links))


@route("GET", "/app/hook/deliveries/{delivery_id}", "app")
def show_delivery(call: Call) -> Answer:
    """https://docs.github.com/rest/apps/webhooks#get-a-delivery-for-an-app-webhook"""
    one = _delivery(call)
    return Answer(
        _item(one)
        | {
            "url": one.url,
            "request": {
                "headers": one.request_headers,
                "payload": msgspec.Raw(one.request_payload.encode()),
            },
            "response": {"headers": one.response_headers, "payload": one.response_payload},
        }
    )


@route("POST", "/app/hook/deliveries/{delivery_id}/attempts", "app")
def redeliver(call: Call) -> Answer:
    """https://docs.github.com/rest/apps/webhooks#redeliver-a-delivery-for-an-app-webhook"""
    call.world.webhooks.redeliver(_delivery(call))
    return Answer({}, 202)


def _delivery(call: Call) -> Delivery:
    found = call.store.delivery(call.number("delivery_id"))
    if found is None:
        raise not_found()
    return found


def _item(one: Delivery) -> Json:
    return {
        "id": one.id,
        "guid": one.guid,
        "delivered_at": iso_exact(one.delivered_at),
        "redelivery": one.redelivery,
        "duration": one.duration,
        "status": one.status,
        "status_code": one.status_code,
        "event": one.event,
        "action": one.action,
        "installation_id": one.installation_id,
        "repository_id": one.repository_id,
        "throttled_at": None,
    }
