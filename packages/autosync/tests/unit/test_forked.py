"""A fork of this process as a child: it behaves as a program that was just started."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are made on Linux only")

# In an interpreter of its own, with the handlers that a supervisor has.
_PARENT = """
import os, signal, sys, threading, time
from pathlib import Path
from autosync.service import forked
signal.signal(signal.SIGTERM, lambda *_: print("the supervisor's own"))
signal.signal(signal.SIGHUP, signal.SIG_IGN)
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background of a shell
wake, end = os.pipe(); os.set_blocking(end, False); signal.set_wakeup_fd(end)
sys.stdout.write("before\\n")
"""


def said(code: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", _PARENT + code], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return [*done.stdout.split("\n"), *done.stderr.split("\n")[-2:]]


def test_its_exit_code_or_signal_is_known() -> None:
    code = """
one = forked.fork(lambda: os._exit(7), "one")
print(one.wait(), one.poll(), one.returncode)
two = forked.fork(lambda: time.sleep(60), "two")
print(two.poll())
two.terminate()
print(two.wait() == -signal.SIGTERM)
two.kill()
"""
    assert said(code)[:4] == ["before", "7 7 7", "None", "True"]


def test_it_has_a_session_an_empty_input_and_the_signals_of_a_new_program() -> None:
    code = """
def work():
    assert os.getsid(0) == os.getpid() and sys.stdin.read() == ""
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    assert signal.set_wakeup_fd(-1) == -1 and not signal.pthread_sigmask(signal.SIG_BLOCK, [])
    assert b"a title" in Path("/proc/self/cmdline").read_bytes()
    assert b"PATH=" in Path("/proc/self/environ").read_bytes() and "SPT_NOENV" not in os.environ
    os._exit(5)
print(forked.fork(work, "a title").wait(), signal.pthread_sigmask(signal.SIG_BLOCK, []))
"""
    assert said(code)[1] == "5 set()"


def test_what_it_raises_ends_in_it() -> None:
    code = """
try:
    child = forked.fork(lambda: 1 / 0, "it")
    print(child.wait())
finally:
    print("once")
"""
    assert said(code)[:3] == ["before", "1", "once"]
    assert "ZeroDivisionError: division by zero" in said(code)


def test_it_is_not_made_beside_another_thread() -> None:
    code = """
print(forked.is_possible())
threading.Thread(target=time.sleep, args=[1], daemon=True).start()
print(forked.is_possible())
"""
    assert said(code)[1:3] == ["True", "False"]
