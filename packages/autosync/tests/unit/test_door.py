"""Thousands of newcomers at once: they come in by turns, and what was begun goes on meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from autosync.receiver.bodies import Bodies, BodyTooSlow, Crowded
from autosync.receiver.door import AT_ONCE, Door

CROWD = 4200


def test_they_are_let_in_in_order_and_others_go_on_between_them() -> None:
    async def scene() -> tuple[list[int], int]:
        door, inside = Door(), []

        async def newcomer(number: int) -> None:
            await door.enter()
            inside.append(number)

        crowd = [asyncio.create_task(newcomer(number)) for number in range(CROWD)]
        for _ in range(10):  # somebody who came last of all, and has ten steps to make
            await asyncio.sleep(0)
        meanwhile = len(inside)
        await asyncio.gather(*crowd)
        return inside, meanwhile

    inside, meanwhile = asyncio.run(scene())
    assert inside == list(range(CROWD))
    assert meanwhile <= 11 * AT_ONCE


def test_who_leaves_the_line_takes_nobodys_turn() -> None:
    async def scene() -> None:
        door = Door(at_once=1)
        await door.enter()
        waiting = [asyncio.create_task(door.enter()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        await asyncio.wait_for(asyncio.gather(*waiting[1:]), 60)
        await asyncio.wait_for(door.enter(), 60)  # the next one finds it open

    asyncio.run(scene())


def test_a_delivery_is_read_behind_a_crowd_of_slow_bodies() -> None:
    """Its body is there, and is handed over some turns of the event loop later."""

    async def scene() -> list[bytes]:
        door, bodies = Door(), Bodies(most_bodies=100)

        async def slow() -> MutableMapping[str, Any]:
            await asyncio.sleep(3600)
            raise AssertionError

        async def delivered() -> MutableMapping[str, Any]:
            for _ in range(20):
                await asyncio.sleep(0)
            return {"type": "http.request", "body": b"{}", "more_body": False}

        async def come(receive: Any) -> list[bytes]:
            await door.enter()
            return await bodies.read(receive, 1000)

        before = [asyncio.create_task(come(slow)) for _ in range(CROWD // 2)]
        ours = asyncio.create_task(come(delivered))
        after = [asyncio.create_task(come(slow)) for _ in range(CROWD // 2)]
        chunks = await ours
        for one in before + after:
            one.cancel()
        await asyncio.gather(*before, *after, return_exceptions=True)
        return chunks

    assert asyncio.run(scene()) == [b"{}"]


class _Ahead(asyncio.SelectorEventLoop):
    """A loop whose clock a test moves on."""

    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead


def test_waiting_in_line_takes_nothing_of_a_bodys_time() -> None:
    """Its time begins when it is let in."""

    async def scene(loop: _Ahead) -> list[str]:
        door, bodies = Door(at_once=1), Bodies()
        let_in, is_there, said = asyncio.Event(), asyncio.Event(), []

        async def delivered() -> MutableMapping[str, Any]:
            let_in.set()
            await is_there.wait()
            return {"type": "http.request", "body": b"{}", "more_body": False}

        async def come() -> None:
            await door.enter()
            try:
                await bodies.read(delivered, 1000)
                said.append("read")
            except BodyTooSlow:
                said.append("too slow")

        before = [asyncio.create_task(door.enter()) for _ in range(5)]
        newcomer = asyncio.create_task(come())
        await asyncio.sleep(0)
        assert not let_in.is_set()
        loop.ahead += 3600
        await let_in.wait()
        is_there.set()
        await asyncio.gather(newcomer, *before)

        let_in.clear()
        is_there.clear()
        newcomer = asyncio.create_task(come())
        await let_in.wait()
        loop.ahead += 3600
        await newcomer
        return said

    with asyncio.Runner(loop_factory=_Ahead) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, _Ahead)
        assert runner.run(scene(loop)) == ["read", "too slow"]


def test_too_many_slow_bodies_are_given_up_once_they_had_their_time() -> None:
    async def scene() -> None:
        bodies = Bodies(most_bodies=10, grace=0)

        async def slow() -> MutableMapping[str, Any]:
            await asyncio.sleep(3600)
            raise AssertionError

        crowd = [asyncio.create_task(bodies.read(slow, 1000)) for _ in range(30)]
        done, still = await asyncio.wait(crowd, timeout=60, return_when=asyncio.FIRST_COMPLETED)
        assert still
        for one in done:
            with pytest.raises(Crowded):
                await one
        while len([one for one in crowd if not one.done()]) > 10:
            await asyncio.sleep(0.01)
        for one in crowd:
            one.cancel()
        await asyncio.gather(*crowd, return_exceptions=True)

    asyncio.run(scene())
