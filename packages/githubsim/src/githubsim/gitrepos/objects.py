"""Objects by their names: kinds, contents and sizes."""

from collections.abc import Sequence

from githubsim.gitrepos.process import GitError, Process

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"


class Objects(Process):
    """The part that reads blobs, trees and tags."""

    def object_types(self, repository_id: int, shas: Sequence[str]) -> dict[str, str]:
        """`commit`, `tag`, `tree` or `blob` of objects, by sha."""
        if not shas:
            return {}
        said = self._run(
            ["cat-file", "--batch-check=%(objectname) %(objecttype)"],
            self.path(repository_id),
            data="\n".join(shas).encode() + b"\n",
        )
        pairs = (line.split(" ", 1) for line in said.decode().splitlines())
        return dict(pairs)

    def read(self, repository_id: int, sha: str) -> bytes:
        """The content of a blob or of a tag object."""
        found = self.batch(repository_id, sha)
        if found is None:
            raise GitError(f"no object {sha}")
        return found[2]

    def batch(
        self, repository_id: int, name: str, *, follow: bool = False
    ) -> tuple[str, str, bytes] | None:
        """Sha, kind and content of an object by any name; `follow` links to what they lead to."""
        args = ["cat-file", "--batch", *(["--follow-symlinks"] if follow else [])]
        said = self._run(args, self.path(repository_id), data=name.encode() + b"\n")
        head, _, rest = said.partition(b"\n")
        words = head.decode(errors="replace").split()
        if len(words) != 3 or not words[2].isdigit():
            return None
        return words[0], words[1], rest[: int(words[2])]

    def make_tag(self, repository_id: int, content: bytes) -> str:
        """A tag object with this content, of no ref yet; its sha."""
        args = ["hash-object", "-t", "tag", "-w", "--stdin"]
        return self._run(args, self.path(repository_id), data=content).decode().strip()

    def files(self, repository_id: int, rev: str) -> dict[str, int]:
        """Paths with their sizes in bytes at a commit."""
        said = self._run(["ls-tree", "-r", "-l", "-z", rev], self.path(repository_id))
        found = {}
        for entry in said.decode(errors="replace").split("\0"):
            about, tab, name = entry.partition("\t")
            size = about.split()[-1] if tab else "-"
            if size != "-":
                found[name] = int(size)
        return found

    def size_kb(self, repository_id: int) -> int:
        """The size of the objects in KB; not by the disk's blocks, which differ by file system."""
        objects = self.path(repository_id) / "objects"
        return sum(one.stat().st_size for one in objects.rglob("*") if one.is_file()) // 1024
