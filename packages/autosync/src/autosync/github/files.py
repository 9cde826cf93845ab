"""Files of a repository's default branch as git or GraphQL shows them: for which GitHub looks
where, and how much of one is kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

# The order in which GitHub looks for a readme, and for CODEOWNERS:
# https://docs.github.com/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-readmes
# https://docs.github.com/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners
FOLDERS: Final = (".github", "", "docs")
# More of a readme GitHub does not show either: "any content beyond 500 KiB will be truncated".
MOST_TEXT: Final = 500 << 10
# "A CODEOWNERS file over this limit will not be loaded."
MOST_OWNERS: Final = 3 * 1000 * 1000
# git takes a file for binary that has NUL in its beginning.
_BEGINNING = 8000
_FOLDER, _SUBMODULE = 0o040000, 0o160000


@dataclass(frozen=True, slots=True)
class Entry:
    """A name in a folder. Modes are git's."""

    name: str
    mode: int
    sha: str

    @property
    def is_file(self) -> bool:
        """Whether it is a file, or a link, which may lead to one."""
        return self.mode not in (_FOLDER, _SUBMODULE)


# Folder → what is in it.
Names = Mapping[str, Sequence[Entry]]


@dataclass(frozen=True, slots=True)
class File:
    """A file; `content` is None if it is binary. `sha` and `size` are of the whole."""

    path: str
    sha: str
    size: int
    content: str | None
    is_binary: bool
    is_truncated: bool


class Files(Protocol):
    """Where files of one commit are read: a clone, or GraphQL."""

    def names(self, commit: str) -> Names:
        """What is in FOLDERS."""

    def files(self, commit: str, wanted: Mapping[str, int]) -> dict[str, File]:
        """Those of these paths that are files, each up to so many bytes; a link is followed."""


def file_of(path: str, sha: str, content: bytes, size: int) -> File:
    """A file of which `content` is the beginning, or all."""
    binary = b"\0" in content[:_BEGINNING]
    short = len(content) < size
    text = content.decode("utf-8", "replace")
    if short:  # perhaps in the midst of a letter
        text = text.rstrip("\ufffd")
    return File(path, sha, size, None if binary else text, binary, short)


# The formats of github/markup, in its order; what has none is plain text.
_FORMATS = (
    r"md|mkdn?|mdwn|mdown|markdown", r"textile", r"rdoc", r"org", r"creole", r"mediawiki|wiki",
    r"adoc|asc(?:iidoc)?", r"re?st(?:\.txt)?", r"pod",
)  # fmt: skip
_ENDS = (*(rf"\.(?:{one})" for one in _FORMATS), "", r"\.txt", r"\.[\w-]{1,32}")
_READMES = tuple(re.compile(f"readme{end}", re.IGNORECASE) for end in _ENDS)
# As licensee, by which GitHub knows licences, prefers their names:
# https://github.com/licensee/licensee/blob/main/lib/licensee/project_files/license_file.rb
_LICENSE, _COPYING, _OFL = r"(?:un)?licen[sc]e", r"copy(?:ing|right)", r"ofl"
_PREFERRED, _ANY = r"\.(?:md|markdown|txt)", r"\.[^./]+"
_LICENSES = tuple(
    re.compile(one, re.IGNORECASE)
    for one in (
        _LICENSE, _LICENSE + _PREFERRED, _COPYING, _COPYING + _PREFERRED, _LICENSE + _ANY,
        _COPYING + _ANY, f".*{_LICENSE}-.*", f".*{_COPYING}-.*", f".*-{_LICENSE}.*",
        f".*-{_COPYING}.*", _OFL + _PREFERRED, _OFL + _ANY, _OFL,
    )
)  # fmt: skip
_LONGEST = 200  # letters of a name: others are nobody's readme


def readme(names: Names) -> str | None:
    """The path of the readme that GitHub shows. Which of several in a folder is not documented:
    here it is the first by the order of github/markup, then by name.
    """
    return next((path for folder in FOLDERS for path in _best(names, folder, _READMES)), None)


def license_file(names: Names) -> str | None:
    """The path of the file that the licence is read from; licensee looks at the top alone."""
    return next(_best(names, "", _LICENSES), None)


def codeowners(names: Names) -> str | None:
    """The path of the CODEOWNERS that GitHub uses; its name is written in capitals."""
    for folder in FOLDERS:
        if any(one.is_file and one.name == "CODEOWNERS" for one in names[folder]):
            return _path(folder, "CODEOWNERS")
    return None


def _best(names: Names, folder: str, wanted: Sequence[re.Pattern[str]]) -> Iterator[str]:
    files = sorted(one.name for one in names[folder] if one.is_file)
    for pattern in wanted:
        for name in files:
            if len(name) <= _LONGEST and pattern.fullmatch(name):
                yield _path(folder, name)


def _path(folder: str, name: str) -> str:
    return f"{folder}/{name}" if folder else name
