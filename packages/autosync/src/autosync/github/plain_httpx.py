"""httpx without its command line.

Where click and rich are installed, as with AutoSync, `import httpx` loads both and pygments for a
program that nobody starts here: half of its time, and 12 MB in each process.
"""

import sys

# "If the value is None, then a ModuleNotFoundError is raised", with which httpx does without
# (https://docs.python.org/3/reference/import.html#the-module-cache).
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]

import httpx  # noqa: E402 (after the line above)

# What is on this machine is asked directly, as the simulator of a demo is.
NO_PROXY: dict[str, httpx.BaseTransport | None] = {
    f"all://{host}": None for host in ("127.0.0.1", "localhost", "[::1]")
}

__all__ = ["NO_PROXY", "httpx"]
