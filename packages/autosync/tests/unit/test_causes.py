"""What an error comes of is looked through, also where that leads back to it."""

from __future__ import annotations

from autosync.database import is_away, is_hopeless


def test_errors_that_come_of_each_other_are_looked_through_once() -> None:
    first, second = ValueError("first"), KeyError("second")
    first.__context__, second.__context__ = second, first
    assert not is_away(first)
    assert not is_hopeless(second)
    second.__context__ = UnicodeError("not a text")
    assert is_hopeless(first)
