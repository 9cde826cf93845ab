"""Runs commands in forks of one process that has imported what they all import.

Two thirds of a command's time go into importing libraries. Here that is done once, and every
command gets a fork of it, with its own environment, folder, arguments and output. Nothing of
AutoSync's own is imported before the fork, and no settings are there to be read: Django refuses
to import what asks for them. What a fork prints and its exit code are those of a process of its
own; test_foreseen_errors.py compares them.

A program of its own, without the tests' modules: `python command_server.py SOCKET`. It ends when
its standard input does.
"""

from __future__ import annotations

import gc
import importlib
import io
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

# What a command never imports: the web process, and what runs as it is imported.
_NOT = ("autosync.asgi", "__main__")
# Ours is imported by each command itself; django-ninja reads the settings while it is imported.
_LATER = {"autosync", "githubsim", "ninja", "__main__"}


def scout() -> list[str]:
    """Every module that AutoSync's commands import, in order; asked of a fork that forgets it."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        with open(reading) as found:  # noqa: PTH123
            names = found.read().split()
        os.waitpid(pid, 0)
        return names
    os.close(reading)
    os.environ |= {"DJANGO_SETTINGS_MODULE": "autosync.settings", "AUTOSYNC_SECRET_KEY": "none"}
    import django

    django.setup()
    from django.core.management import get_commands, load_command_class

    import autosync

    for module in pkgutil.walk_packages(autosync.__path__, "autosync."):
        if not module.name.endswith(_NOT):
            importlib.import_module(module.name)
    for name, package in get_commands().items():
        load_command_class(package, name)
    with open(writing, "w") as told:  # noqa: PTH123
        told.write("\n".join(list(sys.modules)))
    os._exit(0)


def prepare() -> None:
    """Import the libraries among them that need no settings."""
    for name in scout():
        if name.partition(".")[0] not in _LATER:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    importlib.import_module(name)
                except Exception:
                    continue  # asks for settings, or is a part that its parent makes
    from django.conf import settings

    own = _LATER.intersection(sys.modules) - {"__main__"}
    threads = len(os.listdir("/proc/self/task"))  # noqa: PTH208
    if settings.configured or own or threads != 1:
        raise SystemExit(f"not as fresh as a process: {settings.configured} {own} {threads}")
    gc.collect()
    gc.freeze()  # shared with the forks as long as nobody writes to it


def serve(path: str) -> dict[str, Any]:
    """Fork for each request; returns it in the fork, and never in the server."""
    selector = selectors.DefaultSelector()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(64)
    selector.register(listener, selectors.EVENT_READ, None)
    selector.register(0, selectors.EVENT_READ, None)
    print("ready", flush=True)
    running: dict[int, tuple[int, socket.socket]] = {}  # pidfd: process, who waits for it
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                client = listener.accept()[0]
                length = int.from_bytes(client.recv(4, socket.MSG_WAITALL))
                message, fds, _, _ = socket.recv_fds(client, length, 3)
                while len(message) < length:
                    message += client.recv(length - len(message))
                pid = os.fork()
                if not pid:
                    for number, fd in enumerate(fds):
                        os.dup2(fd, number)
                    own = [listener, client, *(one for _, one in running.values())]
                    for one in own:
                        one.close()
                    for fd in (*running, *fds):
                        os.close(fd)
                    selector.close()
                    request: dict[str, Any] = json.loads(message)
                    return request
                for fd in fds:
                    os.close(fd)
                client.sendall(f"{pid}\n".encode())
                ended = os.pidfd_open(pid)
                running[ended] = pid, client
                selector.register(ended, selectors.EVENT_READ, "ended")
                selector.register(client, selectors.EVENT_READ, ended)
            elif key.data == "ended":
                selector.unregister(key.fd)
                pid, client = running.pop(key.fd)
                os.close(key.fd)
                code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                if client in selector.get_map():
                    selector.unregister(client)
                with client, suppress(BrokenPipeError):
                    client.sendall(f"{code}\n".encode())
            elif key.data is None:  # nobody needs us any more
                for pid, _ in running.values():
                    os.kill(pid, signal.SIGKILL)
                os._exit(0)
            else:  # who waits has lost patience
                selector.unregister(key.fileobj)
                os.kill(running[key.data][0], signal.SIGKILL)


def become(request: dict[str, Any]) -> None:
    """Be the process that `python …` would have been, from its first line to its exit code."""
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    os.setsid()
    at_once = bool(os.environ.get("PYTHONUNBUFFERED"))
    sys.stdin = sys.__stdin__ = open(0)  # type: ignore[misc]  # noqa: SIM115
    out = io.TextIOWrapper(open(1, "wb", 0 if at_once else -1), write_through=at_once)  # noqa: SIM115
    sys.stdout = sys.__stdout__ = out  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = io.TextIOWrapper(  # type: ignore[misc]
        open(2, "wb", 0 if at_once else -1),  # noqa: SIM115
        errors="backslashreplace",
        line_buffering=True,
        write_through=at_once,
    )
    # As at the start of an interpreter: behind the program's own folder, before the libraries.
    sys.path[1:1] = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    program, *arguments = request["arguments"]
    if program == "-m":
        module, *arguments = arguments
        sys.path[0] = os.getcwd()  # noqa: PTH109
        sys.argv = [module, *arguments]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = str(Path(program).parent)
        sys.argv = [program, *arguments]
        runpy.run_path(program, run_name="__main__")


if __name__ == "__main__":
    prepare()
    become(serve(sys.argv[1]))
