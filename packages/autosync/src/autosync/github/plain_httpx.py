"""httpx without its command line.

Where click and rich are installed, as with AutoSync, `import httpx` loads both and pygments for a
program that nobody starts here: half of its time, and 12 MB in each process.
"""

import os
import ssl
import sys
from functools import cache

# "If the value is None, then a ModuleNotFoundError is raised", with which httpx does without
# (https://docs.python.org/3/reference/import.html#the-module-cache).
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]

import httpx  # noqa: E402 (after the line above)

# What is on this machine is asked directly, as the simulator of a demo is.
NO_PROXY: dict[str, httpx.BaseTransport | None] = {
    f"all://{host}": None for host in ("127.0.0.1", "localhost", "[::1]")
}


def certificates() -> ssl.SSLContext:
    """The authorities to trust: of SSL_CERT_FILE, SSL_CERT_DIR or certifi. All clients share them:
    reading 150 certificates takes as long as a large import.
    """
    return _certificates(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@cache
def _certificates(*_: str | None) -> ssl.SSLContext:
    return httpx.create_ssl_context()


__all__ = ["NO_PROXY", "certificates", "httpx"]
