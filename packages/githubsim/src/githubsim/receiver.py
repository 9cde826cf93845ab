"""A webhook receiver for tests: a real HTTP server which keeps what it got."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self


@dataclass(frozen=True)
class Received:
    """One delivery as it arrived."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> str:
        return self.headers["x-github-event"]

    @property
    def guid(self) -> str:
        return self.headers["x-github-delivery"]

    @property
    def payload(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def name(self) -> str:
        """`issues.opened`, or `push` where there is no action."""
        return ".".join(filter(None, (self.event, self.payload.get("action"))))


class Receiver:
    """`with Receiver() as receiver:` listens at `receiver.url`; `status` is what it answers."""

    def __init__(self) -> None:
        self.status = 202
        self._received: list[Received] = []
        self._came = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {key.lower(): value for key, value in self.headers.items()}
                with receiver._came:
                    receiver._received.append(Received(headers, body))
                    receiver._came.notify_all()
                # Without a date: the delivery log keeps what was answered.
                self.send_response_only(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hooks"

    @property
    def received(self) -> list[Received]:
        with self._came:
            return list(self._received)

    def clear(self) -> None:
        with self._came:
            self._received.clear()

    def wait(self, wanted: Callable[[list[Received]], bool], timeout: float = 20) -> list[Received]:
        """Wait until what came satisfies `wanted`; fails with the names of what did come."""
        with self._came:
            came = self._came.wait_for(lambda: wanted(self._received), timeout)
            assert came, [one.name for one in self._received]
            return list(self._received)

    def wait_for(self, name: str) -> Received:
        """The first delivery of this name, e.g. `issues.opened`."""
        found = self.wait(lambda all_: any(one.name == name for one in all_))
        return next(one for one in found if one.name == name)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
