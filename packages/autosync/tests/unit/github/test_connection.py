"""The connection to GitHub: who it says it is, where it goes, and how many requests at once."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from autosync import __version__
from autosync.errors import ConfigurationError
from autosync.github import AppCredentials
from autosync.github.answers import NoAnswer
from autosync.github.connection import CONNECTIONS, Connection

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
Answer = Callable[[BaseHTTPRequestHandler], None]


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 2 * CONNECTIONS


@contextmanager
def serving(answer: Answer, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Something that answers so; its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer(self)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = _Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def send(handler: BaseHTTPRequestHandler, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", "2")
    handler.end_headers()
    handler.wfile.write(b"{}")


@pytest.mark.parametrize(
    ("credentials", "issuer"),
    [
        (AppCredentials(12, private_key=PEM.decode()), "12"),
        (AppCredentials(12, "Iv1.a", private_key=PEM.decode()), "12"),
        (AppCredentials(None, "Iv1.a", private_key=PEM.decode()), "Iv1.a"),
    ],
)
def test_the_app_signs_as_github_asks(credentials: AppCredentials, issuer: str) -> None:
    before = int(time.time())
    signed = Connection(credentials).jwt()
    after = time.time()
    assert jwt.get_unverified_header(signed)["alg"] == "RS256"
    claims = jwt.decode(signed, PUBLIC, ["RS256"])
    assert claims["iss"] == issuer
    assert before <= claims["iat"] + 60 <= after
    assert claims["exp"] - claims["iat"] == 10 * 60


def test_one_signature_is_kept_for_eight_minutes_unless_github_refuses_it() -> None:
    now = 1000.0
    connection = Connection(AppCredentials(12, private_key=PEM.decode()), clock=lambda: now)
    first = connection.jwt()
    time.sleep(1.1)  # a signature made in another second is another one
    now += 8 * 60 - 1
    assert connection.jwt() == first
    now += 1
    second = connection.jwt()
    assert second != first
    time.sleep(1.1)
    connection.forget_jwt()
    assert connection.jwt() != second


@pytest.mark.parametrize(
    ("path", "version"), [("", "2026-03-10"), ("/api/v3", "2022-11-28"), ("/x", "2022-11-28")]
)
def test_it_says_who_asks_and_for_which_version(path: str, version: str) -> None:
    asked: list[dict[str, str]] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.append({name.lower(): value for name, value in handler.headers.items()})
        send(handler)

    with serving(answer) as url:
        chosen = version if path == "/x" else ""
        credentials = AppCredentials(1, api_url=url + path, api_version=chosen)
        Connection(credentials).exchange("GET", url, {"Authorization": "Bearer t"}, None)
    assert asked[0]["x-github-api-version"] == version
    assert asked[0]["accept"] == "application/vnd.github+json"
    assert asked[0]["user-agent"] == f"autosync/{__version__}"
    assert asked[0]["authorization"] == "Bearer t"


def test_it_follows_no_redirect() -> None:
    asked: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        send(handler, 302, Location="/elsewhere")

    with serving(answer) as url:
        found = Connection(AppCredentials(1, api_url=url)).exchange("GET", f"{url}/x", {}, None)
    assert (found.status_code, found.headers["location"]) == (302, "/elsewhere")
    assert asked == ["/x"]


def test_no_more_requests_are_under_way_than_github_allows() -> None:
    here = most = 0
    guard = threading.Lock()
    full, go_on = threading.Event(), threading.Event()

    def answer(handler: BaseHTTPRequestHandler) -> None:
        nonlocal here, most
        with guard:
            here += 1
            most = max(most, here)
            if here >= CONNECTIONS:
                full.set()
        go_on.wait(60)
        with guard:
            here -= 1
        send(handler)

    with serving(answer) as url:
        connection = Connection(AppCredentials(1, api_url=url))
        statuses: list[int] = []
        threads = [
            threading.Thread(
                target=lambda: statuses.append(
                    connection.exchange("GET", url, {}, None).status_code
                )
            )
            for _ in range(CONNECTIONS + 5)
        ]
        for thread in threads:
            thread.start()
        assert full.wait(60)
        go_on.set()
        for thread in threads:
            thread.join(60)
    assert (most, statuses) == (CONNECTIONS, [200] * (CONNECTIONS + 5))


def test_it_goes_through_the_proxy_of_the_environment_but_to_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        asked.append(handler.path)
        send(handler)

    with serving(answer) as proxy, serving(answer) as url:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        abroad = Connection(AppCredentials(1, api_url="http://github.example"))
        abroad.exchange("GET", "http://github.example/x", {}, None)
        Connection(AppCredentials(1, api_url=url)).exchange("GET", f"{url}/y", {}, None)
        monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
        monkeypatch.setenv("NO_PROXY", "github.example,0.0.0.0")
        near = url.replace("127.0.0.1", "0.0.0.0")
        Connection(AppCredentials(1, api_url=near)).exchange("GET", f"{near}/z", {}, None)
    assert asked == ["http://github.example/x", "/y", "/z"]


@pytest.mark.parametrize(
    "proxy", ["socks5://me:secret@proxy:1080", "ftp://me:secret@proxy", "http://me:secret@[::1"]
)
def test_a_proxy_that_cannot_be_used_is_a_line_without_its_password(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(ConfigurationError, match="HTTPS_PROXY") as caught:
        Connection(AppCredentials(1))
    assert "secret" not in str(caught.value)


def test_it_trusts_the_certificates_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    certificate = own_certificate(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with serving(send, tls) as url:
        monkeypatch.delenv("SSL_CERT_FILE", raising=False)
        monkeypatch.delenv("SSL_CERT_DIR", raising=False)
        with pytest.raises(NoAnswer, match="ConnectError"):
            Connection(AppCredentials(1, api_url=url)).exchange("GET", url, {}, None)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        found = Connection(AppCredentials(1, api_url=url)).exchange("GET", url, {}, None)
    assert found.status_code == 200


def own_certificate(folder: Path) -> Path:
    """A key and a certificate of 127.0.0.1 that it signs itself, in one file."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(KEY.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(KEY, hashes.SHA256())
    )
    path = folder / "both.pem"
    path.write_bytes(PEM + made.public_bytes(Encoding.PEM))
    return path
