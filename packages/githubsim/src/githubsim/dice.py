"""Chance that repeats: what is decided depends on a seed and on what it is about, never on when.

Threads that take turns differently would read a common random generator differently. Here every
decision is a hash of the seed, the identity of the request or delivery, and how often that
identity came before.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from hashlib import blake2b

# Counting more would take memory without end; a storm of so many still repeats.
_MOST_IDENTITIES = 500_000


@dataclass(frozen=True, slots=True)
class Throw:
    """The chances of one request or delivery."""

    key: bytes

    def draw(self, kind: str) -> float:
        """A number from 0 up to 1, always the same for this kind of decision."""
        digest = blake2b(kind.encode(), key=self.key, digest_size=8).digest()
        return int.from_bytes(digest) / 2**64

    def happens(self, kind: str, fraction: float) -> bool:
        """Whether it does, of which `fraction` says how often."""
        return fraction > 0 and self.draw(kind) < fraction

    def around(self, kind: str, middle: float, spread: float) -> float:
        """A number between middle ± spread, never below 0."""
        if not spread:
            return middle
        return max(0.0, middle + spread * (2 * self.draw(kind) - 1))


class Dice:
    """Throws for one seed, counted per identity."""

    def __init__(self, seed: int | bytes = 0, *, most: int = _MOST_IDENTITIES) -> None:
        self._seed = seed if isinstance(seed, bytes) else str(seed).encode()
        self._lock = threading.Lock()
        self._counts: dict[bytes, int] = {}
        self._most = most
        self._forgotten = 0

    def throw(self, *identity: object) -> Throw:
        """The chances of what this identity does now, the nth time."""
        digest = blake2b(repr(identity).encode(), key=self._seed, digest_size=16).digest()
        with self._lock:
            if len(self._counts) >= self._most:
                # Whatever is counted anew begins where nobody was: no throw comes twice.
                self._forgotten = max(self._counts.values())
                self._counts.clear()
            count = self._counts.get(digest, self._forgotten) + 1
            self._counts[digest] = count
        return Throw(blake2b(digest + count.to_bytes(8), digest_size=16).digest())
