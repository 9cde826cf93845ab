"""Runs the `git` program: no prompts, no foreign configuration, no secrets in sight, no orphans."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from autosync.errors import ConfigurationError
from autosync.github.errors import Forbidden, GitFailed, NotFound, Unauthorized, Unavailable

Settings = Iterable[tuple[str, str]]

_MISSING = re.compile(
    r"repository .*not found|returned error: 404|does not appear to be a git repository"
    r"|repository .* does not exist|returned error: 410",
    re.I,
)
_UNAUTHORIZED = re.compile(
    r"authentication failed|could not read (username|password)|returned error: 401", re.I
)
_FORBIDDEN = re.compile(r"returned error: (403|451)|permission to .* denied|access denied", re.I)
_NETWORK = re.compile(
    r"could not resolve|unable to access|timed? ?out|connection|early eof|hung up|rpc failed"
    r"|returned error: (429|5\d\d)|unexpected disconnect|transfer closed|operation too slow"
    r"|gnutls|ssl_|network is unreachable|remote error",
    re.I,
)
NO_SPACE = re.compile(r"no space left|disk quota exceeded|read-only file system", re.I)
_SECRETS = re.compile(r"(//)[^/@\s]*@|\bgh[a-z]_[\w.\-]+|\bgithub_pat_\w+|(basic|bearer) \S+", re.I)


def token_settings(clone_url: str, token: str) -> Settings:
    """Settings that authenticate requests to the host of `clone_url`, and to no other host."""
    parts = urlsplit(clone_url)
    user = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    key = f"http.{parts.scheme}://{parts.netloc}/.extraHeader"
    return [(key, f"Authorization: Basic {user}")]


def run(
    *arguments: str,
    cwd: Path,
    settings: Settings = (),
    stdin: str | None = None,
    timeout: float,
    about: str,
    holding: int | None = None,
) -> str:
    """Run `git` to its end and return its output (UTF-8, undecodable bytes replaced).

    `settings` are handed over in the environment. `holding` is a file descriptor the program
    keeps open: a lock outlives us as long as git still works. `about` is the clone URL that
    errors name. Raises NotFound, Unauthorized, Forbidden, Unavailable or GitFailed.
    """
    with _started(arguments, cwd, settings, stdin, holding) as (process, errors):
        try:
            output, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise Unavailable(f"git took longer than {timeout:.0f} s", url=about) from None
        if process.returncode:
            raise failure(_said(errors), about)
    return bytes(output).decode("utf-8", "replace")


@contextlib.contextmanager
def streaming(*arguments: str, cwd: Path, stdin: str, about: str) -> Iterator[IO[bytes]]:
    """A local git command's output as it comes; the program never outlives the block."""
    with _started(arguments, cwd, (), stdin, None) as (process, errors):
        assert process.stdout is not None
        yield process.stdout
        process.stdout.close()
        if process.wait():
            raise failure(_said(errors), about)


def failure(stderr: str, about: str) -> Exception:
    """The error that git's own words stand for, without anything secret in it."""
    words = _SECRETS.sub(r"\1***", " ".join(stderr.split()))[:500]
    if _MISSING.search(words):
        return NotFound(f"git finds no repository: {words}", url=about)
    if _UNAUTHORIZED.search(words):
        return Unauthorized(f"git was not let in: {words}", url=about)
    if _FORBIDDEN.search(words):
        return Forbidden(f"git was refused: {words}", url=about)
    if NO_SPACE.search(words):
        return GitFailed(f"git cannot write: {words}", url=about)
    if _NETWORK.search(words):
        return Unavailable(f"git could not reach GitHub: {words}", url=about)
    return GitFailed(f"git failed: {words or 'it said nothing'}", url=about)


@contextlib.contextmanager
def locked(path: Path, timeout: float, about: str) -> Iterator[int]:
    """Hold `path` exclusively; yields the descriptor to pass on to git as `holding`.

    A worker killed in the middle leaves its git running: the lock is free when that one ends too.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _lock_file(path)
    deadline = time.monotonic() + timeout
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_still(path, descriptor):
                    break
                os.close(descriptor)  # its cache was removed meanwhile, and the lock with it
                descriptor = _lock_file(path)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise Unavailable(
                        f"Another git has worked on {path.name} for {timeout:.0f} s", url=about
                    ) from None
                time.sleep(0.05)
        os.utime(descriptor)  # when the cache was last used
        yield descriptor
    finally:
        os.close(descriptor)


def _lock_file(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def _started(
    arguments: Iterable[str], cwd: Path, settings: Settings, stdin: str | None, holding: int | None
) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """A git in a process group of its own (its transport helpers must die with it)."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as errors:
        given.write((stdin or "").encode())
        given.seek(0)
        try:
            process = subprocess.Popen(
                ["git", *arguments],
                cwd=cwd,
                env=_environment(settings),
                stdin=given,
                stdout=subprocess.PIPE,
                stderr=errors,
                start_new_session=True,
                pass_fds=() if holding is None else (holding,),
            )
        except FileNotFoundError as error:
            if not Path(cwd).is_dir():
                raise GitFailed(f"There is no folder {cwd}") from error
            raise ConfigurationError(
                "The program git is not installed. Install git 2.39 or newer."
            ) from None
        try:
            yield process, errors
        finally:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            assert process.stdout is not None
            process.stdout.close()
            process.wait()


def _said(errors: IO[bytes]) -> str:
    errors.seek(0)
    return errors.read(20_000).decode("utf-8", "replace")


def _environment(settings: Settings) -> dict[str, str]:
    """Ours alone: a developer's aliases, hooks, helpers or GIT_DIR must not change what is read.

    Kept from outside: certificates (`GIT_SSL_*`) and proxies.
    """
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or "SSL" in k}
    given = [
        ("safe.directory", "*"),  # the data folder may belong to another user than this process
        ("core.hooksPath", os.devnull),
        ("credential.helper", ""),
        ("protocol.version", "2"),
        ("gc.autoDetach", "false"),  # nothing goes on in the background after the last line
        ("http.lowSpeedLimit", "1"),  # a silent connection is a dead one
        ("http.lowSpeedTime", "120"),
        *settings,
    ]
    numbered = {
        name: text
        for number, (key, value) in enumerate(given)
        for name, text in (
            (f"GIT_CONFIG_KEY_{number}", key),
            (f"GIT_CONFIG_VALUE_{number}", value),
        )
    }
    return kept | {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",  # git >= 2.45; older ones see no promisor when reading anyway
        "GIT_ALLOW_PROTOCOL": "https:http:file",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "LC_ALL": "C",
        "GIT_CONFIG_COUNT": str(len(given)),
        **numbered,
    }
