"""Clients that send slowly, too much or nothing: who else calls is answered meanwhile."""

from __future__ import annotations

import http.client
import json
import resource
import selectors
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from autosync.service.listener import listen
from tests.service_processes import Service, running

WEBHOOK = "/api/github/webhook/"
MEGABYTE = 1024 * 1024
# Of the web process: 128 MB of bodies, the program, and what one verified body needs to be read.
MOST_MEMORY = 480 * MEGABYTE


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("slow"), AUTOSYNC_DASHBOARD_PUBLIC="1") as ready:
        yield ready


def head(path: str = WEBHOOK, length: int = 20_000, signature: str = "0" * 64) -> bytes:
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {length}\r\n"
        f"X-GitHub-Event: push\r\nX-GitHub-Delivery: flood\r\nContent-Type: application/json\r\n"
        f"X-Hub-Signature-256: sha256={signature}\r\n\r\n"
    ).encode()


@contextmanager
def crowd(service: Service, beginnings: list[bytes]) -> Iterator[list[socket.socket]]:
    """A connection for each of `beginnings`, sent and left as it is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    connections: list[socket.socket] = []
    try:
        for beginning in beginnings:
            one = socket.create_connection(("127.0.0.1", service.port), timeout=30)
            one.sendall(beginning)
            connections.append(one)
        yield connections
    finally:
        for one in connections:
            one.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def health(service: Service) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    try:
        connection.request("GET", "/api/sync/health/")
        answer = connection.getresponse()
        assert "status" in json.loads(answer.read())
        return answer.status
    finally:
        connection.close()


def memory(service: Service, field: str = "VmRSS") -> int:
    """Bytes the web process has."""
    pid = service.pid_of("autosync.service.web")
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def answered_meanwhile(service: Service) -> None:
    """A delivery is answered within the ten seconds that GitHub waits, and so is health."""
    assert service.deliver(timeout=10)[0] == 202
    assert health(service) in (200, 503)


def all_ended(connections: list[socket.socket]) -> bool:
    """Whether the server has ended every one of the connections."""
    left = selectors.DefaultSelector()
    for one in connections:
        one.setblocking(False)
        left.register(one, selectors.EVENT_READ)
    until = time.monotonic() + 60
    while left.get_map() and time.monotonic() < until:
        for key, _ in left.select(1):
            try:
                if key.fileobj.recv(65536):  # type: ignore[union-attr]
                    continue
            except OSError:
                pass
            left.unregister(key.fileobj)
    return not left.get_map()


def test_thousands_of_slow_and_silent_clients_hold_up_nobody_and_are_ended(
    service: Service,
) -> None:
    begun = [head() + b"{"] * 3000 + [head("/login/") + b"a"] * 1200
    silent = [b"", b"P", b"POST / HTTP/1.1\r\nHost: x\r\n", b"PRI * HTTP/2.0\r\n\r\n"]
    with ThreadPoolExecutor(1) as pool, ExitStack() as stack:
        arriving = pool.submit(stack.enter_context, crowd(service, begun + silent * 600))
        while not arriving.done():  # nobody is given up for those who come in the same moment
            answered_meanwhile(service)
        connections = arriving.result()
        for _ in range(3):
            for one in connections[::7]:
                try:
                    one.send(b" ")
                except OSError:
                    pass  # ended already
            answered_meanwhile(service)
        assert all_ended(connections)
    assert memory(service) < MOST_MEMORY


def test_many_large_unsigned_bodies_stay_within_the_allowance(service: Service) -> None:
    """Two hundred bodies of 24 MB at once would be 4.8 GB."""
    piece = b"x" * MEGABYTE

    def flood(_: int) -> bytes:
        with socket.create_connection(("127.0.0.1", service.port), timeout=60) as one:
            try:
                one.sendall(head(length=24 * MEGABYTE))
                for _ in range(24):
                    one.sendall(piece)
            except OSError:
                pass  # given up for others
            try:
                return one.recv(12)
            except OSError:
                return b""

    with ThreadPoolExecutor(50) as pool:
        answers = [pool.submit(flood, number) for number in range(200)]
        while not all(answer.done() for answer in answers):
            answered_meanwhile(service)
            time.sleep(0.2)
    # 408: on a busy machine so many bytes may take longer than a body's ten seconds.
    expected = {b"", *(f"HTTP/1.1 {status}".encode() for status in (401, 408, 503))}
    assert {answer.result() for answer in answers} <= expected
    assert memory(service, "VmHWM") < MOST_MEMORY


def test_a_form_of_nothing_but_escapes_takes_memory_in_proportion(service: Service) -> None:
    """24 MB of it took 2.2 GB."""
    body = b"payload=%7B%22a%22%3A%22" + b"%41" * (8 * MEGABYTE - 100) + b"%22%7D"
    form: dict[str, str | None] = {"Content-Type": "application/x-www-form-urlencoded"}
    with ThreadPoolExecutor(4) as pool:
        sent = [
            pool.submit(service.deliver, body, guid=f"form-{n}", headers=form) for n in range(4)
        ]
        answered_meanwhile(service)
        assert {one.result()[0] for one in sent} == {202}
    (row,) = service.stored("SELECT length(body) AS size FROM inbox WHERE guid = 'form-0'")
    assert row["size"] == 8 * MEGABYTE - 100 + len('{"a":""}')
    assert memory(service, "VmHWM") < MOST_MEMORY


@pytest.mark.parametrize("path", ["/login/", "/api/sync/periodic/", "/admin/login/", "/nowhere/"])
def test_no_other_address_takes_a_large_body(service: Service, path: str) -> None:
    said = head(path, length=MEGABYTE + 1)
    chunked = said.replace(b"Content-Length: 1048577", b"Transfer-Encoding: chunked")
    for beginning in (said, chunked):
        with crowd(service, [beginning]) as (one,):
            if beginning is chunked:
                one.sendall(b"100001\r\n" + b"x" * (MEGABYTE + 1) + b"\r\n0\r\n\r\n")
            assert one.recv(64).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("given", "instead", "status"),
    [
        (b"sha256=" + b"0" * 64, b"sha256=0", b"401"),
        (b"X-Hub-Signature-256", b"X-Other", b"401"),
        (b"X-GitHub-Event", b"X-Other", b"400"),
        (b"application/json", b"text/plain", b"415"),
        (b"Content-Length: 20000", b"Content-Length: 26214401", b"413"),
    ],
)
def test_what_cannot_be_githubs_is_refused_by_its_headers(
    service: Service, given: bytes, instead: bytes, status: bytes
) -> None:
    assert given in head()
    with crowd(service, [head().replace(given, instead)]) as (one,):
        assert one.recv(64).startswith(b"HTTP/1.1 " + status)  # of the body nothing was sent


def test_who_reads_nothing_is_cut_off_by_the_kernel() -> None:
    """Its window stays shut; seen to take 30 to 50 s, too long for a test."""
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted = listener.accept()[0]
        assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
            unread = accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            assert unread == 30_000
        accepted.close()
