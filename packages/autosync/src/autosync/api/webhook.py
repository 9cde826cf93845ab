"""The webhook door as the API's description shows it; the receiver itself stands before Django."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router, Status

from autosync.api.schemas import Problem

router = Router(tags=["webhook"])
PATH = "/api/github/webhook/"


def _header(name: str, description: str) -> dict[str, Any]:
    return {
        "in": "header",
        "name": name,
        "required": True,
        "description": description,
        "schema": {"type": "string"},
    }


def _answer(description: str) -> dict[str, Any]:
    shape = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {"description": description, "content": {"application/json": shape}}


@router.post(
    "/github/webhook/",
    auth=None,
    response={503: Problem},
    openapi_extra={
        "parameters": [
            _header("X-GitHub-Event", "the event's name"),
            _header("X-GitHub-Delivery", "GUID; a second one is answered 200 and applied once"),
            _header("X-Hub-Signature-256", "`sha256=` and the HMAC of the raw body"),
        ],
        "requestBody": {
            "required": True,
            "description": "at most 25 MB",
            "content": {
                "application/json": {"schema": {"type": "object"}},
                "application/x-www-form-urlencoded": {
                    "schema": {
                        "type": "object",
                        "properties": {"payload": {"type": "string"}},
                        "required": ["payload"],
                    }
                },
            },
        },
        "responses": {
            "200": {"description": "This GUID was committed to the inbox before"},
            "202": {"description": "The delivery is committed to the inbox"},
            "400": _answer("A header is missing or the body is not what it says"),
            "401": _answer("The signature is not made with our secret"),
            "413": _answer("The body is larger than 25 MB"),
            "415": _answer("The content type is neither JSON nor a form"),
            # A number, as ninja keys its own: as text it would stand there twice.
            503: _answer("The database cannot take it now; nothing is stored"),
        },
    },
)
def receive_webhook(request: HttpRequest) -> Status[Problem]:
    """GitHub's deliveries. Signed with the App's webhook secret; no token."""
    # `autosync.asgi` answers this path itself. Whoever comes here runs Django alone, where a 2xx
    # would be a promise that nobody keeps.
    return Status(
        503,
        Problem(error="Webhooks need the ASGI server: run `autosync serve`."),
    )
