"""Installation tokens: one fetch at a time, replaced early, kept through an outage."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from autosync.github import InstallationToken, Unavailable
from autosync.github.tokens import TokenCache

HOUR = 3600.0


class Source:
    """Hands out `t1`, `t2`, …; counts how often it was asked."""

    def __init__(self, lifetime: float = HOUR) -> None:
        self.asked = 0
        self.lifetime = lifetime
        self.down = False

    def __call__(self) -> InstallationToken:
        self.asked += 1
        if self.down:
            raise Unavailable("No answer from GitHub")
        return InstallationToken(f"t{self.asked}", datetime.now(UTC), self.lifetime)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> TokenCache:
    return TokenCache(clock)


def test_a_token_serves_for_fifty_of_its_sixty_minutes(cache: TokenCache, clock: Clock) -> None:
    source = Source()
    for now in (0, 60, 1800, 2999):
        clock.now = now
        assert cache.get(7, source) == "t1"
    clock.now = 3001
    assert cache.get(7, source) == "t2"
    assert source.asked == 2


def test_a_short_lived_token_is_used_before_it_is_replaced(cache: TokenCache, clock: Clock) -> None:
    source = Source(lifetime=300)
    assert [cache.get(7, source), cache.get(7, source)] == ["t1", "t1"]
    clock.now = 251
    assert cache.get(7, source) == "t2"


def test_a_refused_token_is_replaced_once(cache: TokenCache) -> None:
    source = Source()
    first = cache.get(7, source)
    cache.refuse(7, first)
    assert cache.get(7, source) == "t2"
    cache.refuse(7, first)  # another thread, late, with the token from before
    assert cache.get(7, source) == "t2"


def test_installations_have_their_own(cache: TokenCache) -> None:
    source = Source()
    assert cache.get(7, source) != cache.get(8, source)


def test_an_old_token_is_used_while_github_is_down(cache: TokenCache, clock: Clock) -> None:
    source = Source()
    cache.get(7, source)
    source.down = True
    clock.now = 3300
    assert cache.get(7, source) == "t1"
    clock.now = 3599
    with pytest.raises(Unavailable):
        cache.get(7, source)


def test_many_threads_cause_one_fetch(cache: TokenCache) -> None:
    source = Source()
    asked, answer = threading.Event(), threading.Event()

    def slow() -> InstallationToken:
        asked.set()
        assert answer.wait(10)
        return source()

    tokens: list[str] = []
    threads = [
        threading.Thread(target=lambda: tokens.append(cache.get(7, slow))) for _ in range(20)
    ]
    for thread in threads:
        thread.start()
    assert asked.wait(10)
    answer.set()
    for thread in threads:
        thread.join(10)
    assert tokens == ["t1"] * 20
    assert source.asked == 1


def test_nobody_waits_while_an_ageing_token_is_replaced(cache: TokenCache, clock: Clock) -> None:
    cache.get(7, Source())
    clock.now = 3200
    asked, answer = threading.Event(), threading.Event()

    def slow() -> InstallationToken:
        asked.set()
        assert answer.wait(10)
        return InstallationToken("new", datetime.now(UTC))

    def never() -> InstallationToken:
        raise AssertionError("a second fetch")

    got: list[str] = []
    replacing = threading.Thread(target=lambda: got.append(cache.get(7, slow)))
    replacing.start()
    assert asked.wait(10)
    assert cache.get(7, never) == "t1"
    answer.set()
    replacing.join(10)
    assert got == ["new"]
    assert cache.get(7, never) == "new"


def test_a_token_is_not_shown(cache: TokenCache) -> None:
    token: Callable[[], InstallationToken] = Source()
    assert "t1" not in repr(token())
