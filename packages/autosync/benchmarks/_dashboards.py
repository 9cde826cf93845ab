"""Open pages: streams of `/events/` in a process of its own, and when each line arrived.

`python -m benchmarks._dashboards PORT COUNT`: says `open` when all are; ends with its stdin, and
prints a JSON list: for each page, number of a delivery → time.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time

_NUMBER = re.compile(rb"paced-(\d+)-")


async def _watch(port: int, seen: dict[str, float], opened: asyncio.Event) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    writer.write(b"GET /events/ HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0]:
        raise RuntimeError(head.decode())
    opened.set()
    rest = b""
    while part := await reader.read(65536):
        now = time.time()
        rest += part
        end = rest.rfind(b"\n\n")
        for number in _NUMBER.findall(rest[:end] if end >= 0 else b""):
            seen.setdefault(number.decode(), now)
        rest = rest[end + 2 :] if end >= 0 else rest


async def _main(port: int, count: int) -> None:
    seen: list[dict[str, float]] = [{} for _ in range(count)]
    opened = [asyncio.Event() for _ in range(count)]
    tasks = [
        asyncio.create_task(_watch(port, one, event))
        for one, event in zip(seen, opened, strict=True)
    ]
    waiting = asyncio.gather(*(one.wait() for one in opened))
    done, _ = await asyncio.wait([waiting, *tasks], return_when=asyncio.FIRST_COMPLETED)
    for one in done:
        one.result()
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    print(json.dumps(seen), flush=True)


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), int(sys.argv[2])))
