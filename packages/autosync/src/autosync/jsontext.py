"""JSON text as GitHub may send it: half a surrogate pair or broken UTF-8 costs one character, not
the document.

Strict readers refuse such answers of api.github.com (jcabi/jcabi-github#1042) and halves of pairs
in general (github/copilot-sdk#1722).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

import msgspec

T = TypeVar("T")

# A whole pair first, then any half, then every other escape, so that `\\ud800` stays what it is.
_ESCAPE = re.compile(
    rb"(?P<pair>\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?P<half>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|\\.",
    re.S,
)


def decode(decoder: Callable[[bytes], T], body: bytes) -> T:
    """What `decoder` (of msgspec) makes of `body`, with U+FFFD for characters that are none.

    Raises msgspec.DecodeError for what is not JSON, msgspec.ValidationError for another shape.
    """
    try:
        return decoder(body)
    except msgspec.ValidationError:
        raise
    except (msgspec.DecodeError, UnicodeDecodeError):
        again = repaired(body)
        if again == body:
            raise
        return decoder(again)


def repaired(body: bytes) -> bytes:
    """`body` with U+FFFD for each half of a surrogate pair and each byte that is not UTF-8."""
    text = _ESCAPE.sub(lambda found: rb"\ufffd" if found["half"] else found[0], body)
    return text.decode("utf-8", "replace").encode()
