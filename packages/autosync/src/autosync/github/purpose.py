"""For which kinds of object a request is made: its price is theirs (`Budget.account`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_kinds: ContextVar[tuple[str, ...]] = ContextVar("kinds", default=())


@contextmanager
def made_for(kinds: Iterable[str]) -> Iterator[None]:
    """The requests in the block are for these kinds, in equal parts."""
    before = _kinds.set(tuple(kinds))
    try:
        yield
    finally:
        _kinds.reset(before)


def turn_to(*kinds: str) -> None:
    """The requests that follow in the surrounding `made_for` are for these kinds."""
    _kinds.set(kinds)


def kinds() -> tuple[str, ...]:
    """The kinds that a request is made for now; empty if nobody said so."""
    return _kinds.get()
