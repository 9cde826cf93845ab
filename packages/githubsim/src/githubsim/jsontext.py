"""JSON as GitHub sends it: always UTF-8, also where a ref's name is not."""

import json
from typing import Any

import msgspec


def encode(body: Any) -> bytes:
    """`body` as JSON; U+FFFD for bytes of git's that are no text."""
    try:
        return msgspec.json.encode(body)
    except UnicodeEncodeError:
        text = json.dumps(msgspec.to_builtins(body), ensure_ascii=False)
        return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").encode()
