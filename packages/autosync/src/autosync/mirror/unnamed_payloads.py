"""Payloads of webhooks without forgotten people: in place of each the user `ghost`, and no text of
theirs. What is written about them by others stays, without the name.
"""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

from autosync.mirror.people import GHOST, Forgotten

# Under which keys an object has whoever wrote its text, and under which it has the text.
AUTHORS = frozenset({"user", "author", "creator", "uploader"})
TEXTS = frozenset(
    {
        "title", "body", "body_text", "body_html", "message", "description", "name", "label",
        "short_description_html", "diff_hunk", "path", "browser_download_url",
    }
)  # fmt: skip
# https://api.github.com/users/ghost
_NOBODY = {
    "login": GHOST,
    "id": 10137,
    "node_id": "MDQ6VXNlcjEwMTM3",
    "type": "User",
    "html_url": "https://github.com/ghost",
}
_SHARED = frozenset({"noreply@github.com"})
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def unnamed_body(forgotten: Forgotten, body: bytes) -> bytes:
    """The body of a delivery without forgotten people; the same one if they are not in it."""
    try:
        document = _decode(body)
    except (msgspec.DecodeError, RecursionError):
        text = body.decode("utf-8", "surrogateescape")
        return forgotten.text(text).encode("utf-8", "surrogateescape")
    cleaned, changed, wrote = _Walk(forgotten).value(document, "")
    if not changed:
        return body
    if wrote and isinstance(cleaned, dict) and "changes" in cleaned:
        cleaned["changes"] = _without_old(cleaned["changes"])
    return _encode(cleaned)


class _Walk:
    """Goes through a document; each step gives the value, whether it is another than it was, and
    whether a forgotten person wrote something in it."""

    def __init__(self, forgotten: Forgotten) -> None:
        self.forgotten = forgotten

    def value(self, value: Any, key: str) -> tuple[Any, bool, bool]:
        if isinstance(value, str):
            cleaned = value if key == "node_id" else self.forgotten.text(value)
            return cleaned, cleaned != value, False
        if isinstance(value, list):
            return self._list(value)
        return self._object(value, key) if isinstance(value, dict) else (value, False, False)

    def _list(self, items: list[Any]) -> tuple[Any, bool, bool]:
        found, changed, wrote = [], False, False
        for item in items:
            if isinstance(item, dict) and self._person(item, ""):
                changed = True
                continue
            cleaned, other, theirs = self.value(item, "")
            found.append(cleaned)
            changed, wrote = changed or other, wrote or theirs
        return (found if changed else items), changed, wrote

    def _object(self, item: dict[str, Any], key: str) -> tuple[Any, bool, bool]:
        if self._person(item, key):
            if "login" in item:
                return dict(_NOBODY), True, False
            return {"name": "", "email": "", "username": GHOST}, True, False
        wrote = any(
            isinstance(item.get(name), dict) and self._person(item[name], name) for name in AUTHORS
        )
        found, changed, below = {}, wrote, False
        for name, value in item.items():
            if wrote and name in TEXTS and isinstance(value, str):
                found[name] = ""
                continue
            cleaned, other, theirs = self.value(value, name)
            found[name] = cleaned
            changed, below = changed or other, below or theirs
        return (found if changed else item), changed, wrote or below

    def _person(self, item: dict[str, Any], key: str) -> uuid.UUID | None:
        """Which forgotten person this object is."""
        login = item.get("login") or item.get("username")
        if key == "pusher" and not login:
            login = item.get("name")
        number = item.get("id") if "login" in item else None
        email = item.get("email")
        email = email if isinstance(email, str) else ""
        login = login if isinstance(login, str) else ""
        if not login and not (email and "name" in item):
            return None
        number = number if type(number) is int else None
        person = self.forgotten.account(number, login) if login else None
        shared = email.lower() in _SHARED
        if person and email and not shared and not self.forgotten.address(email):
            self.forgotten.learn(person, "email", email)
        return person or (self.forgotten.address(email) if email else None)


def _without_old(changes: Any) -> Any:
    """`{"title": {"from": "…"}}` without what was there before."""
    if isinstance(changes, dict):
        return {
            name: "" if name == "from" and isinstance(value, str) else _without_old(value)
            for name, value in changes.items()
        }
    return changes
