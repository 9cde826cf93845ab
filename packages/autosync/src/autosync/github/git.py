"""Commits and refs through git itself: one exchange, no API quota.

What commits changed is in trees and blobs, which are fetched only of repositories where that is
affordable.
"""

from __future__ import annotations

import random
import re
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from autosync import moments
from autosync.github import git_process
from autosync.github.addresses import check_home
from autosync.github.errors import Forbidden, ForeignURL, GitFailed, Unauthorized, Unavailable
from autosync.github.git_changes import OPTIONS, CommitChanges, changes
from autosync.github.git_objects import ObjectReader
from autosync.github.git_pulls import PullReader
from autosync.github.transport import fresh_pause
from autosync.killpoints import reached

LIST_TIMEOUT = 120.0
FETCH_TIMEOUT = 3600.0
LOCAL_TIMEOUT = 600.0
TRIES = 3
# A connection that says nothing for this long is given up; one that makes progress goes on. GitHub
# says something every five seconds (git's uploadpack.keepAlive).
SILENCE = 30.0
_FILTER = "tree:0"
_PARTIAL = (("remote.origin.promisor", "true"), ("remote.origin.partialCloneFilter", _FILTER))
_REFSPECS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
# The heads of pull requests, also of closed ones and of forks' branches that are gone:
# https://docs.github.com/pull-requests/collaborating-with-pull-requests/reviewing-changes-in-pull-requests/checking-out-pull-requests-locally
_PULLS = "+refs/pull/*/head:refs/pull/*/head"
_FORMAT = "%H%x00%P%x00%an%x00%ae%x00%ad%x00%cn%x00%ce%x00%cd%x00%B"
_FIELDS = 9
_LEFT_OUT = "autosync-left-out"
_WHOLE = "autosync-whole"  # a cache with this file in it was cloned with trees and blobs
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_UNFETCHED = re.compile(r"(?:bad revision '|could not fetch )([0-9a-f]{40,64})")
# How `git_process.run` writes a byte that is not UTF-8. A ref's name holds no backslash (git help
# check-ref-format), so the bytes can be told from the text again.
_ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")


@dataclass(frozen=True, slots=True)
class GitCommit:
    """One commit as git has it; text is UTF-8 with replacement characters where it was not.

    Dates are as `autosync.moments` reads them, in the offset the person had.
    """

    sha: str
    parents: tuple[str, ...]
    author_name: str
    author_email: str
    authored_at: datetime
    committer_name: str
    committer_email: str
    committed_at: datetime
    message: str


