"""What pull requests bring: the commits `base..head` and the files `base...head`, as git says it.

The files are those of the three-dot diff, from the merge base to the head:
https://docs.github.com/pull-requests/collaborating-with-pull-requests/proposing-changes-to-your-work-with-pull-requests/about-comparing-branches-in-pull-requests
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING

from autosync.github import git_process
from autosync.github.errors import GitFailed
from autosync.github.git_changes import DIFF, CommitChanges, FileChange, changes

if TYPE_CHECKING:
    from autosync.github.git import GitCommit

# GitHub's REST shows 250 commits and 3,000 files of a pull request; more than this is not stored.
MOST_COMMITS = 10_000
MOST_FILES = 10_000
# So many commits in a row are followed for many pull requests together.
_STEPS = 8
_REFUSED = re.compile(r"not our ref ([0-9a-f]{40,64})")
_REFUSALS = 20


@dataclass(frozen=True, slots=True)
class PullRange:
    """What one pull request asks for; `key` is the caller's."""

    key: int
    base: str
    head: str


@dataclass(frozen=True, slots=True)
class PullChanges:
    """What one brings: commits oldest first, files in git's order, up to MOST_COMMITS and
    MOST_FILES. `unknown` says why neither is known; empty if they are.
    """

    asked: PullRange
    commits: tuple[str, ...] = ()
    files: tuple[FileChange, ...] = ()
    unknown: str = ""


class PullReader:
    """The part of `GitReader` that reads pull requests. Its clone must be whole."""

    if TYPE_CHECKING:

        def _local(self, *arguments: str, given: Sequence[str] = ()) -> str: ...
        def _stream(
            self, revisions: Sequence[str], *arguments: str
        ) -> AbstractContextManager[IO[bytes]]: ...
        def _kinds(self, shas: Sequence[str]) -> dict[str, str]: ...
        def _bring(self, shas: Sequence[str]) -> None: ...
        def commits_alone(self, shas: Sequence[str]) -> Iterator[GitCommit]: ...

    def pulls(self, asked: Sequence[PullRange]) -> list[PullChanges]:
        """What each brings, in the order given. A handful of processes for all of them, and one
        for each that contains merges or more than a few commits.
        """
        here = self._kinds([sha for one in asked for sha in (one.base, one.head)])
        known = [one for one in asked if here.get(one.base) == here.get(one.head) == "commit"]
        found: dict[int, PullChanges] = {}
        for one in asked:
            lost = [name for name, sha in (("base", one.base), ("head", one.head))
                    if here.get(sha) != "commit"]  # fmt: skip
            why = f"The commit at its {' and at its '.join(lost)} is not in git." if lost else ""
            found[one.key] = PullChanges(one, unknown=why)
        bases = self._merge_bases(known)
        lists = self._lists(known, bases)
        for one in known:
            found[one.key] = replace(found[one.key], commits=lists[one.key])
        # Without a merge base there is no diff, as in git.
        compared = [one for one in known if bases[one.key]]
        pairs = [(bases[one.key][0], one.head) for one in compared]
        for one, change in zip(compared, self.differences(pairs), strict=True):
            found[one.key] = replace(found[one.key], files=change.files)
        return [found[one.key] for one in asked]

    def differences(self, pairs: Sequence[tuple[str, str]]) -> Iterator[CommitChanges]:
        """The files that differ between each (older, newer) commit; one process."""
        if pairs:
            # A commit with parents after it is compared with those instead of its own.
            lines = [f"{newer} {older}" for older, newer in pairs]
            with self._stream(lines, "diff-tree", "--always", "-r", *DIFF) as output:
                yield from changes(output, MOST_FILES)

    def bring(self, shas: Sequence[str]) -> None:
        """Fetch commits that no ref reaches any more, as far as the remote still gives them."""
        wanted = dict.fromkeys(shas)
        for _ in range(_REFUSALS):
            try:
                return self._bring(list(wanted)) if wanted else None
            except GitFailed as error:
                refused = _REFUSED.search(error.what)
                if refused is None or refused[1] not in wanted:
                    raise
                del wanted[refused[1]]
        return None

    def _merge_bases(self, asked: Sequence[PullRange]) -> dict[int, list[str]]:
        """The merge bases of each, the one first that git compares with."""
        found: dict[int, list[str]] = {one.key: [] for one in asked}
        if not asked:
            return found
        ranges = [f"{one.base}...{one.head}" for one in asked]
        lines = iter(git_process.lines(self._local("rev-parse", "--revs-only", *ranges)))
        # Of each the head, the base, and then every merge base with a caret.
        place = -1
        plain = 0
        for line in lines:
            if line.startswith("^"):
                found[asked[place].key].append(line[1:])
            else:
                plain += 1
                place += plain % 2
        return found

    def _lists(
        self, asked: Sequence[PullRange], bases: Mapping[int, list[str]]
    ) -> dict[int, tuple[str, ...]]:
        """The commits of each, oldest first. Where they are a line that ends at the one merge base
        they are followed step by step, for all together; else git lists them.
        """
        found: dict[int, list[str]] = {one.key: [] for one in asked}
        at = {one.key: one.head for one in asked if len(bases[one.key]) == 1}
        done: dict[int, tuple[str, ...]] = {}
        for _ in range(_STEPS):
            for key in [key for key, sha in at.items() if sha == bases[key][0]]:
                done[key] = tuple(reversed(found[key]))
                del at[key]
            if not at:
                break
            parents = self._parents(sorted(set(at.values())))
            for key, sha in list(at.items()):
                found[key].append(sha)
                if len(parents[sha]) == 1:
                    at[key] = parents[sha][0]
                else:
                    del at[key]
        return {one.key: done[one.key] if one.key in done else self._listed(one) for one in asked}

    def _listed(self, one: PullRange) -> tuple[str, ...]:
        options = (f"--max-count={MOST_COMMITS}", "--topo-order")
        with self._stream([one.head, f"^{one.base}"], "rev-list", *options) as output:
            shas = [line.decode("ascii").rstrip() for line in output]
        return tuple(reversed(shas))

    def _parents(self, shas: Sequence[str]) -> dict[str, list[str]]:
        with self._stream(shas, "rev-list", "--no-walk=unsorted", "--parents") as output:
            lines = [line.decode("ascii").split() for line in output]
        return {sha: parents for sha, *parents in lines}
