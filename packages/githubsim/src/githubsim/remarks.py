"""Where a reviewer can remark on a pull request."""

from githubsim.diffs import spots
from githubsim.gitrepos import GitRepos
from githubsim.store import DiffSpot, Pull


def remarkable(git: GitRepos, pull: Pull) -> list[DiffSpot]:
    """Every new line of a pull request's diff."""
    part, repository_id = pull.part, pull.repository_id
    fork = git.merge_base(repository_id, part.base_sha, part.head_sha)
    return [
        DiffSpot(one.path, line.hunk, line.position, line.new)
        for one in ([] if fork is None else git.diff(repository_id, fork, part.head_sha))
        for line in spots(one.patch or "")
        if line.new is not None
    ]
