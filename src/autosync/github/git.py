"""Commits and refs through git itself: one exchange, no API quota, no trees, no blobs."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import IO

from autosync.github.errors import GitFailed, NotFound, Unavailable

NETWORK_TIMEOUT_SECONDS = 1800
_FORMAT = "%H%x00%P%x00%an%x00%ae%x00%ad%x00%cn%x00%ce%x00%cd%x00%B"
_REFSPECS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
_LOST_ACCESS = re.compile(r"not found|returned error: 40[134]|Authentication failed", re.I)
_NETWORK = re.compile(
    r"could not resolve|unable to access|timed? ?out|connection|early EOF|hung up|RPC failed"
    r"|returned error: 5\d\d|unexpected disconnect",
    re.I,
)
# A broken cache is thrown away and cloned anew; it holds nothing that GitHub does not.
_CORRUPT = re.compile(
    r"not a git repository|object file .* is empty|bad object|corrupt|missing blob|missing tree"
    r"|unable to read|inconsistent|did not send all necessary|Could not read",
    re.I,
)
_EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
_LATEST = datetime(9999, 12, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class GitCommit:
    """One commit as git has it; text is UTF-8 with replacement characters where it was not."""

    sha: str
    parents: tuple[str, ...]
    author_name: str
    author_email: str
    authored_at: datetime
    committer_name: str
    committer_email: str
    committed_at: datetime
    message: str


class GitReader:
    """One repository's git: a bare partial clone (`tree:0`) under `cache_dir`.

    `token` gives an installation token; it reaches git through the environment only, never
    through arguments or a config file. Not safe for two threads at once on one cache.
    """

    def __init__(self, cache_dir: Path, clone_url: str, token: Callable[[], str]) -> None:
        self._cache = cache_dir
        self._url = clone_url
        self._token = token

    def ls_remote(self) -> dict[str, str]:
        """Every branch and tag with its commit (annotated tags peeled); one exchange."""
        lines = self._remote("ls-remote", "--heads", "--tags", self._url).splitlines()
        refs: dict[str, str] = {}
        for line in lines:
            sha, _, name = line.partition("\t")
            # `refs/tags/v1^{}` follows `refs/tags/v1` and names the commit the tag object is of.
            refs[name.removesuffix("^{}")] = sha
        return refs

    def sync(self) -> None:
        """Clone at first, fetch what is new later; refs gone there are gone here."""
        if not (self._cache / "HEAD").exists():
            self._clone()
            return
        try:
            self._clear_locks()
            self._remote("fetch", "--prune", "--quiet", "--no-auto-gc", self._url, *_REFSPECS)
        except GitFailed as error:
            if not _CORRUPT.search(error.what):
                raise
            self._clone()

    def refs(self) -> dict[str, str]:
        """Branches and tags as of the last `sync`, tags peeled to their commits."""
        output = self._local(
            "for-each-ref",
            "--format=%(refname)%00%(objectname)%00%(objecttype)%00%(*objectname)%00%(*objecttype)",
            "refs/heads",
            "refs/tags",
        )
        refs: dict[str, str] = {}
        for line in output.splitlines():
            name, sha, kind, peeled, peeled_kind = line.split("\0")
            if kind == "commit":
                refs[name] = sha
            elif peeled_kind == "commit":
                refs[name] = peeled
            # A tag of a tree or blob has no commit to show.
        return refs

    def commits(self, new: Sequence[str], known: Sequence[str] = ()) -> Iterator[GitCommit]:
        """Commits reachable from `new` and not from `known`, newest first, as a stream.

        Unknown SHAs in `known` are skipped: what they reached is given again.
        """
        if not new:
            return
        revisions = "".join(f"{sha}\n" for sha in new)
        revisions += "".join(f"^{sha}\n" for sha in self._existing(known))
        arguments = ("log", "-z", "--no-show-signature", "--no-notes", "--date=raw")
        with self._stream(revisions, *arguments, f"--format={_FORMAT}", "--stdin") as output:
            for record in _records(output):
                yield _parse(record)

    def ancestors(self, sha: str) -> Iterator[str]:
        """SHAs of `sha` and everything it reaches, newest first."""
        with self._stream(f"{sha}\n", "rev-list", "--stdin") as output:
            for line in output:
                yield line.decode().strip()

    def _existing(self, shas: Sequence[str]) -> list[str]:
        if not shas:
            return []
        output = self._local(
            "cat-file", "--batch-check=%(objectname) %(objecttype)", stdin="\n".join(shas) + "\n"
        )
        return [line.partition(" ")[0] for line in output.splitlines() if line.endswith(" commit")]

    def _clone(self) -> None:
        """Into a folder beside the cache, put in place when whole: a kill leaves no half clone."""
        self._cache.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._cache.with_name(f"{self._cache.name}.{os.getpid()}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            self._run(["git", "init", "--quiet", "--bare", str(fresh)], cwd=None)
            # What makes later fetches partial too, without storing any credential.
            for key, value in (
                ("extensions.partialClone", "origin"),
                ("core.repositoryFormatVersion", "1"),
                ("remote.origin.url", self._url),
                ("remote.origin.promisor", "true"),
                ("remote.origin.partialclonefilter", "tree:0"),
            ):
                self._run(["git", "config", key, value], cwd=fresh)
            self._remote("fetch", "--quiet", "--filter=tree:0", "origin", *_REFSPECS, cwd=fresh)
            shutil.rmtree(self._cache, ignore_errors=True)
            fresh.rename(self._cache)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _clear_locks(self) -> None:
        """A killed fetch leaves lock files; the caller holds this repository's lock."""
        for lock in (*self._cache.glob("*.lock"), *self._cache.glob("refs/**/*.lock")):
            lock.unlink(missing_ok=True)

    def _remote(self, *arguments: str, cwd: Path | None = None) -> str:
        environment = {
            "GIT_CONFIG_COUNT": "3",
            "GIT_CONFIG_KEY_0": "credential.helper",
            "GIT_CONFIG_VALUE_0": "",
            "GIT_CONFIG_KEY_1": "credential.helper",
            # Reads the token from this process's own environment; nothing is written anywhere.
            "GIT_CONFIG_VALUE_1": '!f() { test "$1" = get && printf '
            "'username=x-access-token\\npassword=%s\\n' \"$AUTOSYNC_GIT_TOKEN\"; }; f",
            "GIT_CONFIG_KEY_2": "fetch.writeCommitGraph",
            "GIT_CONFIG_VALUE_2": "false",
        }
        if not self._url.startswith("file:"):
            environment["AUTOSYNC_GIT_TOKEN"] = self._token()
        where = cwd or (self._cache if (self._cache / "HEAD").exists() else None)
        return self._run(["git", *arguments], cwd=where, extra=environment)

    def _local(self, *arguments: str, stdin: str | None = None) -> str:
        return self._run(["git", *arguments], cwd=self._cache, stdin=stdin)

    def _run(
        self,
        command: list[str],
        *,
        cwd: Path | None,
        extra: dict[str, str] | None = None,
        stdin: str | None = None,
    ) -> str:
        try:
            done = subprocess.run(
                command,
                cwd=cwd,
                env=_environment(extra),
                input=None if stdin is None else stdin.encode(),
                stdin=subprocess.DEVNULL if stdin is None else None,
                capture_output=True,
                timeout=NETWORK_TIMEOUT_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Unavailable("git took too long", url=self._url) from None
        except FileNotFoundError:
            raise GitFailed("The program git is not installed", url=self._url) from None
        if done.returncode:
            self._raise(done.stderr.decode(errors="replace"))
        return done.stdout.decode(errors="replace")

    def _raise(self, stderr: str) -> None:
        words = " ".join(re.sub(r"//[^/@\s]*@", "//", stderr).split())[:500]
        if _LOST_ACCESS.search(words):
            raise NotFound(f"git was refused: {words}", url=self._url)
        if _NETWORK.search(words):
            raise Unavailable(f"git could not reach GitHub: {words}", url=self._url)
        raise GitFailed(f"git failed: {words}", url=self._url)

    @contextlib.contextmanager
    def _stream(self, stdin: str, *arguments: str) -> Iterator[IO[bytes]]:
        """A local git command's output as it comes; its input is small enough for a thread-free
        hand-over through a temporary file."""
        with tempfile.TemporaryFile() as revisions, tempfile.TemporaryFile() as errors:
            revisions.write(stdin.encode())
            revisions.seek(0)
            process = subprocess.Popen(
                ["git", *arguments],
                cwd=self._cache,
                env=_environment(None),
                stdin=revisions,
                stdout=subprocess.PIPE,
                stderr=errors,
            )
            assert process.stdout is not None
            finished = False
            try:
                yield process.stdout
                finished = True
            finally:
                process.stdout.close()
                if not finished:
                    process.kill()
                code = process.wait()
            if code > 0:
                errors.seek(0)
                self._raise(errors.read().decode(errors="replace"))


def _environment(extra: dict[str, str] | None) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("GIT_") or "SSL" in k}
    return kept | {
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "LC_ALL": "C",
        **(extra or {}),
    }


