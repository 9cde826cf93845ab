"""Threads that ask GitHub while the thread that syncs stores what they have read.

Each has a connection to the database of its own, for the budget. All syncs of a process share a
bounded number of them; a sync that gets none reads without them, one request after another.
"""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Generic, TypeVar

from django.db import connections

T = TypeVar("T")
K = TypeVar("K")
# Of all syncs of a process: PostgreSQL takes a hundred connections unless it is set otherwise.
MOST = 24
_places = threading.BoundedSemaphore(MOST)


class Readers(Generic[K, T]):
    """Asks for several things at once, each under a key; what was asked for comes in the order in
    which it is answered. At the end of the block nothing is asked any more.
    """

    def __init__(self, width: int) -> None:
        self.width = max(width, 1)
        self.asked = 0
        self._work: queue.SimpleQueue[tuple[K, Callable[[], T], contextvars.Context] | None] = (
            queue.SimpleQueue()
        )
        self._done: queue.SimpleQueue[tuple[K, T | BaseException]] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._closed = False

    def __enter__(self) -> Readers[K, T]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed = True
        for _ in self._threads:
            self._work.put(None)
        for thread in self._threads:
            thread.join()

    def ask(self, key: K, question: Callable[[], T]) -> None:
        """Ask for it as soon as a reader is free."""
        self.asked += 1
        self._work.put((key, question, contextvars.copy_context()))
        # One question alone is asked by whoever waits for it.
        wanted = self.asked if self.asked > 1 else 0
        while len(self._threads) < min(wanted, self.width) and _places.acquire(blocking=False):
            thread = threading.Thread(target=self._read, name="reader", daemon=True)
            self._threads.append(thread)
            thread.start()

    def next(self) -> tuple[K, T]:
        """What is answered first; raises what its question raised."""
        if not self._threads:
            self._answer(self._work.get())
        key, answer = self._done.get()
        self.asked -= 1
        if isinstance(answer, BaseException):
            raise answer
        return key, answer

    def ready(self) -> bool:
        """Whether `next` would not wait."""
        return not self._done.empty()

    def _read(self) -> None:
        try:
            while not self._closed and (work := self._work.get()) is not None:
                self._answer(work)
        finally:
            connections.close_all()
            _places.release()

    def _answer(self, work: tuple[K, Callable[[], T], contextvars.Context] | None) -> None:
        if work is None:
            return
        key, question, context = work
        try:
            self._done.put((key, context.run(question)))
        except BaseException as error:
            self._done.put((key, error))


def in_order(questions: Sequence[Callable[[], T]], width: int) -> Iterator[T]:
    """The answers in the order of their questions, `width` of which are asked at once."""
    with Readers[int, T](width) as readers:
        for place, question in enumerate(questions):
            readers.ask(place, question)
        found: dict[int, T] = {}
        for place in range(len(questions)):
            while place not in found:
                key, answer = readers.next()
                found[key] = answer
            yield found.pop(place)
