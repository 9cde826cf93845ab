"""Objects of a clone by their names: tag objects, and files of a commit. Memory is bounded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from autosync import moments
from autosync.github import git_process
from autosync.github.errors import GitFailed
from autosync.github.files import FOLDERS, Entry, File, Names, file_of

# A tag object of which more is not read: its message is cut off there.
_MOST_OF_TAG = 1 << 20
# A folder of which more is not read: some 30,000 names.
_MOST_OF_TREE = 1 << 20
_DEPTH = 10  # a tag of a tag of a tag
_TAGGER = re.compile(rb"(?P<name>.*?) ?<(?P<email>[^<>\n]*)> (?P<date>-?\d+ [-+]\d{4})")
# The lines at which git looks for a signature: gpg-interface.c of git, `git help gpg.format`.
_SIGNATURE = re.compile(
    rb"^-----BEGIN (?:PGP SIGNATURE|PGP MESSAGE|SIGNED MESSAGE|SSH SIGNATURE)-----", re.MULTILINE
)
_ODD = {b"dangling", b"loop", b"notdir", b"symlink"}


@dataclass(frozen=True, slots=True)
class GitTag:
    """An annotated tag: an object of its own, with the names of GitHub's `git/tags`.

    The message is without the signature that may end it.
    """

    sha: str
    tag: str
    message: str
    tagger_name: str
    tagger_email: str
    tagged_at: datetime | None
    object_sha: str
    object_type: str
    signed: bool


class ObjectReader:
    """The part of `GitReader` that reads single objects, as far as the clone has them."""

    if TYPE_CHECKING:
        _cache: Path
        _suspect: Path
        _url: str

        def _local(self, *arguments: str, given: Sequence[str] = ()) -> str: ...

    def tags(self) -> Iterator[GitTag]:
        """The tag objects that tags name, each once; those that are tagged themselves too."""
        form = "--format=%(objecttype) %(objectname)"
        lines = git_process.lines(self._local("for-each-ref", form, "refs/tags"))
        wanted = list(dict.fromkeys(one[4:] for one in lines if one.startswith("tag ")))
        seen: set[str] = set()
        for _ in range(_DEPTH):
            seen.update(wanted)
            inner: dict[str, None] = {}
            for one in self._objects([(sha, _MOST_OF_TAG) for sha in wanted]):
                if one.kind != "tag":
                    continue
                found = _tag(one.sha, one.content)
                yield found
                if found.object_type == "tag" and found.object_sha not in seen:
                    inner[found.object_sha] = None
            if not inner:
                return
            wanted = list(inner)

    def names(self, commit: str) -> Names:
        """What is in the folders of a commit in which GitHub looks for files."""
        asked = [(f"{commit}:{folder}", _MOST_OF_TREE) for folder in FOLDERS]
        width = len(commit) // 2
        return {
            folder: _entries(one.content, width) if one.kind == "tree" else []
            for folder, one in zip(FOLDERS, self._objects(asked), strict=True)
        }

    def files(self, commit: str, wanted: Mapping[str, int]) -> dict[str, File]:
        """Files of a commit, each up to so many bytes, without what is none. A link is followed
        within the commit.
        """
        sound = {path: most for path, most in wanted.items() if "\n" not in path}
        asked = [(f"{commit}:{path}", most) for path, most in sound.items()]
        return {
            path: file_of(path, one.sha, one.content, one.size)
            for path, one in zip(sound, self._objects(asked, "--follow-symlinks"), strict=True)
            if one.kind == "blob"
        }

    def _objects(self, asked: Sequence[tuple[str, int]], *options: str) -> Iterator[_Object]:
        """The objects of these names, each up to so many bytes."""
        if not asked:
            return
        given = "".join(f"{name}\n" for name, _ in asked)
        try:
            with git_process.streaming(
                "cat-file", "--batch", *options, cwd=self._cache, stdin=given, about=self._url
            ) as output:
                for _, most in asked:
                    yield _one(output, most)
        except GitFailed:
            self._suspect.touch()
            raise


class _Object(NamedTuple):
    """An object, or what is not here: that has no kind. `size` is of the whole."""

    kind: str = ""
    sha: str = ""
    content: bytes = b""
    size: int = 0


def _one(output: IO[bytes], most: int) -> _Object:
    """The next object in the output of `cat-file --batch`."""
    head = output.readline().rstrip(b"\n")
    first, _, rest = head.partition(b" ")
    if first in _ODD and rest.isdigit():  # a link that leads nowhere in this commit, and to where
        _skip(output, int(rest) + 1)
        return _Object()
    words = head.rsplit(b" ", 2)
    if len(words) != 3 or not words[2].isdigit():  # `… missing`, `… ambiguous`
        return _Object()
    sha, kind, size = words[0].decode("ascii"), words[1].decode("ascii"), int(words[2])
    content = output.read(min(size, most))
    _skip(output, size - len(content) + 1)
    return _Object(kind, sha, content, size)


def _skip(output: IO[bytes], count: int) -> None:
    while count > 0:
        block = output.read(min(count, 1 << 16))
        if not block:
            return
        count -= len(block)


def _tag(sha: str, content: bytes) -> GitTag:
    """A tag object as git writes it; one without a tagger is from before git had any."""
    head, _, message = content.partition(b"\n\n")
    fields = dict(line.split(b" ", 1) for line in head.split(b"\n") if b" " in line)
    by = _TAGGER.fullmatch(fields.get(b"tagger", b""))
    signatures = list(_SIGNATURE.finditer(message))
    if signatures:  # git takes the last for the beginning of the signature
        message = message[: signatures[-1].start()]
    return GitTag(
        sha=sha,
        tag=_text(fields.get(b"tag", b"")),
        message=_text(message).rstrip("\n"),
        tagger_name=_text(by["name"]) if by else "",
        tagger_email=_text(by["email"]) if by else "",
        tagged_at=moments.from_git(by["date"].decode("ascii")) if by else None,
        object_sha=fields.get(b"object", b"").decode("ascii", "replace")[:64],
        object_type=fields.get(b"type", b"").decode("ascii", "replace")[:16],
        signed=bool(signatures),
    )


def _entries(tree: bytes, width: int) -> list[Entry]:
    """The entries of a tree object, whose names of objects have `width` bytes."""
    found: list[Entry] = []
    place = 0
    while (end := tree.find(b"\0", place)) >= 0 and end + width < len(tree) + 1:
        mode, _, name = tree[place:end].partition(b" ")
        sha = tree[end + 1 : end + 1 + width].hex()
        found.append(Entry(name.decode("utf-8", "backslashreplace"), int(mode, 8), sha))
        place = end + 1 + width
    return found


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
