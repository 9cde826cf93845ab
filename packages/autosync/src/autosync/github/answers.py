"""One answer of GitHub, named in words where it is not JSON.

What GitHub answers with 200 is not always JSON: a gateway's page, nothing at all, half a document
(octokit/plugin-retry.js#395). Nor is it always small.
"""

from __future__ import annotations

from typing import Any

import msgspec

from autosync import jsontext

# A page of a hundred issues with the longest bodies GitHub takes (65,536 characters, each escaped)
# is 40 MB, a delivery 25 MB.
MOST_BYTES = 64 << 20
_JSON = msgspec.json.Decoder()


class NoAnswer(Exception):
    """No whole answer: the message names the failure. `broken`: what came cannot be unpacked."""

    def __init__(self, failure: str, *, broken: bool = False) -> None:
        super().__init__(failure)
        self.broken = broken


class TooLarge(Exception):
    """The answer is larger than AutoSync takes in."""


class NotJSON(Exception):
    """The message names what the answer is instead: "HTML", "an empty body"."""


def document(content: bytes) -> Any:
    """The content decoded, with U+FFFD for characters that are none; NotJSON names what it is."""
    try:
        return jsontext.decode(_JSON.decode, content)
    except (msgspec.DecodeError, RecursionError):
        raise NotJSON(_named(content)) from None


def kind(value: Any) -> str:
    """What a decoded document is, in words."""
    names = {dict: "an object", list: "a list", str: "text", type(None): "null"}
    return names.get(type(value), "a number" if isinstance(value, (int, float)) else "no document")


def _named(content: bytes) -> str:
    text = content[:1000].strip().lower()
    if not text:
        return "an empty body"
    if text.startswith((b"<!doctype html", b"<html")) or b"<head" in text or b"<body" in text:
        return "HTML"
    if text.startswith((b"{", b"[", b'"')):
        return "half a document" if len(content) < MOST_BYTES else "a broken document"
    return "text"
