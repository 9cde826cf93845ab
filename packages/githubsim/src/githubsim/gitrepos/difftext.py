"""What git's diffs say, read into rows."""

from collections.abc import Sequence
from dataclasses import dataclass

from githubsim.store.rows import ZERO_SHA


@dataclass(frozen=True, slots=True)
class Stats:
    """Lines added and deleted, and files changed, against the first parent."""

    additions: int
    deletions: int
    files: int


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file of a diff. `status` is added, removed, modified, renamed or copied."""

    path: str
    previous_path: str | None
    status: str
    additions: int
    deletions: int
    blob: str
    patch: str | None


def summed(lines: Sequence[Sequence[str]]) -> Stats:
    """The sum of numstat's lines, each cut into its cells."""
    # Binary files have "-" for both.
    additions = sum(int(line[0]) for line in lines if line[0].isdigit())
    deletions = sum(int(line[1]) for line in lines if line[1].isdigit())
    return Stats(additions, deletions, len(lines))


def numstat_z(text: str) -> list[tuple[int, int]]:
    """Counts in the order of the files; a rename has two more cells with its paths."""
    cells = text.split("\0")
    found = []
    at = 0
    while at < len(cells):
        parts = cells[at].split("\t", 2)
        if len(parts) < 3:
            at += 1
            continue
        added, deleted, name = parts
        found.append((int(added) if added != "-" else 0, int(deleted) if deleted != "-" else 0))
        at += 1 if name else 3
    return found


def patches(text: str) -> list[str | None]:
    """The hunks of each file of a diff, in order; None for a binary or empty change."""
    found: list[str | None] = []
    for block in ("\n" + text).split("\ndiff --git ")[1:]:
        _, hunk, rest = block.partition("\n@@")
        found.append(f"@@{rest}".rstrip("\n") if hunk else None)
    return found


def patches_by_path(text: str) -> dict[str, str]:
    """The hunks of each file of a diff that has some."""
    found = {}
    for block in ("\n" + text).split("\ndiff --git ")[1:]:
        head, hunk, rest = block.partition("\n@@")
        name = head.rpartition("\n+++ b/")[2]
        if hunk and name != head:
            found[name] = f"@@{rest}".rstrip("\n")
    return found


def changes(
    raw: str, counts: Sequence[tuple[int, int]], hunks: Sequence[str | None]
) -> list[FileChange]:
    """The files of `diff-tree --raw -z`, with what the other two formats say of each."""
    names = {"A": "added", "D": "removed", "M": "modified", "R": "renamed", "C": "copied"}
    cells = raw.split("\0")
    found: list[FileChange] = []
    at = 0
    while at < len(cells):
        if not cells[at].startswith(":"):
            at += 1
            continue
        _, _, old, new, status = cells[at].split(" ")
        twice = status[0] in "RC"
        previous = cells[at + 1] if twice else None
        path = cells[at + 2] if twice else cells[at + 1]
        at += 3 if twice else 2
        place = len(found)
        added, deleted = counts[place] if place < len(counts) else (0, 0)
        found.append(
            FileChange(
                path,
                previous,
                names.get(status[0], "changed"),
                added,
                deleted,
                old if new == ZERO_SHA else new,
                hunks[place] if place < len(hunks) else None,
            )
        )
    return found
