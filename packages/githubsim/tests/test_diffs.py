"""Lines of a patch: their places, and where later commits move them."""

import difflib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from githubsim.diffs import at_line, at_position, spots, track
from githubsim.gitrepos import GitRepos

PATCH = """\
@@ -1,3 +1,4 @@
 one
+one and a half
 two
-three
+3
@@ -10,2 +11,1 @@
-ten
 eleven"""


def test_every_line_has_its_place() -> None:
    found = [(one.position, one.old, one.new) for one in spots(PATCH)]
    assert found == [
        (1, 1, 1),
        (2, None, 2),
        (3, 2, 3),
        (4, 3, None),
        (5, None, 4),
        (7, 10, None),
        (8, 11, 11),
    ]
    spot = at_line(PATCH, 10, "LEFT")
    assert spot is not None
    assert spot.hunk == "@@ -10,2 +11,1 @@\n-ten"
    assert at_line(PATCH, 9, "RIGHT") is None
    assert at_position(PATCH, 6) is None
    assert at_position(PATCH, 8) == at_line(PATCH, 11, "RIGHT")


@given(
    st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8),
    st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8),
)
def test_a_line_is_followed_to_itself_or_to_nowhere(old: list[str], new: list[str]) -> None:
    patch = _diff(old, new)
    for place, text in enumerate(old, 1):
        there = track(patch, place) if patch else place
        assert there is None or new[there - 1] == text


def _diff(old: list[str], new: list[str]) -> str:
    """A unified patch with no lines around the changes, as far from context as can be."""
    lines = list(difflib.unified_diff(old, new, lineterm="", n=0))[2:]
    return "\n".join(lines)


def test_git_writes_patches_by_path_with_one_process(tmp_path: Path) -> None:
    git = GitRepos(tmp_path)
    git.init(1)
    with git.fast_import(1) as writer:
        marks: list[int] = []
        for number, files in enumerate(({"a/b.txt": b"one\n"}, {"a/b.txt": b"two\n", "c": b"\n"})):
            marks.append(
                writer.commit(
                    "refs/heads/main",
                    f"Commit {number}",
                    files,
                    author=("Ada", "ada@nowhere.example"),
                    at=1_700_000_000 + number,
                    parents=marks[-1:],
                )
            )
    shas = [writer.shas[one] for one in marks]
    first, again, none = git.patches(
        1, [(shas[0], shas[1]), (shas[0], shas[1]), ("f" * 40, shas[1])]
    )
    assert first == again == {"a/b.txt": "@@ -1 +1 @@\n-one\n+two", "c": "@@ -0,0 +1 @@\n+"}
    assert none == {}
