"""A real TLS proxy for tests: Caddy or nginx, with the configuration our own page gives."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.service import ROOT, free_port
from tests.waiting import eventually

PAGE = ROOT / "docs" / "how-to" / "run-behind-a-tls-proxy.md"
PROGRAMS = {"caddy": "caddy", "nginx": "nginx"}
HOST = "autosync.example.org"


def require(program: str, package: str) -> str:
    """The path of a program; skips the test where there is none (fails in .ci/run)."""
    places = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    found = shutil.which(program, path=places)
    if found is None:
        reason = f"no {program} on this machine: apt-get install {package}"
        if os.environ.get("AUTOSYNC_REQUIRE_ALL"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def on_the_page(kind: str) -> str:
    """The configuration for `kind` as our page has it."""
    found = re.search(rf"^```{kind}\n(.*?)^```$", PAGE.read_text(), re.S | re.M)
    assert found is not None, f"no ```{kind} block in {PAGE}"
    return found[1]


class TlsProxy:
    """One proxy in front of `port`, on https://localhost with a certificate nobody signed."""

    def __init__(self, kind: str, upstream: int) -> None:
        self.kind = kind
        self.program = require(PROGRAMS[kind], PROGRAMS[kind])
        self.port = free_port()
        self.url = f"https://localhost:{self.port}"
        # Not pytest's: workers of a proxy started by root are somebody else.
        self.folder = Path(tempfile.mkdtemp(prefix="autosync-proxy-"))
        self._certificate()
        config = on_the_page(kind).replace("127.0.0.1:8000", f"127.0.0.1:{upstream}")
        self.config = self.folder / "config"
        self.config.write_text(self._caddy(config) if kind == "caddy" else self._nginx(config))

    def check(self) -> subprocess.CompletedProcess[str]:
        """The proxy's own check of its configuration."""
        return self._run(
            ["validate", "--adapter", "caddyfile", "--config", str(self.config)]
            if self.kind == "caddy"
            else ["-t", "-p", str(self.folder), "-c", str(self.config)]
        )

    def _run(self, arguments: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.program, *arguments],
            env=self._environment, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    @property
    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", ""), "HOME": str(self.folder)}

    @property
    def certificate(self) -> Path:
        return self.folder / "certificate.pem"

    def _certificate(self) -> None:
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
             "-keyout", str(self.folder / "key.pem"), "-out", str(self.certificate)],
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip

    def _caddy(self, config: str) -> str:
        tls = f"\ttls {self.certificate} {self.folder / 'key.pem'}\n"
        site = config.replace(f"{HOST} {{\n", f"https://localhost:{self.port} {{\n{tls}")
        return f"{{\n\tadmin off\n\tauto_https disable_redirects\n}}\n{site}"

    def _nginx(self, config: str) -> str:
        site = (
            config.replace("listen 80;", f"listen 127.0.0.1:{free_port()};")
            .replace("listen 443 ssl;", f"listen 127.0.0.1:{self.port} ssl;")
            .replace(HOST, "localhost")
            .replace("/etc/ssl/autosync.pem", str(self.certificate))
            .replace("/etc/ssl/autosync.key", str(self.folder / "key.pem"))
        )
        user = "user root;\n" if os.geteuid() == 0 else ""
        temporary = "".join(
            f"{name}_temp_path {self.folder}/{name};\n"
            for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        return (
            f"{user}daemon off;\npid {self.folder}/pid;\nerror_log {self.folder}/log;\n"
            "events {}\n"
            f"http {{\naccess_log off;\n{temporary}{site}}}\n"
        )

    @contextmanager
    def running(self) -> Iterator[TlsProxy]:
        arguments = (
            ["run", "--adapter", "caddyfile", "--config", str(self.config)]
            if self.kind == "caddy"
            else ["-p", str(self.folder), "-c", str(self.config)]
        )
        with (self.folder / "said").open("wb") as said:
            process = subprocess.Popen(
                [self.program, *arguments], env=self._environment, stdout=said, stderr=said
            )
        try:
            eventually(lambda: self._listens(process), f"{self.kind} listens")
            yield self
        finally:
            process.terminate()
            process.wait(30)
            shutil.rmtree(self.folder, ignore_errors=True)

    def _listens(self, process: subprocess.Popen[bytes]) -> bool:
        assert process.poll() is None, (self.folder / "said").read_text()
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=2).close()
        except OSError:
            return False
        return True
