"""A flood in a process of its own: `python -m benchmarks._flood PORT KIND SECONDS`.

`bodies`: 3,000 deliveries and 1,200 sign-ins that send one byte of their body and wait;
`silent`: 2,400 connections that send nothing or half a line; `sign_ins`: 64 clients that try one
wrong password after another, each from an address of its own. Prints `standing` when all of it is
there; ends after SECONDS.
"""

from __future__ import annotations

import http.client
import resource
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor

_CLIENTS = 64
_BODY = (
    "Host: 127.0.0.1\r\nContent-Length: 20000\r\nX-GitHub-Event: push\r\n"
    "X-GitHub-Delivery: flood\r\n"
    f"Content-Type: application/json\r\nX-Hub-Signature-256: sha256={'0' * 64}\r\n\r\n{{"
)
_DELIVERY = f"POST /api/github/webhook/ HTTP/1.1\r\n{_BODY}".encode()
_SIGN_IN = f"POST /login/ HTTP/1.1\r\n{_BODY}".encode().replace(b"20000", b"2000")
_FLOODS = {
    "bodies": [_DELIVERY] * 3000 + [_SIGN_IN] * 1200,
    "silent": [b"", b"POST / HT"] * 1200,
}


def hold(port: int, beginnings: list[bytes], seconds: float) -> None:
    """Open a connection for each of `beginnings` as fast as it goes, and keep them all."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    until = time.monotonic() + seconds
    connections = []
    for beginning in beginnings:
        one = socket.create_connection(("127.0.0.1", port), timeout=30)
        one.sendall(beginning)
        connections.append(one)
    print("standing", flush=True)
    time.sleep(max(until - time.monotonic(), 0))


def try_passwords(port: int, seconds: float) -> None:
    """As many sign-ins as are answered, 64 at once."""
    until = time.monotonic() + seconds
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/login/", headers={"X-Forwarded-Proto": "https"})
    cookie = connection.getresponse().headers["Set-Cookie"].partition(";")[0]
    form = f"username=ada&password=wrong&csrfmiddlewaretoken={cookie.partition('=')[2]}"
    print("standing", flush=True)

    def client(number: int) -> None:
        while time.monotonic() < until:
            headers = {
                "Content-Type": "application/x-www-form-urlencoded",
                "X-Forwarded-For": f"198.51.100.{number + 1}",
                "X-Forwarded-Proto": "https",
                "Referer": "https://localhost/login/",
                "Host": "localhost",
                "Cookie": cookie,
            }
            one = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            try:
                one.request("POST", "/login/", form, headers)
                one.getresponse().read()
            except OSError:
                pass  # given up for others
            finally:
                one.close()

    with ThreadPoolExecutor(_CLIENTS) as pool:
        list(pool.map(client, range(_CLIENTS)))


if __name__ == "__main__":
    port, kind, seconds = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
    if kind == "sign_ins":
        try_passwords(port, seconds)
    else:
        hold(port, _FLOODS[kind], seconds)
