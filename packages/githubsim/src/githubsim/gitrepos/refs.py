"""Branches and tags, read from git's files: no process for the most frequent question."""

import os
from collections.abc import Mapping
from pathlib import Path

from githubsim.gitrepos.process import Process
from githubsim.store.rows import ZERO_SHA


class Refs(Process):
    """The part that finds and moves refs."""

    def __init__(self, root: Path, *, pack_threads: int | None = None) -> None:
        super().__init__(root, pack_threads=pack_threads)
        self._packed: dict[int, tuple[tuple[int, int], dict[str, str]]] = {}

    def refs(self, repository_id: int) -> dict[str, str]:
        """All refs under refs/heads and refs/tags with their (unpeeled) shas, by name."""
        path = self.path(repository_id)
        found = dict(self._packed_refs(repository_id))
        for kind in ("heads", "tags"):
            top = path / "refs" / kind
            for folder, _, files in os.walk(top):
                for file in files:
                    if file.endswith(".lock"):
                        continue
                    full = Path(folder) / file
                    try:
                        found[str(full.relative_to(path))] = full.read_text().strip()
                    except FileNotFoundError:
                        # Deleted or packed in this moment: packed-refs is read again below.
                        return self.refs(repository_id)
        return dict(sorted(found.items()))

    def ref(self, repository_id: int, name: str) -> str | None:
        """The sha a full ref name points at, or None."""
        try:
            text = (self.path(repository_id) / name).read_text().strip()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return self._packed_refs(repository_id).get(name)
        return text

    def branches(self, repository_id: int) -> dict[str, str]:
        """Heads by branch name."""
        return {
            name.removeprefix("refs/heads/"): sha
            for name, sha in self.refs(repository_id).items()
            if name.startswith("refs/heads/")
        }

    def default_branch(self, repository_id: int) -> str:
        """The branch HEAD points at, whether it exists or not."""
        text = (self.path(repository_id) / "HEAD").read_text().strip()
        return text.removeprefix("ref: refs/heads/")

    def resolve(self, repository_id: int, name: str) -> str | None:
        """The commit that a branch, tag, ref or (short) sha names, or None."""
        for prefix in ("refs/heads/", "refs/tags/", "refs/", ""):
            found = None if name.startswith("-") else self.ref(repository_id, prefix + name)
            if found is not None and prefix != "refs/tags/" and len(found) == 40:
                return found
        if name.startswith("-") or any(mark in name for mark in (":", "..", "@{", "^", "~")):
            return None
        said = self.try_run(
            ["rev-parse", "-q", "--verify", f"{name}^{{commit}}"], self.path(repository_id)
        )
        return said.strip() or None

    def peel(self, repository_id: int, sha: str) -> str:
        """The commit a tag object points at; a commit is itself."""
        said = self.try_run(["rev-parse", f"{sha}^{{commit}}"], self.path(repository_id)).strip()
        return said or sha

    def update_ref(self, repository_id: int, ref: str, new: str, old: str | None = None) -> None:
        """Create, move or (with ZERO_SHA) delete a ref; GitError if it is not at `old`."""
        args = ["update-ref", "-d", ref] if new == ZERO_SHA else ["update-ref", ref, new]
        self._run([*args, *([old] if old is not None else [])], self.path(repository_id))

    def set_default_branch(self, repository_id: int, branch: str) -> None:
        """Point HEAD at a branch, existing or not."""
        self._run(["symbolic-ref", "HEAD", f"refs/heads/{branch}"], self.path(repository_id))

    def first_refs(self, repository_id: int, refs: Mapping[str, str]) -> None:
        """Add refs to commits in a repository whose refs were never packed (`tidy` packs them)."""
        # As one file: 20,000 refs as a file each take longer to make than their commits.
        lines = [f"{sha} {ref}\n" for ref, sha in sorted(refs.items())]
        path = self.path(repository_id) / "packed-refs"
        with path.open("x", encoding="utf-8", errors="surrogateescape") as file:
            file.writelines(["# pack-refs with: peeled fully-peeled sorted \n", *lines])

    def pull_head(self, repository_id: int, number: int, sha: str) -> None:
        """Point a pull request's own ref at its head. GitHub keeps it when the pull request is
        closed and when its branch, or the fork it came from, is gone:
        https://docs.github.com/pull-requests/collaborating-with-pull-requests/reviewing-changes-in-pull-requests/checking-out-pull-requests-locally
        """
        self.update_ref(repository_id, f"refs/pull/{number}/head", sha)

    def pull_heads(self, repository_id: int, heads: Mapping[int, str]) -> None:
        """The same for many, of a world that is being made."""
        lines = "".join(f"update refs/pull/{number}/head {sha}\n" for number, sha in heads.items())
        path = self.path(repository_id)
        self._run(["update-ref", "--stdin"], path, data=lines.encode())
        self._run(["pack-refs", "--all"], path)

    def _packed_refs(self, repository_id: int) -> dict[str, str]:
        file = self.path(repository_id) / "packed-refs"
        try:
            state = file.stat()
            stamp = (state.st_mtime_ns, state.st_size)
            known = self._packed.get(repository_id)
            if known is not None and known[0] == stamp:
                return known[1]
            # A name may hold any line separator but LF, and bytes that are no text.
            text = file.read_bytes().decode("utf-8", "surrogateescape")
        except FileNotFoundError:
            return {}
        refs = {}
        for line in text.split("\n"):
            if line and not line.startswith(("#", "^")):
                sha, _, name = line.partition(" ")
                if name.startswith(("refs/heads/", "refs/tags/")):
                    refs[name] = sha
        self._packed[repository_id] = (stamp, refs)
        return refs
