"""One field of a form, decoded in memory in proportion to its size.

`urllib.parse.parse_qs` makes a Python object of every `%XX`: 2.2 GB for 24 MB of them.
"""

from __future__ import annotations

import binascii

_VISIBLE = bytes(range(0x21, 0x7F))


def field(body: bytes, name: bytes) -> bytes | None:
    """The first field `name` of an `application/x-www-form-urlencoded` body, as UTF-8 text.

    None if there is none, or none that can be read. `name` is looked for as it stands.
    """
    sought = name + b"="
    start = 0 if body.startswith(sought) else body.find(b"&" + sought) + 1
    if not body.startswith(sought, start):
        return None
    end = body.find(b"&", start)
    value = body[start + len(sought) : len(body) if end < 0 else end]
    if value.translate(None, _VISIBLE):  # something else is left
        return None
    escaped = value.replace(b"+", b" ").replace(b"=", b"%3D")
    # Quoted-printable is the same code with another sign, and its decoder is one loop in C.
    text = binascii.a2b_qp(escaped.replace(b"%", b"="))
    if len(text) != len(escaped) - 2 * escaped.count(b"%"):
        return None  # a sign that two hexadecimal digits do not follow
    try:
        text.decode()
    except UnicodeDecodeError:
        return None
    return text
