"""Below HTTP: the TCP connection of a client, found in this process, and cut.

The HTTP server hands out no sockets, so the one whose other end is the client is looked up among
the open files. That takes a millisecond, and only where the weather cuts a connection.
"""

from __future__ import annotations

import ctypes
import os
import socket
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager

_AF_UNSPEC = struct.pack("H14x", 0)


def reset(client: tuple[str, int]) -> bool:
    """Cut the connection so that the client's kernel says `connection reset by peer`."""
    with _found(client) as connection:
        if connection is None:
            return False
        # Linux sends a reset when a socket is disconnected; a close would wait for the server's
        # own descriptor of it.
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.connect(connection.fileno(), _AF_UNSPEC, len(_AF_UNSPEC)) != 0:
            _shut(connection)
        return True


def drop(client: tuple[str, int]) -> bool:
    """End the connection; what was sent so far arrives, nothing follows."""
    with _found(client) as connection:
        if connection is None:
            return False
        _shut(connection)
        return True


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # The client was faster.
        pass


@contextmanager
def _found(client: tuple[str, int]) -> Iterator[socket.socket | None]:
    folder = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"  # noqa: PTH112
    for name in os.listdir(folder):  # noqa: PTH208
        connection = _duplicate(int(name))
        if connection is None:
            continue
        with connection:
            try:
                mine = connection.getpeername()[:2] == client
            except OSError:
                mine = False
            if mine:
                yield connection
                return
    yield None


def _duplicate(number: int) -> socket.socket | None:
    """A second handle of an open file, if it is a socket and still open."""
    try:
        if not stat.S_ISSOCK(os.fstat(number).st_mode):
            return None
        copy = os.dup(number)
    except OSError:
        return None
    try:
        return socket.socket(fileno=copy)
    except OSError:
        os.close(copy)
        return None
