"""A load generator in its own process: keep-alive connections that POST signed deliveries.

`python -m benchmarks._load PORT CLIENTS SECONDS PREFIX BODY_FILE SECRET` sends deliveries with the
GUIDs PREFIX-<n> for SECONDS and prints one JSON object: `acknowledged` (2xx), `refused`,
`per_second`, `p50_ms`, `p99_ms`.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import sys
import time
from pathlib import Path


class _Client(asyncio.Protocol):
    """One connection: the next delivery leaves when the last one is answered."""

    def __init__(self, load: _Load) -> None:
        self.load = load
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.buffer = b""
        self.sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.send()

    def send(self) -> None:
        self.sent_at = time.perf_counter()
        if self.sent_at > self.load.until:
            self.transport.close()
            return
        self.transport.write(self.load.request())

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, separator, rest = self.buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(rest) < length:
            return
        self.buffer = b""
        self.load.answered(head[9:12], time.perf_counter() - self.sent_at)
        self.send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(None)


class _Load:
    def __init__(self, prefix: str, seconds: float, body: bytes, secret: str) -> None:
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        self.head = (
            "POST /api/github/webhook/ HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            "User-Agent: GitHub-Hookshot/bench\r\nContent-Type: application/json\r\n"
            f"X-GitHub-Event: issues\r\nX-Hub-Signature-256: sha256={signature}\r\n"
            f"Content-Length: {len(body)}\r\nX-GitHub-Delivery: {prefix}-"
        ).encode()
        self.tail = b"\r\n\r\n" + body
        self.started = time.perf_counter()
        self.until = self.started + seconds
        self.sent = 0
        self.refused = 0
        self.latencies: list[float] = []

    def request(self) -> bytes:
        self.sent += 1
        return b"%b%d%b" % (self.head, self.sent, self.tail)

    def answered(self, status: bytes, seconds: float) -> None:
        if status.startswith(b"2"):
            self.latencies.append(seconds)
        else:
            self.refused += 1


async def _run(
    port: int, clients: int, seconds: float, prefix: str, body: bytes, secret: str
) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    load = _Load(prefix, seconds, body, secret)
    connections = [
        (await loop.create_connection(lambda: _Client(load), "127.0.0.1", port))[1]
        for _ in range(clients)
    ]
    await asyncio.wait([client.closed for client in connections], timeout=seconds + 15)
    elapsed = time.perf_counter() - load.started
    ordered = sorted(load.latencies) or [0.0]
    return {
        "acknowledged": len(load.latencies),
        "refused": load.refused,
        "per_second": len(load.latencies) / elapsed,
        "p50_ms": ordered[len(ordered) // 2] * 1000,
        "p99_ms": ordered[int(len(ordered) * 0.99)] * 1000,
    }


if __name__ == "__main__":
    port, clients, seconds, prefix, file, secret = sys.argv[1:]
    result = _run(int(port), int(clients), float(seconds), prefix, Path(file).read_bytes(), secret)
    print(json.dumps(asyncio.run(result)))
