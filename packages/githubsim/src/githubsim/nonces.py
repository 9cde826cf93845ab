"""What must look random and be unique, made from the world's key: GUIDs, tokens, request ids.

A world's key comes from its seed, so two worlds of one seed that are asked the same send the same
bytes. Each name carries a number that the world gives out once, across restarts; a restored world
goes on with another key, since the numbers after the snapshot may have been given out before.
"""

from __future__ import annotations

import hashlib
import uuid
from base64 import urlsafe_b64encode
from hashlib import blake2b

from githubsim.dice import Dice

_REMEMBERED = 50_000


def key_of(seed: int) -> bytes:
    """The key of a world that is made with this seed."""
    return blake2b(str(seed).encode(), digest_size=32, person=b"githubsim world").digest()


def branched(key: bytes, seed: int) -> bytes:
    """The key of a copy; copies that must differ from each other have different seeds."""
    return blake2b(str(seed).encode(), digest_size=32, key=key, person=b"githubsim copy").digest()


def guid(key: bytes, number: int) -> str:
    """The GUID of a delivery; in form a random UUID."""
    return str(uuid.UUID(bytes=_stream(key, f"guid {number}", 16), version=4))


def text(key: bytes, name: str, size: int) -> str:
    """As `secrets.token_urlsafe` gives for so many bytes; `name` must not be used twice."""
    return urlsafe_b64encode(_stream(key, name, size)).rstrip(b"=").decode()


def digits(key: bytes, name: str, size: int) -> str:
    """As `secrets.token_hex` gives for so many bytes; `name` must not be used twice."""
    return _stream(key, name, size).hex()


class RequestIds:
    """`X-GitHub-Request-Id`: by what is asked and how often it was asked before, as the weather is,
    so that it does not depend on what others ask meanwhile.
    """

    def __init__(self, key: bytes) -> None:
        self._dice = Dice(key, most=_REMEMBERED)

    def next(self, method: str, target: str, body: bytes) -> str:
        """The id of this request."""
        throw = self._dice.throw(method, target, hashlib.sha256(body).digest())
        return throw.key[:12].hex().upper()


def _stream(key: bytes, name: str, size: int) -> bytes:
    shake = hashlib.shake_256(key)
    shake.update(name.encode())
    return shake.digest(size)
