"""Number and node ids in GitHub's style: big integers, and opaque node ids that name one row.

GitHub's newer node ids are a type prefix, an underscore and URL-safe base64 of a msgpack array:
`R_kgDO…` holds `[0, repository id]`, `I_kwDO…` holds `[0, repository id, issue id]`.
"""

import base64
import binascii
import struct
from functools import lru_cache

# Where each kind of id starts. As on GitHub today, issues and pull requests lie beyond 2**31,
# so a client that keeps them in 32 bits is found out.
FIRST_ID = {
    "account": 101_000_000,
    "activity": 19_210_000_000,
    "app": 1_201_000,
    "change": 1,
    "comment": 3_210_000_000,
    "commit_comment": 171_000_000,
    "delivery": 210_000_000_000,
    "guid": 1,
    "hook": 510_000_000,
    "installation": 61_000_000,
    "issue": 3_110_000_000,
    "issue_event": 17_210_000_000,
    "label": 8_110_000_000,
    "milestone": 12_100_000,
    "pull": 2_410_000_000,
    "reaction": 310_000_000,
    "release": 210_000_000,
    "release_asset": 310_000_000,
    "repository": 901_000_000,
    "team": 7_210_000,
    "token": 1,
    # Reviews are beyond 2**32 by now: their node ids hold eight bytes.
    "review": 5_410_000_000,
    "review_comment": 4_210_000_000,
    "review_request": 310_000_000,
}


class BadNodeId(ValueError):
    """This string is no node id. Nothing to do: answer NOT_FOUND as GitHub does."""


@lru_cache(maxsize=65_536)
def node_id(prefix: str, *parts: int | str) -> str:
    """The node id of an object, e.g. `node_id("I", repository_id, issue_id)`."""
    packed = bytes([0x90 | (len(parts) + 1), 0]) + b"".join(_pack(part) for part in parts)
    return f"{prefix}_{base64.urlsafe_b64encode(packed).rstrip(b'=').decode()}"


def parse_node_id(text: str) -> tuple[str, tuple[int | str, ...]]:
    """The prefix and the parts of a node id, or BadNodeId."""
    prefix, underscore, encoded = text.partition("_")
    if not underscore or not prefix or not encoded:
        raise BadNodeId(text)
    try:
        packed = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))
        count = packed[0] & 0x0F
        if packed[0] & 0xF0 != 0x90 or packed[1] != 0:
            raise BadNodeId(text)
        parts: list[int | str] = []
        at = 2
        for _ in range(count - 1):
            value, at = _unpack(packed, at)
            parts.append(value)
    except (binascii.Error, IndexError, struct.error, UnicodeError, ValueError) as error:
        raise BadNodeId(text) from error
    if at != len(packed):
        raise BadNodeId(text)
    return prefix, tuple(parts)


def _pack(part: int | str) -> bytes:
    if isinstance(part, int):
        return struct.pack(">BI", 0xCE, part) if part < 2**32 else struct.pack(">BQ", 0xCF, part)
    raw = part.encode()
    return struct.pack(">BH", 0xDA, len(raw)) + raw


def _unpack(packed: bytes, at: int) -> tuple[int | str, int]:
    kind = packed[at]
    if kind == 0xCE:
        return int(struct.unpack_from(">I", packed, at + 1)[0]), at + 5
    if kind == 0xCF:
        return int(struct.unpack_from(">Q", packed, at + 1)[0]), at + 9
    if kind == 0xDA:
        length = int(struct.unpack_from(">H", packed, at + 1)[0])
        raw = packed[at + 3 : at + 3 + length]
        if len(raw) != length:
            raise ValueError("a string is cut off")
        return raw.decode(), at + 3 + length
    raise ValueError("an unknown kind of part")
