"""The listening socket: made by the supervisor, which needs no web server for it."""

from __future__ import annotations

import socket

from autosync.errors import AutoSyncError

LISTENER_VARIABLE = "AUTOSYNC_LISTENER"
BACKLOG = 2048  # connections that wait to be accepted
_UNREAD_SECONDS = 30  # until a client that does not read its answer is cut off


class PortInUse(AutoSyncError):
    """The port cannot be bound."""


def listen(host: str, port: int, variable: str = "AUTOSYNC_PORT") -> socket.socket:
    """Listen on an address; raises PortInUse, which names the `variable` that sets the port."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _let_go_of_the_silent(listener)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError as error:
        raise PortInUse(
            f"Port {port} on {host} cannot be used ({error.strerror or error}). Stop what listens "
            f"there, or set {variable} to another port."
        ) from None
    listener.setblocking(False)
    return listener


def _let_go_of_the_silent(listener: socket.socket) -> None:
    """End connections whose other side is dead or reads nothing; accepted ones inherit this."""
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_KEEPIDLE", 60),
        ("TCP_KEEPINTVL", 15),
        ("TCP_KEEPCNT", 4),
        # Also ends a connection whose window stays shut for so long (man 7 tcp).
        ("TCP_USER_TIMEOUT", _UNREAD_SECONDS * 1000),
    ):
        if hasattr(socket, option):  # not every system has them all
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
