"""The file from which a repository's licence is read. What GitHub takes it for is with the
repository: the view `licenses` has both.
"""

from __future__ import annotations

from autosync.github.files import MOST_TEXT, license_file
from autosync.kinds._file import OfFile
from autosync.kinds._git import as_it_is
from autosync.kinds._kind import Clock, Git, Kind, List


class LicenseFile(OfFile, key=("repository_id", "path")):
    """The file at the top of the default branch that says under which licence the repository is."""

    github = Kind(
        read=Git(as_it_is, picks=license_file, most=MOST_TEXT),
        needs={"contents": "read"},
        clock=Clock.ARRIVAL,
        api=List("path", search=("content",), columns=("path", "size", "observed_at")),
    )
