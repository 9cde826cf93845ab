"""One answer of GitHub: read whole within bounds, and named in words where it is not JSON.

What GitHub answers with 200 is not always JSON: a gateway's page, nothing at all, half a document
(octokit/plugin-retry.js#395). Nor is it always small.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec

from autosync import jsontext

# A page of a hundred issues with the longest bodies GitHub takes (65,536 characters, each escaped)
# is 40 MB, a delivery 25 MB.
MOST_BYTES = 64 << 20
# Shorter than the lease on the request's slot: an answer that drips does not hold it for ever.
LONGEST = 110.0
# The one packing that is asked for: others may hold any number of bytes in one.
PACKING = "gzip"
_AS_SENT = ("content-encoding", "content-length", "transfer-encoding")
_JSON = msgspec.json.Decoder()


class TooLarge(Exception):
    """The answer is larger than AutoSync takes in."""


class NotJSON(Exception):
    """The message names what the answer is instead: "HTML", "an empty body"."""


def read(response: httpx.Response, most: int = MOST_BYTES) -> httpx.Response:
    """The answer with its content, unpacked; `response` is open and still to be closed.

    Raises TooLarge before more than `most` bytes are held, httpx.ReadTimeout after LONGEST
    seconds, httpx.DecodingError for what cannot be unpacked.
    """
    said = response.headers.get("content-length", "")
    if said.isascii() and said.isdigit() and int(said[:18]) > most:
        raise TooLarge
    content = bytearray()
    for piece in _unpacked(response, _timed(response), most):
        content += piece
        if len(content) > most:
            raise TooLarge
    headers = [(name, value) for name, value in response.headers.raw if not _is_packing(name)]
    whole = httpx.Response(
        response.status_code, headers=headers, content=bytes(content), request=response.request
    )
    whole.extensions["reason_phrase"] = response.extensions.get("reason_phrase", b"")
    return whole


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


def _is_packing(name: bytes) -> bool:
    return name.decode("ascii", "replace").lower() in _AS_SENT


def _timed(response: httpx.Response) -> Iterator[bytes]:
    until = time.monotonic() + LONGEST
    for chunk in response.iter_raw():
        if time.monotonic() > until:
            raise httpx.ReadTimeout("the answer did not end", request=response.request)
        yield chunk


def _unpacked(response: httpx.Response, chunks: Iterator[bytes], most: int) -> Iterator[bytes]:
    """The chunks without their packing, no piece larger than `most` and one byte."""
    packing = response.headers.get("content-encoding", "identity").strip().lower()
    if packing in ("", "identity"):
        yield from chunks
        return
    if packing not in (PACKING, f"x-{PACKING}"):
        raise httpx.DecodingError("packed in a way not asked for", request=response.request)
    # A few kilobytes may unpack to gigabytes, so zlib is stopped at the bound.
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    left, begun = most, False
    try:
        for chunk in chunks:
            begun = True
            piece = unpacker.decompress(chunk, left + 1)
            left = max(left - len(piece), 0)
            yield piece
    except zlib.error as error:
        raise httpx.DecodingError(str(error), request=response.request) from None
    if begun and not unpacker.eof:
        raise httpx.DecodingError("the packed answer ends half way", request=response.request)
