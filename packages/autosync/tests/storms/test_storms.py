"""After a storm the mirror becomes equal to GitHub without help: the short form of `make chaos`."""

from __future__ import annotations

from tests.chaos.__main__ import run


def test_lost_doubled_and_failing_with_kills_in_between_ends_equal() -> None:
    result = run(seed=1, operations=150, repositories=6, patience=200, held=15)
    assert result["differences"] == 0, result
    assert result["kinds"] > 12
    assert result["imported_again"] == 0, "equality by importing again would prove nothing"


def test_what_happened_while_autosync_was_off_is_all_there_afterwards() -> None:
    result = run(seed=2, operations=120, repositories=6, patience=200, held=15, offline=True)
    assert result["differences"] == 0, result