def _records(stream: IO[bytes]) -> Iterator[list[str]]:
    """Nine NUL-separated fields a commit, commits NUL-separated too (`-z`)."""
    pending = b""
    fields: list[str] = []
    while block := stream.read(1 << 20):
        *whole, pending = (pending + block).split(b"\0")
        for part in whole:
            fields.append(part.decode("utf-8", "replace"))
            if len(fields) == 9:
                yield fields
                fields = []
    fields.append(pending.decode("utf-8", "replace"))
    if len(fields) == 9:
        yield fields


def _parse(fields: list[str]) -> GitCommit:
    sha, parents, *who, message = fields
    author_name, author_email, authored, committer_name, committer_email, committed = who
    return GitCommit(
        sha=sha.strip(),
        parents=tuple(parents.split()),
        author_name=author_name,
        author_email=author_email,
        authored_at=_moment(authored),
        committer_name=committer_name,
        committer_email=committer_email,
        committed_at=_moment(committed),
        message=message.rstrip("\n"),
    )


def _moment(raw: str) -> datetime:
    """git's `seconds ±hhmm`. Beyond the years 1–9999 the date is clamped; an impossible offset
    (more than 24 h) is taken as UTC. The moment itself is what counts and is kept."""
    seconds_text, _, offset_text = raw.partition(" ")
    try:
        moment = datetime.fromtimestamp(0, UTC) + timedelta(seconds=int(seconds_text))
    except (ValueError, OverflowError):
        moment = _EARLIEST if seconds_text.startswith("-") else _LATEST
    moment = min(max(moment, _EARLIEST), _LATEST)
    with contextlib.suppress(ValueError, OverflowError):
        sign = -1 if offset_text.startswith("-") else 1
        hours, minutes = int(offset_text[1:3]), int(offset_text[3:5])
        return moment.astimezone(timezone(sign * timedelta(hours=hours, minutes=minutes)))
    return moment
