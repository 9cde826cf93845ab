"""Something in front of githubsim that changes some of its answers, as a failing GitHub would."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import httpx

_NOT_PASSED = ("host", "connection", "accept-encoding", "content-length", "transfer-encoding")


@dataclass
class Seen:
    """One request and githubsim's answer to it, to be changed in place."""

    method: str
    path: str
    body: bytes
    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def asked(self) -> Any:
        """The request's body decoded."""
        return json.loads(self.body or b"null")

    @property
    def document(self) -> Any:
        return json.loads(self.content or b"null")

    @document.setter
    def document(self, value: Any) -> None:
        self.content = json.dumps(value).encode()


Change = Callable[[Seen], None]


@dataclass
class Stub:
    """`url` is where it listens; what `change` is set to sees every answer."""

    url: str
    change: Change = lambda _: None
    requests: list[str] = field(default_factory=list)


@contextmanager
def in_front_of(url: str) -> Iterator[Stub]:
    """A stub that passes everything on to `url`."""
    client = httpx.Client(timeout=60)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            given = {k: v for k, v in self.headers.items() if k.lower() not in _NOT_PASSED}
            answer = client.request(self.command, url + self.path, headers=given, content=body)
            headers = _plain(answer.headers)
            seen = Seen(self.command, self.path, body, answer.status_code, headers, answer.content)
            for name, value in headers.items():
                headers[name] = value.replace(url, stub.url)
            stub.requests.append(f"{self.command} {urlsplit(self.path).path}")
            stub.change(seen)
            self.send_response(seen.status)
            for name, value in seen.headers.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(seen.content)))
            self.end_headers()
            self.wfile.write(seen.content)

        do_GET = do_POST = do_PATCH = _pass

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    stub = Stub(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        client.close()


def _plain(headers: Mapping[str, str]) -> dict[str, str]:
    return {k: v for k, v in headers.items() if k.lower() not in _NOT_PASSED}
