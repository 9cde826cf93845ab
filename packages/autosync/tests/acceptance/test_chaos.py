"""After a small storm the mirror equals GitHub, without help; larger ones: tests/storms."""

from __future__ import annotations

from tests.chaos.__main__ import run


def test_lost_doubled_and_failing_with_a_kill_in_between_ends_equal() -> None:
    result = run(seed=1, operations=40, repositories=2, patience=200, outage=2, held=5)
    assert result["differences"] == 0, result
    assert result["kinds"] > 12
    assert result["kills"] > 0
    assert result["imported_again"] == 0, "equality by importing again would prove nothing"
