"""The body of one answer, read whole within bounds."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterator

from autosync.github.answers import MOST_BYTES, TooLarge
from autosync.github.plain_httpx import httpx

# Shorter than the lease on the request's slot: an answer that drips does not hold it for ever.
LONGEST = 110.0
# The one packing that is asked for: others may hold any number of bytes in one.
PACKING = "gzip"
_AS_SENT = ("content-encoding", "content-length", "transfer-encoding")


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
