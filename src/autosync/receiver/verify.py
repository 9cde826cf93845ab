"""Whether a delivery is GitHub's, and the little the inbox needs to know of it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import parse_qs

import msgspec

from autosync import jsontext

# GitHub sends nothing larger (docs: webhooks/webhook-events-and-payloads, payload cap).
MAX_BODY = 25 * 1024 * 1024
_MAX_NAME = 64  # characters; the inbox's columns, and GitHub's names are shorter


class Refused(Exception):
    """A delivery that is not taken: status, what is wrong, what to do. Repeats nothing of it."""

    def __init__(self, status: int, error: str, hint: str) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Incoming:
    """A verified delivery, ready to be stored; `body` is the JSON document."""

    guid: str
    event: str
    action: str
    installation_id: int | None
    repository_id: int | None
    headers: dict[str, str]
    body: bytes


_Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class _Reference(msgspec.Struct):
    id: _Id | None = None


class _Glance(msgspec.Struct):
    """The few fields the inbox is searched by; everything else is only checked to be JSON."""

    action: str | None = None
    installation: _Reference | None = None
    repository: _Reference | None = None


_glance = msgspec.json.Decoder(_Glance).decode
_object = msgspec.json.Decoder(dict[str, Any]).decode
# As GitHub spells them; HTTP servers hand them over in lower case.
_KEPT_HEADERS = {
    name.lower(): name
    for name in (
        "X-GitHub-Event",
        "X-GitHub-Delivery",
        "X-GitHub-Hook-ID",
        "X-GitHub-Hook-Installation-Target-ID",
        "X-GitHub-Hook-Installation-Target-Type",
        "X-GitHub-Enterprise-Host",
        "X-GitHub-Enterprise-Version",
        "Content-Type",
        "User-Agent",
    )
}


def check_length(headers: Mapping[str, str]) -> None:
    """Refuse by its announced length what is too large to be GitHub's."""
    length = headers.get("content-length", "")
    if length.isdigit() and int(length) > MAX_BODY:
        raise too_large()


def too_large() -> Refused:
    return Refused(413, "The body is larger than 25 MB.", "GitHub sends no larger deliveries.")


def check(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> Incoming:
    """Verify a delivery and glance at it; raises Refused. The signature comes before any parsing.

    `headers` have lower-case names. `secrets` must not be empty.
    """
    event = headers.get("x-github-event", "")
    guid = headers.get("x-github-delivery", "")
    for name, value in (("X-GitHub-Event", event), ("X-GitHub-Delivery", guid)):
        if not value or len(value) > _MAX_NAME:
            raise Refused(
                400,
                f"The header {name} is missing."
                if not value
                else f"The header {name} is longer than {_MAX_NAME} characters.",
                "Only GitHub's webhook deliveries belong here.",
            )
    if not signed_by(body, headers.get("x-hub-signature-256", ""), secrets):
        raise Refused(
            401,
            "The signature in X-Hub-Signature-256 is missing or does not match.",
            "GITHUB_WEBHOOK_SECRET must equal the secret of the App's webhook.",
        )
    document = _document(headers.get("content-type", ""), body)
    glance = _glance_at(document)
    return Incoming(
        guid=guid,
        event=event,
        action=(glance.action or "").replace("\x00", "")[:_MAX_NAME],
        installation_id=glance.installation.id if glance.installation else None,
        repository_id=glance.repository.id if glance.repository else None,
        headers={
            name: headers[lower].replace("\x00", "")
            for lower, name in _KEPT_HEADERS.items()
            if lower in headers
        },
        body=document,
    )


def signed_by(body: bytes, signature: str, secrets: Sequence[str]) -> bool:
    """Check `sha256=<hex HMAC of the raw body>` against every accepted secret, in constant time."""
    scheme, _, given = signature.partition("=")
    valid = False
    for secret in secrets:
        expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        # No early exit: how long it takes must not tell which secret matched.
        valid |= hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))
    return valid and scheme == "sha256"


def _document(content_type: str, body: bytes) -> bytes:
    """The JSON document, out of the form if the hook was set to that content type."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/json":
        return body
    if kind == "application/x-www-form-urlencoded":
        try:
            values = parse_qs(body.decode("ascii"), errors="strict", max_num_fields=16)
        except ValueError:
            values = {}
        if values.get("payload"):
            return values["payload"][0].encode()
        raise Refused(
            400, "The form has no readable field `payload`.", "Let the App's webhook send JSON."
        )
    raise Refused(
        415,
        "The content type is neither application/json nor application/x-www-form-urlencoded.",
        "Let the App's webhook send JSON.",
    )


def _glance_at(document: bytes) -> _Glance:
    malformed = Refused(
        400, "The payload is not a JSON object.", "Only GitHub's webhook deliveries belong here."
    )
    try:
        return jsontext.decode(_glance, document)
    except msgspec.ValidationError:
        pass  # JSON, but not of the shape we know: taken all the same if it is an object
    except (msgspec.DecodeError, RecursionError):
        raise malformed from None
    try:
        payload = jsontext.decode(_object, document)
    except (msgspec.DecodeError, RecursionError):
        raise malformed from None
    action = payload.get("action")
    return _Glance(
        action=action if isinstance(action, str) else None,
        installation=_reference(payload.get("installation")),
        repository=_reference(payload.get("repository")),
    )


def _reference(value: object) -> _Reference | None:
    try:
        return msgspec.convert(value, _Reference)
    except msgspec.ValidationError:
        return None
