"""The files that commits changed: they go with their commits, and never change."""

from __future__ import annotations

from django.db import models

from autosync.github.git import GitReader
from autosync.kinds import _columns as gh
from autosync.kinds._kind import Git, Kind
from autosync.kinds._sets import SetOf
from autosync.kinds.commit import Commit
from autosync.mirror.models import Repository


class CommitFile(SetOf, key=("commit_id", "position")):
    """A file that a commit changed, against its first parent. It never changes."""

    commit = models.ForeignKey(
        Commit, on_delete=models.CASCADE, related_name="files", db_constraint=False, db_index=False
    )
    repository = models.ForeignKey(
        # They go with their commits, without a search through all of this table.
        Repository, models.DO_NOTHING, related_name="+", db_constraint=False, db_index=False
    )  # fmt: skip
    position = gh.Number(
        None, graph=None, git=None, about="Its place among the commit's files, from 0."
    )
    path = gh.Text(None, prose=False, about="Its path; a byte that is not UTF-8 is \\\\xNN.")
    previous_path = gh.Text(
        None, prose=False, blank=True, about="Its path before, if it was renamed; else empty."
    )
    status = gh.Word(
        None, about="added, removed, modified, renamed or changed (another type of file)."
    )
    additions = gh.Number(None, null=True, about="Lines added; null for a binary file.")
    deletions = gh.Number(None, null=True, about="Lines deleted; null for a binary file.")

    github = Kind(
        read=Git(GitReader.changes, of="commit", link="commit_id", under="files"),
        needs={"contents": "read"},
        clock=None,
    )

    class Meta:
        constraints = [
            # A path may be longer than what an index holds.
            models.UniqueConstraint(fields=["commit", "position"], name="commit_file_identity"),
        ]

    def __str__(self) -> str:
        return f"{self.status} {self.path}"
