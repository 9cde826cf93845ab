"""Which files GitHub looks for, and what odd repositories have in their places."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from autosync.github import GitReader
from autosync.github.files import FOLDERS, Entry, File, Names, codeowners, license_file, readme
from autosync.kinds.codeowner import rules

FILE, LINK, FOLDER, SUBMODULE = 0o100644, 0o120000, 0o040000, 0o160000


def names(*paths: str, mode: int = FILE) -> Names:
    found: dict[str, list[Entry]] = {folder: [] for folder in FOLDERS}
    for path in paths:
        folder, _, name = path.rpartition("/")
        found[folder].append(Entry(name, mode, "0" * 40))
    return found


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        (["README.md", "docs/README.adoc"], "README.md"),
        (["README.md", ".github/readme"], ".github/readme"),
        (["docs/Readme.rst"], "docs/Readme.rst"),
        (["README", "README.txt", "README.md", "readme.adoc"], "README.md"),
        (["README.zh-CN.md", "READMEFIRST", "my-README.md"], None),
        ([], None),
    ],
)
def test_the_readme_is_that_of_the_first_place(paths: list[str], found: str | None) -> None:
    assert readme(names(*paths)) == found


@pytest.mark.parametrize(
    ("paths", "found"),
    [
        (["COPYING", "LICENSE.md", "LICENSE-MIT"], "LICENSE.md"),
        (["LICENCE", "LICENSE.txt"], "LICENCE"),
        (["UNLICENSE"], "UNLICENSE"),
        (["MIT-LICENSE"], "MIT-LICENSE"),
        (["docs/LICENSE", ".github/LICENSE", "licensing.md"], None),
    ],
)
def test_the_licence_is_at_the_top(paths: list[str], found: str | None) -> None:
    assert license_file(names(*paths)) == found


def test_codeowners_is_written_in_capitals_and_folders_are_no_files() -> None:
    assert codeowners(names("CODEOWNERS", "docs/CODEOWNERS")) == "CODEOWNERS"
    assert codeowners(names("codeowners")) is None
    assert codeowners(names("CODEOWNERS", mode=FOLDER)) is None
    assert readme(names("README.md", mode=SUBMODULE)) is None
    assert readme(names("README.md", mode=LINK)) == "README.md"


def test_rules_are_told_from_errors_and_comments() -> None:
    text = "# all\n\n* @a @b/team-x # why\n/a\\ b/ x@y.example\n/none\n[S] @a\n!x @a\nx nobody\r\n"
    text += "#x @a"
    file = File("CODEOWNERS", "0" * 40, len(text), text, is_binary=False, is_truncated=False)
    assert [(one.line, one.pattern, one.owners, one.error) for one in rules(file)] == [
        (3, "*", "@a @b/team-x", ""),
        (4, "/a\\ b/", "x@y.example", ""),
        (5, "/none", "", ""),
        (6, "[S]", "@a", "Invalid pattern"),
        (7, "!x", "@a", "Invalid pattern"),
        (8, "x", "nobody", "Invalid owner"),
    ]
    assert not list(rules(File("CODEOWNERS", "0" * 40, 4_000_000, text, False, is_truncated=True)))


@pytest.fixture
def reader(tmp_path: Path) -> GitReader:
    """The clone of a repository with odd files and tags."""
    home = tmp_path / "odd"
    (home / "docs").mkdir(parents=True)
    (home / "docs" / "x").write_text("linked\n")
    (home / "README.md").symlink_to("docs/x")
    for name, target in (("out", "../etc/passwd"), ("loop", "loop"), ("nowhere", "gone")):
        (home / name).symlink_to(target)
    (home / "binary").write_bytes(b"\x89PNG\0\1")
    (home / "latin").write_bytes("Grüße".encode("latin-1"))
    (home / "late").write_bytes(b"a" * 9000 + b"\0b")
    (home / "long").write_text("ü" * 100)
    (home / "empty").touch()
    who = ("-c", "user.name=Adä", "-c", "user.email=a@b.example", "-c", "init.defaultBranch=main")

    def git(*words: str, given: bytes | None = None) -> str:
        command = ["git", *who, *words]
        done = subprocess.run(command, cwd=home, input=given, capture_output=True, check=True)
        return done.stdout.decode().strip()

    git("init", "-q")
    git("add", ".")
    git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},module")
    git("commit", "-q", "-m", "Odd")
    git("tag", "light")
    git("tag", "-a", "-m", "Words\n\nand more", "plain")
    git("tag", "-a", "-m", "Of a tag", "nested", "plain")
    git("tag", "-a", "-m", "Of a blob", "blob", "HEAD:long")
    head = git("rev-parse", "HEAD")
    old = f"object {head}\ntype commit\ntag v0\n\nOld\n-----BEGIN SSH SIGNATURE-----\nx\n"
    sha = git("hash-object", "-t", "tag", "-w", "--stdin", "--literally", given=old.encode())
    git("update-ref", "refs/tags/old", sha)
    made = GitReader(tmp_path / "1.git", f"file://{home}", lambda: "", whole=True)
    made.sync()
    return made


def test_links_are_followed_and_odd_content_breaks_nothing(reader: GitReader) -> None:
    head = reader.refs()["refs/heads/main"]
    assert readme(reader.names(head)) == "README.md"
    asked = ["README.md", "out", "loop", "nowhere", "module", "docs", "gone/too", "a\nb", "empty"]
    found = reader.files(head, dict.fromkeys(asked, 100))
    assert {path: one.content for path, one in found.items()} == {
        "README.md": "linked\n",
        "empty": "",
    }
    odd = reader.files(head, {"binary": 99, "latin": 99, "late": 9999, "long": 101})
    assert {path: (one.content, one.size, one.is_truncated) for path, one in odd.items()} == {
        "binary": (None, 6, False),
        "latin": ("Gr\ufffd\ufffde", 5, False),
        "late": ("a" * 9000 + "\0b", 9002, False),
        "long": ("ü" * 50, 200, True),
    }


def test_tag_objects_are_read_with_those_that_they_are_of(reader: GitReader) -> None:
    found = {one.tag: one for one in reader.tags()}
    assert sorted(found) == ["blob", "nested", "plain", "v0"]
    assert found["plain"].message == "Words\n\nand more"
    assert (found["plain"].tagger_name, found["plain"].tagger_email) == ("Adä", "a@b.example")
    assert (found["nested"].object_type, found["nested"].object_sha) == ("tag", found["plain"].sha)
    assert found["blob"].object_type == "blob"
    old = found["v0"]
    assert (old.message, old.signed, old.tagged_at, old.tagger_name) == ("Old", True, None, "")
