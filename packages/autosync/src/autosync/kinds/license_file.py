"""The file from which a repository's licence is read. What GitHub takes it for is with the
repository: the view `licenses` has both.
"""

from __future__ import annotations

from autosync.github.files import MOST_TEXT, license_file
from autosync.kinds import _columns as gh
from autosync.kinds._git import as_it_is
from autosync.kinds._kind import Clock, Git, Kind, List, OfRepository


class LicenseFile(OfRepository, key=("repository_id", "path")):
    """The file at the top of the default branch that says under which licence the repository is."""

    path = gh.Name(None, about="Its path.")
    sha = gh.Sha(None, about="The name of the blob.")
    size = gh.BigNumber(None, about="Its size in bytes.")
    content = gh.Text(None, null=True, about="Its text, up to 500 KiB; null if it is binary.")
    is_binary = gh.Flag(None, about="Whether it is no text.")
    is_truncated = gh.Flag(None, about="Whether it is larger than what is here.")

    github = Kind(
        read=Git(as_it_is, picks=license_file, most=MOST_TEXT),
        needs={"contents": "read"},
        clock=Clock.ARRIVAL,
        api=List("path", search=("content",), columns=("path", "size", "observed_at")),
    )

    def __str__(self) -> str:
        return self.path
