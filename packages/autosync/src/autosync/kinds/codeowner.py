"""The rules of a repository's CODEOWNERS: who is asked to review which files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from autosync.github.files import MOST_OWNERS, File, codeowners
from autosync.kinds import _columns as gh
from autosync.kinds._kind import Clock, Git, Kind, List, OfRepository

# What of gitignore's patterns does not work, and is an error:
# https://docs.github.com/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners#syntax-exceptions
_NO_PATTERN = re.compile(r"^!|^\\#|[\[\]]|\*{3}")
_OWNER = re.compile(r"@[A-Za-z0-9][\w-]*(?:/[\w.-]+)?|[^\s@]+@[^\s@]+")
_WORDS = re.compile(r"(?:\\.|[^\s\\]|\\$)+")


class Rule(NamedTuple):
    """A line that is neither empty nor a comment; `error` as GitHub calls what is wrong with it."""

    path: str
    line: int
    pattern: str
    owners: str
    error: str


def rules(file: File) -> Iterator[Rule]:
    """The rules of a CODEOWNERS; none of one that GitHub does not load, for it is too large."""
    if file.content is None or file.is_truncated:
        return
    for number, text in enumerate(file.content.split("\n"), 1):
        words = []
        for word in _WORDS.findall(text):
            if word.startswith("#"):
                break
            words.append(word)
        if not words:
            continue
        pattern, *owners = words
        error = "Invalid pattern" if _NO_PATTERN.search(pattern) else ""
        if not error and not all(map(_OWNER.fullmatch, owners)):
            error = "Invalid owner"
        yield Rule(file.path, number, pattern, " ".join(owners), error)


class Codeowner(OfRepository, key=("repository_id", "line")):
    """A rule of the CODEOWNERS that GitHub uses; of those that fit a file the last one counts."""

    path = gh.Name(
        None, about="The path of the file: .github/CODEOWNERS, or at the top, or in docs."
    )
    line = gh.Number(None, about="The line of the rule, from 1.")
    pattern = gh.Text(None, prose=False, about="Which files, as in a gitignore.")
    owners = gh.Text(
        None,
        blank=True,
        about="People (@login), teams (@organisation/team) and addresses, with a blank between; "
        "empty if nobody owns them.",
    )
    error = gh.Name(
        None,
        max_length=32,
        blank=True,
        about="Invalid pattern or Invalid owner if GitHub skips the line for that, else empty. "
        "Whether an owner exists and may write is not known here.",
    )

    github = Kind(
        read=Git(rules, picks=codeowners, most=MOST_OWNERS),
        needs={"contents": "read"},
        clock=Clock.ARRIVAL,
        api=List(
            "line",
            filters=("error",),
            search=("pattern", "owners"),
            columns=("line", "pattern", "owners", "error"),
        ),
    )

    def __str__(self) -> str:
        return f"{self.pattern} {self.owners}"
