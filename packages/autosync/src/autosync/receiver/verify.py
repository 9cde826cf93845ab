"""Whether a delivery is GitHub's, and the little the inbox needs to know of it."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from autosync import jsontext
from autosync.receiver import form

# GitHub sends nothing larger (docs: webhooks/webhook-events-and-payloads, payload cap).
MAX_BODY = 25 * 1024 * 1024
_MAX_NAME = 64  # characters; the inbox's columns, and GitHub's names are shorter
_SIGNATURE = re.compile(r"sha256=[0-9a-f]{64}")
_DELIVERY = "X-GitHub-Delivery"
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"


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
        _DELIVERY,
        "X-GitHub-Hook-ID",
        "X-GitHub-Hook-Installation-Target-ID",
        "X-GitHub-Hook-Installation-Target-Type",
        "X-GitHub-Enterprise-Host",
        "X-GitHub-Enterprise-Version",
        "Content-Type",
        "User-Agent",
    )
}


def check_headers(headers: Mapping[str, str]) -> None:
    """Refuse by its headers what cannot be GitHub's, before anything of its body is read.

    `headers` have lower-case names. Raises Refused.
    """
    length = headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length[:20]) > MAX_BODY:
        raise too_large()
    for lower, name in (("x-github-event", "X-GitHub-Event"), ("x-github-delivery", _DELIVERY)):
        value = headers.get(lower, "")
        if not value or len(value) > _MAX_NAME:
            raise Refused(
                400,
                f"The header {name} is missing."
                if not value
                else f"The header {name} is longer than {_MAX_NAME} characters.",
                "This address takes only GitHub's webhook deliveries.",
            )
    if not _SIGNATURE.fullmatch(headers.get("x-hub-signature-256", "")):
        raise _unsigned()
    if _kind(headers) not in (_JSON, _FORM):
        raise Refused(
            415,
            "The content type is neither application/json nor application/x-www-form-urlencoded.",
            "Set the content type of the App's webhook to application/json.",
        )


def too_large() -> Refused:
    return Refused(413, "The body is larger than 25 MB.", "GitHub sends no larger deliveries.")


def _unsigned() -> Refused:
    return Refused(
        401,
        "The signature in X-Hub-Signature-256 is missing or does not match.",
        "GITHUB_WEBHOOK_SECRET must equal the secret of the App's webhook.",
    )


class Signature:
    """The signature of a body, computed while the body comes in; with every accepted secret."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._macs = [hmac.new(secret.encode(), digestmod=hashlib.sha256) for secret in secrets]

    def update(self, chunk: bytes) -> None:
        """Take in the next piece of the raw body."""
        for mac in self._macs:
            mac.update(chunk)

    def matches(self, signature: str) -> bool:
        """Compare with `sha256=<hex HMAC of the raw body>`, in constant time."""
        scheme, _, given = signature.partition("=")
        valid = False
        for mac in self._macs:
            expected = mac.hexdigest().encode()
            # No early exit: how long it takes must not tell which secret matched.
            valid |= hmac.compare_digest(expected, given.encode("utf-8", "replace"))
        return valid and scheme == "sha256"


def signed_by(body: bytes, signature: str, secrets: Sequence[str]) -> bool:
    """Check the signature of a body that is all there."""
    whole = Signature(secrets)
    whole.update(body)
    return whole.matches(signature)


def check(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> Incoming:
    """Verify a delivery that is all there and glance at it; raises Refused.

    `headers` have lower-case names. `secrets` must not be empty.
    """
    signature = Signature(secrets)
    signature.update(body)
    check_headers(headers)
    check_signature(headers, signature)
    return glance_at(headers, body)


def check_signature(headers: Mapping[str, str], signature: Signature) -> None:
    """Raise Refused unless the body, all of it taken in, was signed with one of the secrets."""
    if not signature.matches(headers.get("x-hub-signature-256", "")):
        raise _unsigned()


def glance_at(headers: Mapping[str, str], body: bytes) -> Incoming:
    """What the inbox needs to know of a verified delivery; raises Refused if it is not JSON."""
    document = _document(_kind(headers), body)
    glance = _glance_at(document)
    return Incoming(
        guid=headers["x-github-delivery"],
        event=headers["x-github-event"],
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


def _kind(headers: Mapping[str, str]) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _document(kind: str, body: bytes) -> bytes:
    """The JSON document, out of the form if the hook was set to that content type."""
    if kind == _JSON:
        return body
    payload = form.field(body, b"payload")
    if not payload:
        raise Refused(
            400,
            "The form has no readable field `payload`.",
            "Set the content type of the App's webhook to application/json.",
        )
    return payload


def _glance_at(document: bytes) -> _Glance:
    malformed = Refused(
        400,
        "The payload is not a JSON object.",
        "This address takes only GitHub's webhook deliveries.",
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
