"""Delivers at a steady pace, whatever the answers take, in a process of its own.

`python -m benchmarks._paced PORT RATE SECONDS PREFIX BODY_FILE SECRET EVENT`: in the body `@N@`
becomes the number of the delivery. Prints one JSON object: `sent` (the time of each), `answer_s`
(how long each took), `refused`.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import sys
import time
from pathlib import Path

_CONNECTIONS = 64


class _Sender:
    def __init__(self, port: int, prefix: str, body: bytes, secret: str, event: str) -> None:
        self._port = port
        self._prefix = prefix
        self._body = body
        self._secret = secret.encode()
        self._event = event
        self._free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = (
            asyncio.Queue()
        )
        self.sent: dict[int, float] = {}
        self.answer_s: list[float] = []
        self.refused = 0

    async def connect(self) -> None:
        for _ in range(_CONNECTIONS):
            self._free.put_nowait(await asyncio.open_connection("127.0.0.1", self._port))

    async def deliver(self, number: int) -> None:
        body = self._body.replace(b"@N@", str(number).encode())
        signature = hmac.new(self._secret, body, hashlib.sha256).hexdigest()
        head = (
            "POST /api/github/webhook/ HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            "User-Agent: GitHub-Hookshot/bench\r\nContent-Type: application/json\r\n"
            f"X-GitHub-Event: {self._event}\r\nX-GitHub-Delivery: {self._prefix}-{number}\r\n"
            f"X-Hub-Signature-256: sha256={signature}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        # Waiting for a connection is waiting for the receiver.
        self.sent[number] = time.time()
        began = time.perf_counter()
        reader, writer = connection = await self._free.get()
        writer.write(head.encode() + body)
        said = await reader.readuntil(b"\r\n\r\n")
        length = int(said.lower().partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        await reader.readexactly(length)
        self.answer_s.append(time.perf_counter() - began)
        self.refused += not said.split(b" ", 2)[1].startswith(b"2")
        self._free.put_nowait(connection)


async def _run(sender: _Sender, rate: float, seconds: float) -> None:
    await sender.connect()
    began, tasks = time.perf_counter(), []
    for number in range(int(rate * seconds)):
        wait = began + number / rate - time.perf_counter()
        if wait > 0:
            await asyncio.sleep(wait)
        tasks.append(asyncio.create_task(sender.deliver(number)))
    await asyncio.wait_for(asyncio.gather(*tasks), 60)


if __name__ == "__main__":
    port, rate, seconds, prefix, file, secret, event = sys.argv[1:]
    sender = _Sender(int(port), prefix, Path(file).read_bytes(), secret, event)
    asyncio.run(_run(sender, float(rate), float(seconds)))
    found = {"sent": sender.sent, "answer_s": sender.answer_s, "refused": sender.refused}
    print(json.dumps(found))
