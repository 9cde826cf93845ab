"""Start child processes, restart those that crash, stop all in order."""

from __future__ import annotations

import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from autosync.errors import AutoSyncError
from autosync.service import forked, lifeline, offspring
from autosync.service.child import CHANGED, RELOAD_VARIABLE, UNFIT
from autosync.service.child import run as run_child

logger = logging.getLogger(__name__)

_STOP_SECONDS = 15.0  # a worker finishes or gives back what is under way
_RESTART_FIRST = 0.5  # seconds
_RESTART_MOST = 30.0
_ATTEMPTS = 3  # for a child that has never been ready
_WELL_SECONDS = 60.0  # a child that ran this long was well; its next crash starts the backoff anew
HANG_VARIABLE = "AUTOSYNC_HANG_AFTER"
_HANG_SECONDS = 30.0  # without a beat
_FIRST_BEAT_SECONDS = 180.0  # on a machine with much else to do the imports alone take a while
_LONGEST_TURN = 2.0  # seconds; longer ago we have looked only if we were stopped ourselves
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class ChildFailed(AutoSyncError):
    """A process of the service could not start; what it said stands above."""


class _Stopped(Exception):
    """A signal asked for the end."""


@dataclass
class Child:
    """One child process: a name for the log, its command, and what it inherits."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    # Listening sockets, by the variable that gives the child their number.
    sockets: Mapping[str, socket.socket] = field(default_factory=dict)
    once: bool = False  # it is meant to end
    quiet: bool = False  # what it says on standard output is for programs
    beats: bool = False  # it says every second that it works: silent, it hangs and is replaced
    # What the command does, where this process has imported it: the first start is then a fork.
    # Every later one is the command, a new interpreter: nothing is left in it of what went wrong.
    work: Callable[[], int] | None = None

    process: subprocess.Popen[bytes] | forked.Forked | None = field(default=None, init=False)
    line: socket.socket | None = field(default=None, init=False)
    ready: bool = field(default=False, init=False)  # it has been, since the service started
    started: float = field(default=0.0, init=False)
    silent: float = field(default=0.0, init=False)  # seconds since it was last heard of
    has_beaten: bool = field(default=False, init=False)
    crashes: int = field(default=0, init=False)
    delay: float = field(default=_RESTART_FIRST, init=False)
    restart_at: float | None = field(default=None, init=False)


def python(*arguments: str) -> list[str]:
    """The command that runs this interpreter with `arguments`."""
    return [sys.executable, *arguments]


class Supervisor:
    """Runs its children until SIGINT, SIGTERM or SIGHUP; one that crashes or hangs comes back.

    Each child leads a session of its own: Ctrl-C reaches only the supervisor, which stops the
    children in reverse order of their start, and whatever a child leaves behind is ended with it.
    """

    def __init__(self, hang_after: float | None = None) -> None:
        """`hang_after`: seconds without a beat after which a child hangs (AUTOSYNC_HANG_AFTER)."""
        self._hang_after = hang_after or float(os.environ.get(HANG_VARIABLE) or _HANG_SECONDS)
        self._looked = time.monotonic()
        self._children: list[Child] = []
        self._listeners: set[socket.socket] = set()
        self._selector = selectors.DefaultSelector()
        self._wake_ends: tuple[int, ...] = ()
        self._asked_to_stop = 0
        self._stopping = False

    def run(self, script: Callable[[], None]) -> int:
        """Call `script`, which starts the children, then watch them until a signal; returns 0.

        A signal ends the script at its next wait. Raises what the script raises, and ChildFailed;
        no child is left in any case.
        """
        with self._signals():
            try:
                script()
                while True:
                    self._turn(None)
            except _Stopped:
                return 0
            finally:
                self.stop()

    def owns(self, listener: socket.socket) -> None:
        """Nobody is to inherit it but a child that has it among its sockets."""
        self._listeners.add(listener)

    def start(self, child: Child) -> None:
        """Start `child` and keep it running."""
        self._children.append(child)
        self._listeners.update(child.sockets.values())
        self._spawn(child)

    def complete(self, child: Child) -> None:
        """Run `child` to its end; raises ChildFailed unless that is exit code 0."""
        child.once = True
        self.start(child)
        process = child.process
        assert process is not None
        while process.poll() is None:
            self._turn(None)
        self._children.remove(child)
        self._bury(child)
        if process.returncode != 0:
            raise ChildFailed(f"{child.name} failed; see its message above.")

    def wait_for(self, child: Child, seconds: float) -> bool:
        """Wait until `child` has said that it is ready; False after `seconds`."""
        return self.wait_until(lambda: child.ready, seconds)

    def wait_until(self, true: Callable[[], bool], seconds: float) -> bool:
        """Watch the children until `true()`; False after `seconds`."""
        until = time.monotonic() + seconds
        while not true():
            if time.monotonic() > until:
                return False
            self._turn(0.1)
        return True

    def stop(self) -> None:
        """SIGTERM, last started first; SIGKILL for what does not end in time. Idempotent."""
        self._stopping = True
        for child in self._children:
            for listener in child.sockets.values():  # else connections would wait in vain
                listener.close()
        for child in reversed(self._children):
            process = child.process
            if process is None:
                continue
            if process.poll() is None:
                process.terminate()
                until = time.monotonic() + _STOP_SECONDS
                while process.poll() is None and time.monotonic() < until:
                    if self._asked_to_stop > 1:  # asked twice: somebody is in a hurry
                        break
                    self._wait(0.2)
                else:
                    if process.poll() is None:
                        logger.warning("%s does not stop and is killed", child.name)
            self._bury(child)
        self._children.clear()

    def _turn(self, seconds: float | None) -> None:
        """Wait for something to happen, for `seconds` at most, and react."""
        if self._asked_to_stop and not self._stopping:
            raise _Stopped
        due = [c.restart_at - time.monotonic() for c in self._children if c.restart_at is not None]
        self._wait(min([1.0 if seconds is None else seconds, *(max(d, 0.0) for d in due)]))
        if self._asked_to_stop and not self._stopping:
            raise _Stopped
        now = time.monotonic()
        # Where the whole machine stood still nobody was heard of, and nobody hangs.
        passed, self._looked = min(now - self._looked, _LONGEST_TURN), now
        for child in self._children:
            child.silent += passed
        for child in list(self._children):
            if not child.once:
                self._look_after(child)

    def _look_after(self, child: Child) -> None:
        if child.restart_at is not None:
            if time.monotonic() >= child.restart_at:
                child.restart_at = None
                self._spawn(child)
            return
        if child.process is None:
            return
        hangs = child.process.poll() is None and self._hangs(child)
        if child.process.poll() is None and not hangs:
            return
        gits = offspring.gits_of(child.process.pid) if hangs else []
        self._bury(child)
        offspring.kill(gits)
        code = child.process.wait()
        child.crashes += 1
        if not child.ready and (code == UNFIT or child.crashes >= _ATTEMPTS):
            raise ChildFailed(f"{child.name} cannot start; see its message above.")
        if code == CHANGED:
            self._spawn(child)
            return
        if time.monotonic() - child.started > _WELL_SECONDS:
            child.delay = _RESTART_FIRST
        how = f"hung for {child.silent:.0f} s and was killed" if hangs else _end(code)
        logger.error("%s %s; it is restarted in %.1f s", child.name, how, child.delay)
        child.restart_at = time.monotonic() + child.delay
        child.delay = min(child.delay * 2, _RESTART_MOST)

    def _hangs(self, child: Child) -> bool:
        if not child.beats or RELOAD_VARIABLE in child.environment:  # a debugger may hold it
            return False
        return child.silent > (self._hang_after if child.has_beaten else _FIRST_BEAT_SECONDS)

    def _spawn(self, child: Child) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        names = {name: str(s.fileno()) for name, s in child.sockets.items()}
        environment = {**child.environment, **names, lifeline.VARIABLE: str(theirs.fileno())}
        first = not child.started
        child.started = time.monotonic()
        child.silent, child.has_beaten = 0.0, False
        if first and child.work is not None and forked.is_possible():
            child.process = self._fork(child, child.work, environment, ours)
        else:
            child.process = subprocess.Popen(
                child.command,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL if child.quiet else None,
                pass_fds=[theirs.fileno(), *(s.fileno() for s in child.sockets.values())],
                start_new_session=True,
            )
        theirs.close()
        child.line = ours
        self._selector.register(ours, selectors.EVENT_READ, child)

    def _fork(
        self,
        child: Child,
        work: Callable[[], int],
        environment: Mapping[str, str],
        ours: socket.socket,
    ) -> forked.Forked:
        def begin() -> None:
            # Whoever holds a supervisor's end keeps a child from seeing that its supervisor died.
            ours.close()
            self._let_go(kept=child)
            os.environ.update(environment)
            run_child(work)

        return forked.fork(begin, " ".join(["python", *child.command[1:]]))

    def _let_go(self, kept: Child) -> None:
        """In a fork of this process: close what is the supervisor's, and other children's."""
        self._selector.close()
        for end in self._wake_ends:
            os.close(end)
        for child in self._children:
            if child.line is not None:
                child.line.close()
        for listener in self._listeners - set(kept.sockets.values()):
            listener.close()

    def _bury(self, child: Child) -> None:
        """End what is left of a child: its process if it still runs, and those it started."""
        if child.process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child.process.pid, signal.SIGKILL)
            child.process.kill()  # a fork that leads no group yet
            child.process.wait()
        self._hang_up(child)

    def _hang_up(self, child: Child) -> None:
        if child.line is not None:
            self._selector.unregister(child.line)
            child.line.close()
            child.line = None

    def _wait(self, seconds: float) -> None:
        for key, _ in self._selector.select(seconds):
            child = key.data
            if child is None:
                with suppress(BlockingIOError):
                    os.read(key.fd, 4096)
                continue
            try:
                said = child.line.recv(64)
            except OSError:
                said = b""
            if lifeline.READY in said:
                child.ready = True
            if lifeline.BEAT in said:
                child.silent, child.has_beaten = 0.0, True
            if not said:  # it ends, or has closed its end; the exit code tells
                self._hang_up(child)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Turn signals, those of ending children included, into something `_wait` wakes up for."""
        wake, wake_end = os.pipe()
        os.set_blocking(wake, False)
        os.set_blocking(wake_end, False)
        self._wake_ends = (wake, wake_end)
        self._selector.register(wake, selectors.EVENT_READ, None)
        previous_fd = signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
        previous = {
            number: signal.signal(number, self._on_signal)
            for number in _SIGNALS
            # `nohup` has it ignored, and means it.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN
        }
        previous[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(previous_fd)
            self._selector.unregister(wake)
            self._wake_ends = ()
            os.close(wake)
            os.close(wake_end)

    def _on_signal(self, *_: object) -> None:
        self._asked_to_stop += 1


def _end(code: int) -> str:
    return f"was ended by {_signal_name(-code)}" if code < 0 else f"ended with code {code}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
