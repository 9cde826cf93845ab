"""What commits changed, file by file, as `git log` says it."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

# Renames found as GitHub finds them (half of the lines are the same).
DIFF = (
    "--raw", "--numstat", "-M", "-z", "--no-abbrev", "--no-show-signature", "--no-notes",
    "--no-color", "--no-ext-diff", "--no-textconv", "--format=%x01%H",
)  # fmt: skip
# Against the first parent.
OPTIONS = (
    *("--no-walk=unsorted", "--diff-merges=first-parent", "--root", "--no-mailmap"),
    *DIFF,
)
# git's letters as GitHub says them: the schema `diff-entry` of its REST description. T, another
# type of file (a link, say), is `changed`.
_WORDS = {"A": "added", "D": "removed", "M": "modified", "R": "renamed", "C": "copied"}
_COUNTS = re.compile(rb"(\d+|-)\t(\d+|-)\t(.*)", re.DOTALL)
_BLOCK = 1 << 16


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file. Lines are None where git takes it for binary; `previous_path` is "" unless it was
    renamed or copied. A byte of a path that is not UTF-8 is written `\\xNN`.
    """

    path: str
    previous_path: str
    status: str
    additions: int | None
    deletions: int | None


@dataclass(frozen=True, slots=True)
class CommitChanges:
    """A commit and the files it changed, in git's order."""

    sha: str
    files: tuple[FileChange, ...]

    @property
    def additions(self) -> int:
        """Lines added; binary files have none."""
        return sum(one.additions or 0 for one in self.files)

    @property
    def deletions(self) -> int:
        """Lines deleted."""
        return sum(one.deletions or 0 for one in self.files)


def changes(output: IO[bytes], most: int = sys.maxsize) -> Iterator[CommitChanges]:
    """The commits in what `git log` with OPTIONS writes: per commit its name, then each file with
    status and modes, then each file with its lines, all ended by NUL. Of more than `most` files of
    one commit the first are given.
    """
    sha = b""
    raw: list[tuple[str, str, str]] = []  # status, previous path, path
    lines: list[tuple[int | None, int | None]] = []
    tokens = _tokens(output)
    for token in tokens:
        if token.startswith(b"\x01"):
            if sha:
                yield _commit(sha, raw, lines)
            sha, raw, lines = token[1:], [], []
        elif (token := token.lstrip(b"\n")).startswith(b":"):
            letter = token.rpartition(b" ")[2]
            path = next(tokens)
            previous, path = (path, next(tokens)) if letter[:1] in b"RC" else (b"", path)
            status = _WORDS.get(letter[:1].decode(), "changed")
            if len(raw) < most:
                raw.append((status, _text(previous), _text(path)))
        elif found := _COUNTS.fullmatch(token):
            if not found[3]:  # renamed: both paths follow
                next(tokens), next(tokens)
            if len(lines) < most:
                lines.append((_number(found[1]), _number(found[2])))
    if sha:
        yield _commit(sha, raw, lines)


def _commit(
    sha: bytes, raw: list[tuple[str, str, str]], lines: list[tuple[int | None, int | None]]
) -> CommitChanges:
    files = (
        FileChange(path, previous, status, *counted)
        for (status, previous, path), counted in zip(raw, lines, strict=True)
    )
    return CommitChanges(sha.decode("ascii"), tuple(files))


def _tokens(output: IO[bytes]) -> Iterator[bytes]:
    pending = b""
    while block := output.read(_BLOCK):
        *whole, pending = (pending + block).split(b"\0")
        yield from whole
    if pending.strip():
        yield pending


def _number(counted: bytes) -> int | None:
    return None if counted == b"-" else int(counted)


def _text(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")
