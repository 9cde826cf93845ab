"""The readme that GitHub shows of a repository."""

from __future__ import annotations

from autosync.github.files import MOST_TEXT, readme
from autosync.kinds import _columns as gh
from autosync.kinds._git import as_it_is
from autosync.kinds._kind import Clock, Git, Kind, List, OfRepository


class Readme(OfRepository, key=("repository_id", "path")):
    """The readme of the default branch: in .github, at the top or in docs, whichever is first."""

    path = gh.Name(None, about="Its path; of a link, that of the link.")
    sha = gh.Sha(None, about="The name of the blob, of a link that of the file it leads to.")
    size = gh.BigNumber(None, about="Its size in bytes.")
    content = gh.Text(None, null=True, about="Its text, up to 500 KiB; null if it is binary.")
    is_binary = gh.Flag(None, about="Whether it is no text.")
    is_truncated = gh.Flag(None, about="Whether it is larger than what is here.")

    github = Kind(
        read=Git(as_it_is, picks=readme, most=MOST_TEXT),
        needs={"contents": "read"},
        clock=Clock.ARRIVAL,
        api=List("path", search=("content",), columns=("path", "size", "observed_at")),
    )

    def __str__(self) -> str:
        return self.path
