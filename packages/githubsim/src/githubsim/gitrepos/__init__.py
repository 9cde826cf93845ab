"""The real bare git repositories of a world: made, imported, written and read with plain git."""

from githubsim.gitrepos.changes import Changes
from githubsim.gitrepos.difftext import FileChange, Stats
from githubsim.gitrepos.history import Commit, History
from githubsim.gitrepos.making import Making, MergeConflict
from githubsim.gitrepos.objects import EMPTY_TREE, Objects
from githubsim.gitrepos.process import GitError


class GitRepos(Making, History, Changes, Objects):
    """All repositories of a world, one bare repository per repository id under `root`."""


__all__ = [
    "EMPTY_TREE",
    "Commit",
    "FileChange",
    "GitError",
    "GitRepos",
    "MergeConflict",
    "Stats",
]
