"""Runs the `git` program: no prompts, no foreign configuration, no secrets in sight, no orphans."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import os
import re
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from autosync.errors import ConfigurationError
from autosync.github.addresses import origin
from autosync.github.errors import (
    Forbidden,
    ForeignURL,
    GitFailed,
    Moved,
    NotFound,
    Unauthorized,
    Unavailable,
)

Settings = Iterable[tuple[str, str | bytes]]
# A million refs are 80 MB; whoever sends more wants this process's memory.
MOST_OUTPUT = 256 << 20

_MISSING = re.compile(
    r"repository .*not found|returned error: 404|does not appear to be a git repository"
    r"|repository .* does not exist|returned error: 410",
    re.I,
)
_MOVED = re.compile(r"returned error: 30[1278]|unable to update url base from redirection", re.I)
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
_NOT_GIVEN = re.compile(r"not our ref [0-9a-f]{40}")  # asked for by name, and not there
_SILENT = re.compile(r"operation too slow", re.I)
NO_SPACE = re.compile(r"no space left|disk quota exceeded|read-only file system", re.I)
_SECRETS = re.compile(r"(//)[^/@\s]*@|\bgh[a-z]_[\w.\-]+|\bgithub_pat_\w+|(basic|bearer) \S+", re.I)


class Silent(Unavailable):
    """git was not answered, or not in time."""

    advice = "If it stays, look at the repository on GitHub; it is tried again with growing pauses."


def token_settings(clone_url: str, token: str) -> Settings:
    """Settings that authenticate requests to the host of `clone_url`, and to no other host.

    Raises ForeignURL where nothing may be attached: another scheme, a user name in the address.
    """
    if origin(clone_url) is None:
        raise ForeignURL("This address gets no credential", url=clone_url[:500])
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
    """Run `git` to its end and return its output (UTF-8; other bytes as `\\xNN`).

    `settings` are handed over in the environment. `holding` is a file descriptor the program
    keeps open: a lock outlives us as long as git still works. `about` is the clone URL that
    errors name. Raises NotFound, Moved, Unauthorized, Forbidden, Unavailable or GitFailed.
    """
    scheme = urlsplit(about).scheme
    with _started(arguments, cwd, settings, stdin, holding, scheme) as (process, errors):
        try:
            output = _output(process, time.monotonic() + timeout, about)
            process.wait(timeout)
        except (TimeoutError, subprocess.TimeoutExpired):
            raise Silent(f"git took longer than {timeout:.0f} s", url=about) from None
        if process.returncode:
            raise failure(_said(errors), about)
    return output.decode("utf-8", "backslashreplace")


def lines(output: str) -> list[str]:
    """The lines of git's output, which end in LF alone: a ref may hold U+2028 and its like."""
    return [line for line in output.split("\n") if line]


@contextlib.contextmanager
def streaming(*arguments: str, cwd: Path, stdin: str, about: str) -> Iterator[IO[bytes]]:
    """A local git command's output as it comes; the program never outlives the block."""
    with _started(arguments, cwd, (), stdin, None, "") as (process, errors):
        assert process.stdout is not None
        yield process.stdout
        process.stdout.close()
        if process.wait():
            raise failure(_said(errors), about)


def failure(stderr: str, about: str) -> Exception:
    """The error that git's own words stand for, without anything secret in it."""
    words = _SECRETS.sub(r"\1***", " ".join(stderr.split()))[:500]
    if _MOVED.search(words):
        return Moved("git was sent to another address", url=about)
    if _MISSING.search(words):
        return NotFound(f"git finds no repository: {words}", url=about)
    if _UNAUTHORIZED.search(words):
        return Unauthorized(f"git was not let in: {words}", url=about)
    if _FORBIDDEN.search(words):
        return Forbidden(f"git was refused: {words}", url=about)
    if NO_SPACE.search(words):
        return GitFailed(f"git cannot write: {words}", url=about)
    if _NOT_GIVEN.search(words):
        return GitFailed(f"git is not given a commit: {words}", url=about)
    if _SILENT.search(words):
        return Silent(f"GitHub's git does not answer: {words}", url=about)
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
    arguments: Iterable[str],
    cwd: Path,
    settings: Settings,
    stdin: str | None,
    holding: int | None,
    scheme: str,
) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """A git in a process group of its own (its transport helpers must die with it)."""
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as errors:
        given.write((stdin or "").encode())
        given.seek(0)
        try:
            process = subprocess.Popen(
                ["git", *arguments],
                cwd=cwd,
                env=_environment(settings, scheme),
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


def _output(process: subprocess.Popen[bytes], until: float, about: str) -> bytes:
    """All that git writes; TimeoutError at `until`, GitFailed past MOST_OUTPUT."""
    assert process.stdout is not None
    output = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(max(until - time.monotonic(), 0)):
                raise TimeoutError
            block = os.read(process.stdout.fileno(), 1 << 20)
            if not block:
                return bytes(output)
            output += block
            if len(output) > MOST_OUTPUT:
                raise GitFailed(
                    f"git answered with more than {MOST_OUTPUT >> 20} MB, more than AutoSync reads",
                    url=about,
                )


def _said(errors: IO[bytes]) -> str:
    errors.seek(0)
    return errors.read(20_000).decode("utf-8", "replace")


# All that git needs of ours: where programs are, proxies and certificates.
_KEPT = frozenset(
    "PATH TMPDIR LD_LIBRARY_PATH NIX_SSL_CERT_FILE SSL_CERT_FILE SSL_CERT_DIR CURL_CA_BUNDLE "
    "HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY".split()
)


def _environment(settings: Settings, scheme: str) -> dict[str, str | bytes]:
    """Ours alone: a developer's aliases, hooks, helpers, GIT_DIR or .netrc must not change what is
    read, and no secret of the service reaches another program. `scheme` is the one that git may
    speak ("": none, the command is local).
    """
    kept = {
        key: value
        for key, value in os.environ.items()
        if key.upper() in _KEPT or (key.startswith("GIT_") and "SSL" in key)
    }
    given: list[tuple[str, str | bytes]] = [
        ("safe.directory", "*"),  # the data folder may belong to another user than this process
        ("core.hooksPath", os.devnull),
        ("credential.helper", ""),
        ("protocol.version", "2"),
        # git repeats http.extraHeader wherever it is redirected to, so it follows nowhere. GitHub
        # redirects the git of a renamed repository (github.com/losakovvitalik/plantar/issues/144).
        ("http.followRedirects", "false"),
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
        "GIT_ALLOW_PROTOCOL": scheme or "none",
        "HOME": os.devnull,  # unset, libcurl would look for .netrc where the user's account says
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "LC_ALL": "C",
        "GIT_CONFIG_COUNT": str(len(given)),
        **numbered,
    }
