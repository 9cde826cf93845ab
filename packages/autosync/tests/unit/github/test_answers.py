"""One answer: whole, bounded, unpacked, and named where it is not JSON."""

from __future__ import annotations

import gzip
import json
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from autosync.github import (
    AppCredentials,
    Gone,
    GraphQLTooHeavy,
    LocalBudget,
    Unreadable,
    UnsupportedVersion,
    answers,
    bodies,
)
from autosync.github.transport import Transport

Answer = Callable[[BaseHTTPRequestHandler], None]
MEGABYTE = 1 << 20
# One megabyte that unpacks to 256.
BOMB = gzip.compress(b" " * (256 * MEGABYTE), 1)


@contextmanager
def github(answer: Answer) -> Iterator[Transport]:
    """A transport to something that answers so."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            try:
                answer(self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield Transport(
            AppCredentials(1, api_url=url), 7, LocalBudget(), lambda: "Bearer t", lambda _: None
        )
    finally:
        server.shutdown()
        server.server_close()


def send(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def endless(handler: BaseHTTPRequestHandler) -> None:
    """1.5 GB, in no hurry to say so."""
    handler.send_response(200)
    handler.send_header("Transfer-Encoding", "chunked")
    handler.end_headers()
    piece = b"%x\r\n%s\r\n" % (MEGABYTE, b"[" * MEGABYTE)
    for _ in range(1500):
        handler.wfile.write(piece)


def announced(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(1500 * MEGABYTE))
    handler.end_headers()
    handler.wfile.write(b"[")


def bomb(handler: BaseHTTPRequestHandler) -> None:
    send(handler, BOMB, Content_Encoding="gzip")


@pytest.mark.parametrize("answer", [endless, announced, bomb])
def test_what_is_too_large_is_refused_before_it_is_held(answer: Answer) -> None:
    with github(answer) as transport:
        url = f"{transport._credentials.api_url}/x"
        tracemalloc.start()
        try:
            with pytest.raises(Unreadable, match="larger than the 64 MB"):
                transport.send("GET", url)
            with pytest.raises(GraphQLTooHeavy, match="larger than the 64 MB"):
                transport.send("POST", url, resource="graphql")
            assert tracemalloc.get_traced_memory()[1] < 4 * answers.MOST_BYTES
        finally:
            tracemalloc.stop()


def test_a_packed_answer_is_unpacked_and_none_but_that_is_asked_for() -> None:
    asked: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.headers["Accept-Encoding"])
        send(handler, gzip.compress(b'{"a": "\xc3\xa9"}'), Content_Encoding="gzip")

    with github(answer) as transport:
        reply = transport.send("GET", f"{transport._credentials.api_url}/x")
    assert reply.fields() == {"a": "é"}
    assert asked == ["gzip"]


def test_a_packed_answer_that_ends_half_way_is_asked_for_again() -> None:
    packed = gzip.compress(b'{"a": 1}' + b" " * 100)
    bodies = iter([packed[: len(packed) // 2], b"no gzip", packed])
    with github(lambda h: send(h, next(bodies), Content_Encoding="gzip")) as transport:
        assert transport.send("GET", f"{transport._credentials.api_url}/x").fields() == {"a": 1}


@pytest.mark.parametrize("packing", ["br", "gzip, gzip", "zstd"])
def test_a_packing_that_nobody_asked_for_is_not_unpacked(packing: str) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"x"

    request = httpx.Request("GET", "http://x")
    response = httpx.Response(
        200, headers={"content-encoding": packing}, content=chunks(), request=request
    )
    with pytest.raises(httpx.DecodingError):
        bodies.read(response)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<!DOCTYPE html><html></html>", "HTML"),
        (b"\n<html>", "HTML"),
        (b"", "an empty body"),
        (b"  \r\n", "an empty body"),
        (b'[{"id": 1, "acc', "half a document"),
        (b"[" * 200_000, "half a document"),
        (b"one moment please", "text"),
        (b"\xff\xfe\x00", "text"),
    ],
)
def test_what_is_not_json_is_named(body: bytes, said: str) -> None:
    with pytest.raises(answers.NotJSON) as caught:
        answers.document(body)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    "links",
    [
        '<{about}>; rel="deprecation"; type="text/html", <{url}/x?after=Y%3D>; rel="next"',
        '<{url}/x?after=Y%3D>; rel="next", <{about}>; rel="deprecation"; type="text/html"',
        '<{url}/x?before=A>; rel="prev", <{url}/x?after=Y%3D>; rel="next"',
    ],
)
def test_the_next_page_is_found_among_other_links(links: str) -> None:
    about = "https://docs.github.com/en/rest/about-the-rest-api/api-versions"

    def answer(handler: BaseHTTPRequestHandler) -> None:
        url = f"http://{handler.headers['Host']}"
        send(handler, b"[]", Link=links.format(url=url, about=about))

    with github(answer) as transport:
        url = transport._credentials.api_url
        assert transport.send("GET", f"{url}/x").next_url == f"{url}/x?after=Y%3D"


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "'2022-11-28' is not a supported version"),
        (410, "API version 2022-11-28 is no longer supported."),
    ],
)
def test_a_version_that_has_ended_is_no_feature_that_is_switched_off(
    status: int, words: str
) -> None:
    body = json.dumps({"message": words}).encode()
    with (
        github(lambda handler: send(handler, body, status)) as transport,
        pytest.raises(UnsupportedVersion, match="Set GITHUB_API_VERSION"),
    ):
        transport.send("GET", f"{transport._credentials.api_url}/app")


def test_issues_that_are_switched_off_stay_what_they_are() -> None:
    body = b'{"message": "Issues are disabled for this repo"}'
    with github(lambda handler: send(handler, body, 410)) as transport, pytest.raises(Gone):
        transport.send("GET", f"{transport._credentials.api_url}/repos/a/b/issues")
