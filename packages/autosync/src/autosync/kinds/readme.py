"""The readme that GitHub shows of a repository."""

from __future__ import annotations

from autosync.github.files import MOST_TEXT, readme
from autosync.kinds._file import OfFile
from autosync.kinds._git import as_it_is
from autosync.kinds._kind import Clock, Git, Kind, List


class Readme(OfFile, key=("repository_id", "path")):
    """The readme of the default branch: in .github, at the top or in docs, whichever is first."""

    github = Kind(
        read=Git(as_it_is, picks=readme, most=MOST_TEXT),
        needs={"contents": "read"},
        clock=Clock.ARRIVAL,
        api=List("path", search=("content",), columns=("path", "size", "observed_at")),
    )
