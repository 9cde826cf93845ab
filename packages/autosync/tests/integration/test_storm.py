"""Storms do what people do, each of it."""

from __future__ import annotations

from githubsim.testing import Sim, SimError
from tests.chaos.__main__ import two_installations
from tests.chaos.storm import OPERATIONS, WEIGHTS, Storm

# What people do → the operations that do it.
NAMED = {
    "edit and delete comments": {"comment", "edit_comment", "delete_comment"},
    "resolve threads": {"remark", "reply", "edit_remark", "delete_remark", "resolve"},
    "review and dismiss reviews": {"review", "edit_review", "dismiss_review"},
    "transfer issues with their comments": {"transfer_issue"},
    "force-push pull requests": {"force_push", "force_push_pull"},
    "move tags": {"ref", "move_tag", "delete_ref"},
    "unstar and star again": {"star", "unstar", "star_again"},
    "comment on commits": {"comment_commit", "edit_commit_comment", "delete_commit_comment"},
    "fork, watch and react": {"fork", "watch", "unwatch", "react"},
    "say and link what a pull request closes": {"mention", "link"},
    "release": {"release", "publish", "unpublish", "edit_release", "delete_release", "upload"},
}


def test_everything_that_people_do_happens_in_a_storm() -> None:
    """Of what the issues name, and of all else: nothing is refused for ever."""
    assert set().union(*NAMED.values()) <= OPERATIONS.keys() == WEIGHTS.keys()
    with Sim(repositories=8, commits=60, issues=40, pulls=20, install=False) as sim:
        two_installations(sim)
        storm = Storm(sim, 3)
        # What makes room and what takes away come last.
        left = sorted(OPERATIONS, key=lambda name: ("delete" in name, name != "reuse_name", name))
        for _ in range(30):
            left = [name for name in left if not _does(storm, name)]
            if not left:
                break
            storm.end()
    assert not left


def _does(storm: Storm, name: str) -> bool:
    try:
        OPERATIONS[name](storm)
    except SimError:
        return False
    return True
