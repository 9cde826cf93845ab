"""Columns of kinds that have one file of the default branch as it is."""

from __future__ import annotations

from autosync.kinds import _columns as gh
from autosync.kinds._kind import OfRepository


class OfFile(OfRepository):
    """One file, with the beginning of its text."""

    path = gh.Name(None, about="Its path; of a link, that of the link.")
    sha = gh.Sha(None, about="The name of the blob, of a link that of the file it leads to.")
    size = gh.BigNumber(None, about="Its size in bytes.")
    content = gh.Text(None, null=True, about="Its text, up to 500 KiB; null if it is binary.")
    is_binary = gh.Flag(None, about="Whether it is no text.")
    is_truncated = gh.Flag(None, about="Whether it is larger than what is here.")

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.path
