"""What commits change: lines counted, paths listed, patches as GitHub shows them."""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from pathlib import Path

from githubsim.gitrepos.difftext import (
    FileChange,
    Stats,
    changes,
    numstat_z,
    patches,
    patches_by_path,
    summed,
)
from githubsim.gitrepos.process import Process

_REMEMBERED_STATS = 200_000


class Changes(Process):
    """The part that compares trees."""

    def __init__(self, root: Path, *, pack_threads: int | None = None) -> None:
        super().__init__(root, pack_threads=pack_threads)
        self._stats: OrderedDict[str, Stats] = OrderedDict()

    def stats(self, repository_id: int, shas: Sequence[str]) -> dict[str, Stats]:
        """Additions, deletions and files of commits that exist, by sha; remembered."""
        found = {sha: self._stats[sha] for sha in shas if sha in self._stats}
        wanted = [sha for sha in shas if sha not in found]
        if not wanted:
            return found
        for sha, lines in self._logged(repository_id, wanted, "-M", "--numstat"):
            counts = [line.split("\t", 2) for line in lines if "\t" in line]
            stats = summed(counts)
            found[sha] = self._stats[sha] = stats
        while len(self._stats) > _REMEMBERED_STATS:
            self._stats.popitem(last=False)
        return found

    def changed_paths(
        self, repository_id: int, shas: Sequence[str]
    ) -> dict[str, tuple[list[str], list[str], list[str]]]:
        """Per commit the paths added, removed and modified, as a push payload lists them."""
        if not shas:
            return {}
        found = {}
        for sha, lines in self._logged(repository_id, shas, "--no-renames", "--name-status"):
            lists: tuple[list[str], list[str], list[str]] = ([], [], [])
            for line in lines:
                status, _, name = line.partition("\t")
                if name:
                    lists[{"A": 0, "D": 1}.get(status, 2)].append(name)
            found[sha] = lists
        return found

    def _logged(
        self, repository_id: int, shas: Sequence[str], *options: str
    ) -> Iterator[tuple[str, list[str]]]:
        """Each commit and what git says of it, line by line, against its first parent."""
        walk = ("log", "--no-walk=unsorted", "--stdin", "--diff-merges=first-parent", "--root")
        said = self._run(
            [*walk, *options, "--format=%x00%H"],
            self.path(repository_id),
            data="\n".join(shas).encode() + b"\n",
        )
        for block in said.decode(errors="replace").split("\0")[1:]:
            sha, *lines = block.strip("\n").split("\n")
            yield sha, lines

    def diff(self, repository_id: int, old: str, new: str) -> list[FileChange]:
        """The files that differ between two trees or commits, with their patches."""
        path = self.path(repository_id)
        flags = ["-r", "-M", "--no-color", old, new]
        raw = self._run(["diff-tree", "-z", "--raw", "--no-abbrev", *flags], path)
        numbers = self._run(["diff-tree", "-z", "--numstat", *flags], path)
        text = self._run(["diff-tree", "-p", *flags], path).decode(errors="replace")
        counts = numstat_z(numbers.decode(errors="replace"))
        return changes(raw.decode(errors="replace"), counts, patches(text))

    def difftext(self, repository_id: int, old: str, new: str) -> bytes:
        """The same as git writes it."""
        flags = ["-p", "-r", "-M", "--no-color", old, new]
        return self._run(["diff-tree", *flags], self.path(repository_id))

    def patches(self, repository_id: int, pairs: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
        """For each pair (older, newer commit) the patch of each path; {} where one is missing."""
        path = self.path(repository_id)
        wanted = "".join(f"{old}^{{tree}}\n{new}^{{tree}}\n" for old, new in pairs)
        said = self._run(["cat-file", "--batch-check=%(objectname)"], path, data=wanted.encode())
        trees = [line if len(line) == 40 else "" for line in said.decode().splitlines()]
        lines = {
            f"{old} {new}": None
            for old, new in zip(trees[::2], trees[1::2], strict=True)
            if old and new
        }
        flags = ["diff-tree", "--stdin", "-r", "-M", "-p", "--no-color"]
        data = "".join(f"{line}\n" for line in lines).encode()
        text = "\n" + self._run(flags, path, data=data).decode(errors="replace")
        found: dict[str, dict[str, str]] = {}
        starts = [(text.find(f"\n{line}\n"), line) for line in lines]
        starts = sorted(one for one in starts if one[0] >= 0)
        for place, (start, line) in enumerate(starts):
            end = starts[place + 1][0] if place + 1 < len(starts) else len(text)
            found[line] = patches_by_path(text[start + len(line) + 2 : end])
        pairs_of_trees = zip(trees[::2], trees[1::2], strict=True)
        return [found.get(f"{old} {new}", {}) for old, new in pairs_of_trees]

    def sizes(self, repository_id: int, pairs: Sequence[tuple[str, str]]) -> list[Stats]:
        """What lies between each pair of commits, (older, newer)."""
        if not pairs:
            return []
        flags = ["diff-tree", "--stdin", "--always", "-r", "-M", "--numstat", "--format=%x00"]
        data = "".join(f"{new} {old}\n" for old, new in pairs).encode()
        said = self._run(flags, self.path(repository_id), data=data).decode(errors="replace")
        blocks = [block.strip("\n").split("\n") for block in said.split("\0")[1:]]
        return [summed([line.split("\t", 2) for line in lines if line]) for lines in blocks]

    def compare(self, repository_id: int, base: str, head: str) -> Stats:
        """Stats of `base...head`, as a pull request shows them."""
        said = self._run(
            ["diff", "-M", "--numstat", f"{base}...{head}", "--"], self.path(repository_id)
        )
        lines = said.decode(errors="replace").split("\n")
        return summed([line.split("\t", 2) for line in lines if line])
