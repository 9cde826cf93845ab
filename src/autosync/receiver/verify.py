"""Whether a delivery is GitHub's, and what is in it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qs

import msgspec

MAX_BODY = 25 * 1024 * 1024  # GitHub sends nothing larger (docs: webhook events and payloads)


class Refused(Exception):
    """A delivery that is not taken: status, what is wrong, what to do. Nothing of it is repeated."""

    def __init__(self, status: int, error: str, hint: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.hint = hint


class _Reference(msgspec.Struct):
    id: int | None = None


class _Glance(msgspec.Struct):
    """The few fields the inbox is searched by; everything else stays raw."""

    action: str | None = None
    installation: _Reference | None = None
    repository: _Reference | None = None


@dataclass(frozen=True, slots=True)
class Incoming:
    """A verified delivery, ready to be stored."""

    guid: str
    event: str
    action: str
    installation_id: int | None
    repository_id: int | None
    headers: dict[str, str]
    body: bytes


_glance = msgspec.json.Decoder(_Glance).decode
_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_KEPT_HEADERS = ("content-type", "user-agent")


def signed_by(body: bytes, signature: str, secrets: Sequence[str]) -> bool:
    """Constant-time check of `X-Hub-Signature-256` against every accepted secret."""
    scheme, _, given = signature.partition("=")
    valid = False
    for secret in secrets:
        expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        # No early exit: how long it takes must not tell which secret matched.
        valid |= hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))
    return valid and scheme == "sha256"


def check_headers(headers: Mapping[str, str]) -> None:
    """What can be refused before the body is read."""
    length = headers.get("content-length", "")
    if length.isdigit() and int(length) > MAX_BODY:
        raise too_large()
    if not headers.get("x-github-event") or not headers.get("x-github-delivery"):
        raise Refused(
            400,
            "X-GitHub-Event and X-GitHub-Delivery are required",
            "Only GitHub's webhook deliveries belong here.",
        )
    if len(headers["x-github-delivery"]) > 64 or len(headers["x-github-event"]) > 64:
        raise Refused(400, "The GitHub headers are too long", "GitHub's have at most 64 characters")


def too_large() -> Refused:
    return Refused(413, "The body is larger than 25 MB", "GitHub sends no larger deliveries.")


def check(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> Incoming:
    """Verify and glance at a delivery; raises Refused. The signature comes before any parsing."""
    if not signed_by(body, headers.get("x-hub-signature-256", ""), secrets):
        raise Refused(
            401,
            "The signature does not match",
            "GITHUB_WEBHOOK_SECRET must equal the secret of the App's webhook.",
        )
    document = _document(headers.get("content-type", ""), body)
    try:
        _object(document)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refused(
            400, "The payload is not a JSON object", "Deliver JSON as GitHub does."
        ) from None
    try:
        glance = _glance(document)
    except (msgspec.DecodeError, UnicodeDecodeError):
        glance = _Glance()
    return Incoming(
        guid=headers["x-github-delivery"],
        event=headers["x-github-event"],
        action=(glance.action or "")[:64],
        installation_id=glance.installation.id if glance.installation else None,
        repository_id=glance.repository.id if glance.repository else None,
        headers={
            name: value
            for name, value in headers.items()
            if name in _KEPT_HEADERS
            or (name.startswith("x-github-") and not name.startswith("x-github-enterprise-secret"))
        },
        body=document,
    )


def _document(content_type: str, body: bytes) -> bytes:
    """The JSON document, out of the form if the hook was set to that content type."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        return body
    if kind == "application/x-www-form-urlencoded":
        values = parse_qs(body.decode("utf-8", "replace")).get("payload")
        if values:
            return values[0].encode()
        raise Refused(400, "The form has no field payload", "Deliver JSON as GitHub does.")
    raise Refused(
        400,
        "The content type is neither application/json nor a form",
        "Set the webhook's content type to application/json.",
    )
