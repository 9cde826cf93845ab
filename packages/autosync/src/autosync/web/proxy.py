"""What a TLS proxy says of the people behind it, and who is believed to be one.

With AUTOSYNC_URL=https://… there is one proxy in front. Its X-Forwarded-For and X-Forwarded-Proto
are believed, the last value of each, which it wrote itself; from this machine and private networks
only, so that nobody who reaches the port from outside may say the same. Without it nobody is, and
nothing reads them.
"""

from __future__ import annotations

import ipaddress
from collections.abc import MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
_FOR, _PROTO = b"x-forwarded-for", b"x-forwarded-proto"


def seen_through(scope: Scope, *, behind_tls: bool) -> Scope:
    """The request as the proxy describes it; without the headers of one who is none."""
    if not behind_tls:
        return scope
    said: dict[bytes, bytes] = {}
    headers = []
    for name, value in scope["headers"]:
        if name.lower() in (_FOR, _PROTO):
            said[name.lower()] = value.rpartition(b",")[2].strip()  # of several lines the last
        else:
            headers.append((name, value))
    if not said:
        return scope
    scope = {**scope, "headers": headers}
    if _may_be_proxy(scope):
        if _PROTO in said:
            headers.append((_PROTO, said[_PROTO].lower()))
        client = _address(said.get(_FOR, b"").decode("latin-1"))
        if client:
            scope["client"] = (client, 0)
    return scope


def _may_be_proxy(scope: Scope) -> bool:
    if not scope.get("client"):
        return True  # a Unix socket
    try:
        peer = ipaddress.ip_address(str(scope["client"][0]))
    except ValueError:
        return False
    return peer.is_loopback or peer.is_private


def _address(text: str) -> str:
    """The address in an entry of X-Forwarded-For, which may carry a port; "" if there is none."""
    text = text.strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""
