"""Commits, one by one and in pages, and who made them."""

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from githubsim.gitrepos.process import Process
from githubsim.histories import Histories

_FORMAT = "%x00".join(
    ("%H", "%T", "%P", "%an", "%ae", "%aI", "%at", "%cn", "%ce", "%cI", "%ct", "%B")
)
_FIELDS = 12
_REMEMBERED_COUNTS = 10_000
# From this place in a history on, pages are cut from the remembered list of its shas.
_DEEP = 300
_SHA = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit. `*_date` is ISO 8601 with its own zone, `*_at` epoch seconds."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author_name: str
    author_email: str
    author_date: str
    author_at: int
    committer_name: str
    committer_email: str
    committer_date: str
    committer_at: int
    message: str


class History(Process):
    """The part that reads what commits say, and which are reachable from which."""

    def __init__(self, root: Path, *, pack_threads: int | None = None) -> None:
        super().__init__(root, pack_threads=pack_threads)
        self._counts: OrderedDict[tuple[int, str], int] = OrderedDict()
        self._histories = Histories(self._walk)

    def count(self, repository_id: int, sha: str) -> int:
        """How many commits are reachable from one; remembered, since history does not change."""
        key = (repository_id, sha)
        found = self._counts.get(key)
        if found is None:
            said = self._run(["rev-list", "--count", sha, "--"], self.path(repository_id))
            found = int(said)
            self._counts[key] = found
            if len(self._counts) > _REMEMBERED_COUNTS:
                self._counts.popitem(last=False)
        return found

    def count_all(self, repository_id: int) -> int:
        """How many commits are reachable from any branch or tag."""
        said = self._run(["rev-list", "--count", "--branches", "--tags"], self.path(repository_id))
        return int(said)

    def log(
        self,
        repository_id: int,
        rev: str,
        *,
        skip: int = 0,
        limit: int = 100,
        since: int | None = None,
        until: int | None = None,
        author: Sequence[str] = (),
        path: str | None = None,
        exclude: Sequence[str] = (),
    ) -> list[Commit]:
        """Commits reachable from `rev`, newest first, one page."""
        filters = [*_log_filter(since, until, author), *exclude, *([path] if path else [])]
        if skip >= _DEEP and not filters and _SHA.fullmatch(rev):
            shas = self._histories.page(repository_id, rev, skip, limit)
            return (
                self._commits(
                    repository_id, ["--no-walk=unsorted", "--stdin"], "\n".join(shas).encode()
                )
                if shas
                else []
            )
        return self._commits(
            repository_id,
            [
                f"--skip={skip}",
                f"--max-count={limit}",
                *_log_filter(since, until, author),
                rev,
                *(f"^{one}" for one in exclude),
                "--",
                *([path] if path else []),
            ],
        )

    def count_log(
        self,
        repository_id: int,
        rev: str,
        *,
        since: int | None = None,
        until: int | None = None,
        author: Sequence[str] = (),
        path: str | None = None,
        exclude: Sequence[str] = (),
    ) -> int:
        """How many commits `log` has with these filters."""
        filters = _log_filter(since, until, author)
        if not filters and not path and not exclude:
            return self.count(repository_id, rev)
        args = ["rev-list", "--count", *filters, rev, *(f"^{one}" for one in exclude), "--"]
        return int(self._run([*args, *([path] if path else [])], self.path(repository_id)))

    def commits(self, repository_id: int, shas: Sequence[str]) -> dict[str, Commit]:
        """These commits by sha; what is no commit here is left out."""
        return self.known_commits(repository_id, self.existing(repository_id, shas) if shas else [])

    def known_commits(self, repository_id: int, shas: Sequence[str]) -> dict[str, Commit]:
        """These commits, which git has named itself, by sha."""
        if not shas:
            return {}
        found = self._commits(
            repository_id,
            ["--no-walk=unsorted", "--ignore-missing", "--stdin"],
            "\n".join(shas).encode(),
        )
        return {one.sha: one for one in found}

    def existing(self, repository_id: int, shas: Sequence[str]) -> list[str]:
        """Those of `shas` (full, 40 digits) which are commits in this repository."""
        said = self._run(
            ["cat-file", "--batch-check=%(objectname) %(objecttype)"],
            self.path(repository_id),
            data="\n".join(shas).encode() + b"\n",
        )
        return [line[:40] for line in said.decode().splitlines() if line.endswith(" commit")]

    def new_commits(
        self, repository_id: int, after: str, known: Sequence[str], limit: int
    ) -> list[str]:
        """Shas reachable from `after` and from none of `known`, oldest first, newest `limit`."""
        said = self._run(
            ["rev-list", f"--max-count={limit}", "--stdin"],
            self.path(repository_id),
            data="\n".join([after, *(f"^{sha}" for sha in known)]).encode() + b"\n",
        )
        return said.decode().split()[::-1]

    def merge_base(self, repository_id: int, one: str, other: str) -> str | None:
        """The best common ancestor, or None."""
        said = self.try_run(["merge-base", one, other], self.path(repository_id)).strip()
        return said or None

    def is_ancestor(self, repository_id: int, older: str, newer: str) -> bool:
        """Whether `newer` contains `older`."""
        done = self._call(["merge-base", "--is-ancestor", older, newer], self.path(repository_id))
        return done.returncode == 0

    def authors(self, repository_id: int, rev: str) -> list[tuple[int, str, str]]:
        """(commits, name, email) of each author, most first, merges left out."""
        said = self._run(["shortlog", "-sne", "--no-merges", rev, "--"], self.path(repository_id))
        found = []
        for line in said.decode(errors="replace").split("\n")[:-1]:
            number, _, who = line.strip().partition("\t")
            name, _, email = who.rpartition(" <")
            found.append((int(number), name, email.rstrip(">")))
        return found

    def _commits(
        self, repository_id: int, args: Sequence[str], data: bytes | None = None
    ) -> list[Commit]:
        said = self._run(
            ["log", "-z", f"--format={_FORMAT}", *args], self.path(repository_id), data=data
        )
        cells = said.decode(errors="replace").split("\0")
        found = []
        for at in range(0, len(cells) - _FIELDS + 1, _FIELDS):
            sha, tree, parents, an, ae, ai, at_, cn, ce, ci, ct, message = cells[at : at + _FIELDS]
            found.append(
                Commit(
                    sha,
                    tree,
                    tuple(parents.split()),
                    an,
                    ae,
                    ai,
                    int(at_ or 0),
                    cn,
                    ce,
                    ci,
                    int(ct or 0),
                    message.rstrip("\n"),
                )
            )
        return found

    def _walk(self, repository_id: int, head: str) -> bytes:
        return self._run(["rev-list", head, "--"], self.path(repository_id))


def _log_filter(since: int | None, until: int | None, author: Sequence[str]) -> list[str]:
    args = []
    if since is not None:
        # git cannot parse small epochs as numbers, hence the @.
        args.append(f"--since=@{since}")
    if until is not None:
        args.append(f"--until=@{until}")
    if author:
        args += ["--fixed-strings", *(f"--author={one}" for one in author)]
    return args