class GitReader(PullReader, ObjectReader):
    """One repository's git: a bare clone in the folder `cache_dir`, which holds commits and tags
    alone (`tree:0`), or everything if it is to be `whole`, the heads of pull requests too. One that
    is whole stays so.

    `token_provider` gives an installation token; it reaches git through the environment only,
    never through arguments or a file. `token_refused` hears of a token that was not accepted
    (`InstallationClient.refuse_token`), and the next try asks for another one; `token_too_fresh`
    says whether the same one is to be tried again (`InstallationClient.may_be_too_fresh`). Threads
    and processes may share one cache. A connection that is silent for `silence` seconds is given
    up. Errors are those of `autosync.github.errors`.

    `clone_url` is trusted: it comes from `addresses.clone_address`, never from GitHub. With `home`
    (the configured host) any other address raises ForeignURL before a token is asked for.

    Names of refs are text. A byte that is not UTF-8 is written `\\xNN`: refs that differ in such
    bytes alone stay apart.
    """

    def __init__(
        self,
        cache_dir: Path,
        clone_url: str,
        token_provider: Callable[[], str],
        token_refused: Callable[[str], None] | None = None,
        token_too_fresh: Callable[[str, int], bool] = lambda *_: False,
        home: str | None = None,
        silence: float = SILENCE,
        whole: bool = False,
    ) -> None:
        if home is not None:
            check_home(clone_url, home)
        if urlsplit(clone_url).scheme not in ("https", "http", "file"):
            raise ForeignURL("git reads from http(s) addresses", url=clone_url[:500])
        self._cache = cache_dir
        self._url = clone_url
        self._token_provider = token_provider
        self._token_refused = token_refused
        self._token_too_fresh = token_too_fresh
        self._whole = whole
        self._silence = ("http.lowSpeedTime", str(max(1, round(silence))))
        self._suspect = cache_dir.with_name(cache_dir.name + ".suspect")

    def ls_remote(self) -> dict[str, str]:
        """Every branch and tag with its commit (annotated tags peeled); one exchange, no quota.

        Empty for an empty repository. Tags known by the last `sync` to name no commit are left
        out, as in `refs`.
        """
        tips, commits = self._advertised()
        here = self._local_refs() | {n: (s, None) for n, s in self._left_out(self._cache).items()}
        return {n: s for n, s in commits.items() if here.get(n) != (tips[n], None)}

    def sync(self) -> None:
        """Clone at first, fetch what is new later; refs gone there are gone here.

        A cache that git finds broken is thrown away and cloned anew: it holds nothing that
        GitHub does not.
        """
        lock = self._cache.with_name(self._cache.name + ".lock")
        with git_process.locked(lock, FETCH_TIMEOUT, self._url) as holding:
            fits = self.is_whole() or not self._whole
            if self._suspect.exists() or not (fits and (self._cache / "HEAD").exists()):
                self._renew(holding)
                return
            self._sweep()
            try:
                self._fetch(self._cache, holding)
            except GitFailed as error:
                if git_process.NO_SPACE.search(error.what):
                    raise
                self._renew(holding)

    def forget(self) -> None:
        """Throw the cache away: what was fetched is not this repository's."""
        lock = self._cache.with_name(self._cache.name + ".lock")
        with git_process.locked(lock, FETCH_TIMEOUT, self._url):
            shutil.rmtree(self._cache, ignore_errors=True)
            self._suspect.unlink(missing_ok=True)

    def refs(self) -> dict[str, str]:
        """Branches and tags as of the last `sync`, tags peeled to their commits.

        Tags of a tree or blob name no commit and are left out.
        """
        return {name: commit for name, (_, commit) in self._local_refs().items() if commit}

    def is_whole(self) -> bool:
        """Whether the cache is here with trees and blobs: what commits changed can be read."""
        return (self._cache / _WHOLE).exists()

    def changes(self, shas: Sequence[str]) -> Iterator[CommitChanges]:
        """What each of these commits, which the cache must hold, changed, in the order given.

        A merge is compared with its first parent, as GitHub does:
        https://docs.github.com/rest/commits/commits#get-a-commit. Of a cache that is not whole
        nothing can be said (GitFailed).
        """
        if not shas:
            return
        if not self.is_whole():
            raise GitFailed("The git cache holds no trees", url=self._url)
        with self._stream(shas, "log", *OPTIONS) as output:
            yield from changes(output)

    def known(self, shas: Sequence[str]) -> list[str]:
        """Those of `shas` that the cache holds."""
        kinds = self._kinds(shas) if shas else {}
        return [sha for sha in shas if sha in kinds]

    def commits(self, new: Sequence[str], known: Sequence[str] = ()) -> Iterator[GitCommit]:
        """Commits reachable from `new` and not from `known`, newest first, as a stream.

        Unknown SHAs in `known` are skipped: what they reached is given again. An unknown SHA in
        `new` raises GitFailed, for the answer would be silently short.
        """
        if not new:
            return
        kinds = self._kinds([*new, *known])
        absent = [sha for sha in new if sha not in kinds]
        if absent:
            raise GitFailed(f"The git cache does not hold {', '.join(absent[:3])}", url=self._url)
        revisions = [*new, *(f"^{sha}" for sha in known if sha in kinds)]
        # Without --no-mailmap git looks for HEAD:.mailmap, and so for a tree.
        options = ("--no-mailmap", "--no-show-signature", "--no-notes", "--date=raw")
        with self._stream(revisions, "log", "-z", *options, f"--format={_FORMAT}") as output:
            for record in _records(output):
                yield _parse(record)

    def commits_alone(self, shas: Sequence[str]) -> Iterator[GitCommit]:
        """These commits, which the cache must hold, in the order given."""
        if shas:
            options = ("--no-walk=unsorted", "--no-mailmap", "--no-show-signature", "--no-notes")
            form = ("--date=raw", f"--format={_FORMAT}")
            with self._stream(shas, "log", "-z", *options, *form) as output:
                for record in _records(output):
                    yield _parse(record)

    def ancestors(self, sha: str) -> Iterator[str]:
        """SHAs of `sha` and everything it reaches, newest first; nothing for an unknown SHA."""
        if sha not in self._kinds([sha]):
            return
        with self._stream([sha], "rev-list") as output:
            for line in output:
                yield line.decode("ascii").rstrip()

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether `newer` reaches `older`: the move was a fast-forward. False for unknown SHAs."""
        if len({older, newer} & self._kinds([older, newer]).keys()) < len({older, newer}):
            return False
        with self._stream([older, f"^{newer}"], "rev-list", "--max-count=1") as output:
            return not output.read()

    def _kinds(self, shas: Sequence[str]) -> dict[str, str]:
        """The type of each object that is here."""
        asked = [sha for sha in shas if _SHA.fullmatch(sha)]
        if not asked or not self._cache.exists():
            return {}
        output = self._local("cat-file", "--batch-check=%(objectname) %(objecttype)", given=asked)
        pairs = (line.split(" ", 1) for line in git_process.lines(output))
        return {sha: kind for sha, kind in pairs if kind != "missing"}

    def _local_refs(self) -> dict[str, tuple[str, str | None]]:
        """Every ref with what it names and the commit behind that (None: a tag of no commit)."""
        if not (self._cache / "HEAD").exists():
            return {}
        form = "--format=%(objectname) %(objecttype) %(refname)"
        output = self._local("for-each-ref", form, "refs/heads", "refs/tags")
        refs: dict[str, tuple[str, str | None]] = {}
        tags: list[str] = []
        for line in git_process.lines(output):
            sha, kind, name = line.split(" ", 2)
            refs[name] = (sha, sha if kind == "commit" else None)
            if kind == "tag":
                tags.append(name)
        if tags:
            peeled = self._local(
                "cat-file", "--batch-check", given=[f"{refs[name][0]}^{{commit}}" for name in tags]
            )
            for name, line in zip(tags, git_process.lines(peeled), strict=True):
                commit = None if line.endswith(" missing") else line.partition(" ")[0]
                refs[name] = (refs[name][0], commit)
        return refs

    def _renew(self, holding: int) -> None:
        """Clone into a folder beside the cache, put in place when whole."""
        fresh = self._cache.with_name(self._cache.name + ".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        try:
            self._run("init", "--quiet", "--bare", "--template=", cwd=fresh)
            if self._whole:
                (fresh / _WHOLE).touch()
            reached("git: repository made, nothing fetched")
            self._fetch(fresh, holding)
            reached("git: cloned, not in place")
            shutil.rmtree(self._cache, ignore_errors=True)
            fresh.rename(self._cache)
            self._suspect.unlink(missing_ok=True)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def _fetch(self, repository: Path, holding: int) -> None:
        """Fetch branches and tags, without trees unless the clone has them."""
        left_out = self._left_out(repository)
        if left_out:
            tips, _ = self._advertised()
            left_out = {name: sha for name, sha in left_out.items() if tips.get(name) == sha}
        while True:
            try:
                self._remotely(partial(self._fetch_once, repository, holding, left_out))
                return
            except GitFailed as error:
                # A tag of a tree: `tree:0` leaves out what the tag names, and git refuses the
                # whole fetch for it. Such a tag has no commit, so the tag is left out instead.
                found = _UNFETCHED.search(error.what)
                tips, peeled = self._advertised() if found else ({}, {})
                more = [n for n in tips if found and found[1] in (tips[n], peeled[n])]
                if not set(more) - left_out.keys():
                    raise
                left_out |= {name: tips[name] for name in more}
                lines = (f"{sha} {name}\n" for name, sha in left_out.items())
                (repository / _LEFT_OUT).write_text("".join(lines), encoding="utf-8")

    def _left_out(self, repository: Path) -> dict[str, str]:
        """Tags that a fetch without trees cannot bring, by name."""
        try:
            lines = git_process.lines((repository / _LEFT_OUT).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        return {name: sha for sha, name in (line.split(" ", 1) for line in lines)}

    def _fetch_once(
        self,
        repository: Path,
        holding: int,
        left_out: Iterable[str],
        token: git_process.Settings,
    ) -> str:
        """One `git fetch`.

        That the remote promises the missing trees is said for the fetch only, in the
        environment: a later reader sees a plain repository and has nobody to ask for a tree
        (GIT_NO_LAZY_FETCH only exists from git 2.45 on).
        """
        whole = (repository / _WHOLE).exists()
        remote: list[tuple[str, str | bytes]] = [
            ("remote.origin.url", self._url),
            *(_PARTIAL if not whole else ()),
            *(("remote.origin.fetch", spec) for spec in (*_REFSPECS, *([_PULLS] * whole))),
            *(("remote.origin.fetch", b"^" + _raw(name)) for name in left_out),
        ]
        without = () if whole else (f"--filter={_FILTER}",)
        return git_process.run(
            *("fetch", "--quiet", "--prune", "--no-tags", *without, "--", "origin"),
            cwd=repository,
            settings=[*remote, *token],
            timeout=FETCH_TIMEOUT,
            about=self._url,
            holding=holding,
        )

    def _bring(self, shas: Sequence[str]) -> None:
        """Fetch commits by name. GitFailed names one that the remote does not give."""
        lock = self._cache.with_name(self._cache.name + ".lock")
        with git_process.locked(lock, FETCH_TIMEOUT, self._url) as holding:

            def fetch(token: git_process.Settings) -> str:
                return git_process.run(
                    *("fetch", "--quiet", "--no-tags", "--", "origin", *shas),
                    cwd=self._cache,
                    settings=[("remote.origin.url", self._url), *token],
                    timeout=FETCH_TIMEOUT,
                    about=self._url,
                    holding=holding,
                )

            self._remotely(fetch)

    def _advertised(self) -> tuple[dict[str, str], dict[str, str]]:
        """What the remote's refs name, and the same seen through tags."""
        tips: dict[str, str] = {}
        peeled: dict[str, str] = {}
        for line in git_process.lines(self._remotely(self._list)):
            sha, _, name = line.partition("\t")
            if not name.endswith("^{}"):
                tips[name] = sha
            # `refs/tags/v1^{}` follows `refs/tags/v1` and is what the tag object is of.
            peeled[name.removesuffix("^{}")] = sha
        return tips, peeled

    def _list(self, token: git_process.Settings) -> str:
        return git_process.run(
            *("ls-remote", "--heads", "--tags", "--", self._url),
            cwd=Path("/"),  # outside any repository, whose settings would count
            settings=token,
            timeout=LIST_TIMEOUT,
            about=self._url,
        )

    def _sweep(self) -> None:
        """Remove what a killed fetch left behind; we hold the lock, so nobody else needs it."""
        for pattern in ("*.lock", "refs/**/*.lock", "objects/**/*.lock", "objects/pack/tmp_*"):
            for leftover in self._cache.glob(pattern):
                leftover.unlink(missing_ok=True)

    def _remotely(self, work: Callable[[git_process.Settings], str]) -> str:
        """Talk to GitHub: up to three tries over network trouble, one more token when refused, the
        same one for some seconds if it was just made.
        """
        failures, waits, refused = 0, 0, False
        while True:
            over_http = self._url.startswith(("http://", "https://"))
            token = self._token_provider() if over_http else ""
            try:
                given = git_process.token_settings(self._url, token) if token else ()
                return work([*given, self._silence])
            except (Unauthorized, Forbidden) as error:
                unknown = isinstance(error, Unauthorized)
                if token and self._token_too_fresh(token, 401 if unknown else 403):
                    time.sleep(fresh_pause(waits))
                    waits += 1
                elif not unknown or refused or self._token_refused is None:
                    raise
                else:
                    refused = True
                    self._token_refused(token)
            except git_process.Silent:
                raise  # each try would take as long again
            except Unavailable:
                failures += 1
                if failures >= TRIES:
                    raise
                time.sleep(2 ** (failures - 1) * random.uniform(0.5, 1.5))

    @contextmanager
    def _stream(self, revisions: Sequence[str], *arguments: str) -> Iterator[IO[bytes]]:
        given = "".join(f"{revision}\n" for revision in revisions)
        try:
            with git_process.streaming(
                *arguments, "--stdin", cwd=self._cache, stdin=given, about=self._url
            ) as output:
                yield output
        except GitFailed:
            self._suspect.touch()
            raise

    def _local(self, *arguments: str, given: Sequence[str] = ()) -> str:
        stdin = "".join(f"{line}\n" for line in given)
        try:
            return self._run(*arguments, cwd=self._cache, stdin=stdin)
        except GitFailed:
            self._suspect.touch()
            raise

    def _run(self, *arguments: str, cwd: Path, stdin: str | None = None) -> str:
        return git_process.run(
            *arguments, cwd=cwd, stdin=stdin, timeout=LOCAL_TIMEOUT, about=self._url
        )


def _records(stream: IO[bytes]) -> Iterator[list[str]]:
    """The fields of one commit after another; NUL ends each field, and cannot be inside one."""
    pending = b""
    fields: list[str] = []
    while block := stream.read(1 << 16):
        *whole, pending = (pending + block).split(b"\0")
        for part in whole:
            fields.append(part.decode("utf-8", "replace"))
            if len(fields) == _FIELDS:
                yield fields
                fields = []


def _parse(fields: list[str]) -> GitCommit:
    sha, parents, *people, message = fields
    author_name, author_email, authored, committer_name, committer_email, committed = people
    return GitCommit(
        sha=sha,
        parents=tuple(parents.split()),
        author_name=author_name,
        author_email=author_email,
        authored_at=moments.from_git(authored),
        committer_name=committer_name,
        committer_email=committer_email,
        committed_at=moments.from_git(committed),
        message=message.rstrip("\n"),
    )


def _raw(name: str) -> bytes:
    """The bytes of a ref's name."""
    return _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), name.encode())
