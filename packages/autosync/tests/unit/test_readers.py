"""Readers that ask for several things at once."""

from __future__ import annotations

import threading

from autosync.sync.readers import Readers, in_order


def test_the_first_question_does_not_wait_for_the_second_to_be_answered() -> None:
    together = threading.Barrier(2, timeout=30)

    def question() -> bool:
        together.wait()  # broken unless both are asked at once
        return True

    with Readers[int, bool](4) as readers:
        readers.ask(1, question)
        readers.ask(2, question)
        assert sorted([readers.next(), readers.next()]) == [(1, True), (2, True)]


def test_answers_come_in_the_order_of_the_questions() -> None:
    later = threading.Event()

    def first() -> str:
        assert later.wait(30)
        return "first"

    def second() -> str:
        later.set()
        return "second"

    assert list(in_order([first, second], 4)) == ["first", "second"]
    assert list(in_order([second], 4)) == ["second"]
    assert list(in_order([second, second, second], 1)) == ["second"] * 3
