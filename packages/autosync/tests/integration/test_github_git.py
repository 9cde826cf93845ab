"""Commits and refs through git, read from real repositories."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from autosync.github import GitFailed, GitReader, NotFound, Unauthorized, Unavailable
from autosync.github import git as git_room

_ALONE = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "Ada",
    "GIT_AUTHOR_EMAIL": "ada@example.com",
    "GIT_AUTHOR_DATE": "1500000000 +0200",
    "GIT_COMMITTER_NAME": "Grace",
    "GIT_COMMITTER_EMAIL": "grace@example.com",
    "GIT_COMMITTER_DATE": "1500000100 -0700",
}


class Remote:
    """A bare repository that serves partial clones, filled with `git fast-import`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = path.as_uri()
        self.git("init", "--quiet", "--bare", "--initial-branch=main", str(path), cwd=path.parent)
        self.git("config", "uploadpack.allowFilter", "true")

    def git(self, *arguments: str, cwd: Path | None = None, given: bytes = b"") -> str:
        done = subprocess.run(
            ["git", *arguments],
            cwd=cwd or self.path,
            input=given,
            env=os.environ | _ALONE,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

    def commit(self, *messages: str, branch: str = "main", parent: str = "") -> str:
        """Commits in a row, each changing one file; returns the last SHA."""
        for message in messages:
            text = message.encode()
            if not parent and branch in self.heads():
                parent = f"refs/heads/{branch}^0"
            stream = (
                f"commit refs/heads/{branch}\n"
                f"author Ada <ada@example.com> 1500000000 +0200\n"
                f"committer Grace <grace@example.com> 1500000100 -0700\n"
                f"data {len(text)}\n"
            ).encode()
            stream += text + b"\n" + (f"from {parent}\n" if parent else "").encode()
            stream += f"M 644 inline file\ndata {len(text)}\n".encode() + text + b"\n"
            self.git("fast-import", "--quiet", "--force", given=stream)
            parent = ""
        return self.git("rev-parse", f"refs/heads/{branch}")

    def raw_commit(self, content: bytes, branch: str = "main") -> str:
        """A commit object as given, byte for byte, however odd."""
        sha = self.git("hash-object", "-t", "commit", "-w", "--stdin", "--literally", given=content)
        self.git("update-ref", f"refs/heads/{branch}", sha)
        return sha

    def heads(self) -> list[str]:
        return self.git("for-each-ref", "--format=%(refname:short)", "refs/heads").split()


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote(tmp_path / "remote.git")


@pytest.fixture
def reader(tmp_path: Path, remote: Remote) -> GitReader:
    return GitReader(tmp_path / "cache" / "1.git", remote.url, no_token)


def no_token() -> str:
    raise AssertionError("a local repository needs no token")


def test_an_empty_repository_is_fine(reader: GitReader, remote: Remote) -> None:
    assert reader.ls_remote() == {}
    reader.sync()
    assert reader.refs() == {}
    assert list(reader.commits([])) == []
    head = remote.commit("first")
    reader.sync()
    assert reader.refs() == {"refs/heads/main": head}


def test_a_commit_is_read_whole(reader: GitReader, remote: Remote) -> None:
    first = remote.commit("first")
    second = remote.commit("Füge 🎉 hinzu\n\nmit Rumpf\n\n")
    reader.sync()
    newest, oldest = reader.commits([second])
    assert (oldest.sha, oldest.parents) == (first, ())
    assert (newest.sha, newest.parents) == (second, (first,))
    assert newest.message == "Füge 🎉 hinzu\n\nmit Rumpf"
    assert (newest.author_name, newest.author_email) == ("Ada", "ada@example.com")
    assert (newest.committer_name, newest.committer_email) == ("Grace", "grace@example.com")
    assert newest.authored_at == datetime(2017, 7, 14, 2, 40, tzinfo=UTC)
    assert newest.committed_at == datetime(2017, 7, 14, 2, 41, 40, tzinfo=UTC)


def test_only_what_is_new_is_given(reader: GitReader, remote: Remote) -> None:
    first = remote.commit("one", "two")
    last = remote.commit("three", "four")
    reader.sync()
    assert [c.message for c in reader.commits([last], known=[first])] == ["four", "three"]
    assert list(reader.commits([first], known=[last])) == []


def test_an_unknown_known_commit_is_no_obstacle(reader: GitReader, remote: Remote) -> None:
    last = remote.commit("one", "two")
    reader.sync()
    known = ["1" * 40, "", "not a sha", "--all"]
    assert len(list(reader.commits([last], known=known))) == 2


def test_an_unknown_new_commit_is_an_error_and_not_a_short_answer(
    reader: GitReader, remote: Remote
) -> None:
    remote.commit("one")
    reader.sync()
    with pytest.raises(GitFailed, match="does not hold 1111"):
        list(reader.commits(["1" * 40]))


def test_no_tree_and_no_file_is_ever_fetched(
    tmp_path: Path, reader: GitReader, remote: Remote
) -> None:
    for number in range(3):  # the clone and two fetches
        head = remote.commit(*(f"{number}.{i}" for i in range(3)))
        reader.sync()
        list(reader.commits([head]))
        list(reader.ancestors(head))
    kinds = subprocess.run(
        ["git", "cat-file", "--batch-all-objects", "--batch-check=%(objecttype)"],
        cwd=tmp_path / "cache" / "1.git",
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert kinds == ["commit"] * 9


def test_branches_moved_forced_and_deleted_are_followed(reader: GitReader, remote: Remote) -> None:
    base = remote.commit("base")
    remote.commit("side", branch="side", parent=base)
    remote.commit("old")
    reader.sync()
    old = reader.refs()["refs/heads/main"]
    forced = remote.commit("forced", parent=base)
    remote.git("update-ref", "-d", "refs/heads/side")
    # Where `side` was a file, `side/deep` needs a folder.
    deep = remote.commit("deep", branch="side/deep", parent=base)
    reader.sync()
    assert reader.refs() == {"refs/heads/main": forced, "refs/heads/side/deep": deep}
    assert reader.refs() == reader.ls_remote()
    assert not reader.is_ancestor(old, forced)
    assert reader.is_ancestor(base, forced)
    assert [c.message for c in reader.commits([forced], known=[old])] == ["forced"]


def test_ancestors_are_the_whole_history_of_a_branch(reader: GitReader, remote: Remote) -> None:
    head = remote.commit("one", "two", "three")
    remote.commit("elsewhere", branch="other", parent=head)
    reader.sync()
    assert list(reader.ancestors(head)) == remote.git("rev-list", head).split()
    assert list(reader.ancestors("1" * 40)) == []


def test_is_ancestor_knows_nothing_of_unknown_commits(reader: GitReader, remote: Remote) -> None:
    head = remote.commit("one")
    reader.sync()
    assert reader.is_ancestor(head, head)
    assert not reader.is_ancestor("1" * 40, head)
    assert not reader.is_ancestor(head, "1" * 40)
    assert not reader.is_ancestor("", head)


def test_tags_are_peeled_to_their_commits_however_deep(reader: GitReader, remote: Remote) -> None:
    head = remote.commit("one")
    remote.git("tag", "light", head)
    remote.git("tag", "-a", "-m", "object 1\ntype tree\n", "annotated", head)
    remote.git("tag", "-a", "-m", "nested", "nested", "annotated")
    reader.sync()
    names = ("heads/main", "tags/light", "tags/annotated", "tags/nested")
    assert reader.refs() == {f"refs/{name}": head for name in names}
    assert reader.refs() == reader.ls_remote()


def test_tags_of_trees_and_files_are_left_out(reader: GitReader, remote: Remote) -> None:
    head = remote.commit("one")
    for name, target in (("tree", f"{head}^{{tree}}"), ("blob", f"{head}:file")):
        remote.git("tag", f"light-{name}", target)
        remote.git("tag", "-a", "-m", "odd", f"annotated-{name}", target)
    for _ in range(2):
        reader.sync()
        assert reader.refs() == {"refs/heads/main": head}
        assert reader.refs() == reader.ls_remote()
        head = remote.commit("next")
    remote.git("tag", "--force", "light-tree", head)
    reader.sync()
    assert reader.refs()["refs/tags/light-tree"] == head
    assert reader.refs() == reader.ls_remote()


@pytest.mark.parametrize("date", ["-1 +0000", "1500000000 +9999", "99999999999999 +0000", "x", ""])
def test_odd_commits_are_read(reader: GitReader, remote: Remote, date: str) -> None:
    head = remote.commit("one")
    tree = remote.git("rev-parse", f"{head}^{{tree}}")
    odd = remote.raw_commit(
        f"tree {tree}\nparent {head}\nauthor Ada <ada@x> {date}\n".encode()
        + f"committer \xff <> {date}\n\n".encode("latin-1")
        + b"caf\xe9 \xff\n"
    )
    reader.sync()
    commit = next(reader.commits([odd]))
    assert commit.message == "caf� �"
    assert commit.committer_name == "�"
    assert commit.authored_at.tzinfo is not None


def test_a_mailmap_changes_nothing(reader: GitReader, remote: Remote) -> None:
    remote.git(
        "fast-import",
        "--quiet",
        given=b"commit refs/heads/main\ncommitter Old <old@x> 1 +0000\ndata 1\nm\n"
        b"M 644 inline .mailmap\ndata 19\nNew <new@x> <old@x>",
    )
    reader.sync()
    (commit,) = reader.commits(list(reader.refs().values()))
    assert (commit.author_name, commit.author_email) == ("Old", "old@x")


def test_a_consumer_may_stop_early(reader: GitReader, remote: Remote) -> None:
    stream = b"".join(
        b"commit refs/heads/main\ncommitter A <a@x> %d +0000\ndata 4000\n%s\n" % (i, b"x" * 4000)
        for i in range(1, 2000)
    )
    remote.git("fast-import", "--quiet", given=stream)
    reader.sync()
    commits = reader.commits(list(reader.refs().values()))
    next(commits)
    commits.close()  # type: ignore[attr-defined]
    reader.sync()
    assert sum(1 for _ in reader.commits(list(reader.refs().values()))) == 1999


@pytest.mark.parametrize("damage", ["pack", "refs", "head", "half", "objects"])
def test_a_broken_cache_is_cloned_anew(
    tmp_path: Path, reader: GitReader, remote: Remote, damage: str
) -> None:
    head = remote.commit("one", "two")
    reader.sync()
    cache = tmp_path / "cache" / "1.git"
    if damage == "pack":
        for pack in cache.glob("objects/pack/*.pack"):
            pack.chmod(0o600)
            pack.write_bytes(b"garbage")
    elif damage == "refs":
        (cache / "refs/heads/main").write_text("garbage\n")
    elif damage == "head":
        (cache / "HEAD").unlink()
    elif damage == "half":
        (cache / "HEAD").write_text("")
    else:
        shutil.rmtree(cache / "objects")
    try:
        # What git does not notice while fetching shows when the history is read.
        reader.sync()
        list(reader.commits([head]))
    except GitFailed:
        reader.sync()
    assert [c.message for c in reader.commits([head])] == ["two", "one"]
    assert reader.refs() == {"refs/heads/main": head}


def test_what_a_killed_fetch_left_behind_is_cleared(
    tmp_path: Path, reader: GitReader, remote: Remote
) -> None:
    remote.commit("one")
    reader.sync()
    cache = tmp_path / "cache" / "1.git"
    for name in ("packed-refs.lock", "refs/heads/main.lock", "objects/pack/tmp_pack_x"):
        (cache / name).touch()
    (tmp_path / "cache" / "1.git.new").mkdir()
    head = remote.commit("two")
    reader.sync()
    assert reader.refs() == {"refs/heads/main": head}
    assert not list(cache.rglob("*.lock"))


def test_threads_may_share_a_cache(tmp_path: Path, remote: Remote) -> None:
    head = remote.commit("one", "two")
    failures: list[BaseException] = []

    def work() -> None:
        try:
            reader = GitReader(tmp_path / "cache" / "1.git", remote.url, no_token)
            for _ in range(3):
                reader.sync()
                assert len(list(reader.commits([head]))) == 2
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []


def test_many_fetches_do_not_pile_up(tmp_path: Path, reader: GitReader, remote: Remote) -> None:
    for number in range(60):
        head = remote.commit(str(number))
        reader.sync()
    packs = list((tmp_path / "cache" / "1.git" / "objects" / "pack").glob("*.pack"))
    assert len(packs) < 55
    assert len(list(reader.commits([head]))) == 60


def test_a_repository_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    reader = GitReader(tmp_path / "1.git", (tmp_path / "nowhere").as_uri(), no_token)
    with pytest.raises(NotFound):
        reader.ls_remote()
    with pytest.raises(NotFound):
        reader.sync()
    assert not (tmp_path / "1.git").exists()


class _Door(BaseHTTPRequestHandler):
    """Answers every request with the status in its path, and keeps what it was shown."""

    shown: list[str]

    def do_GET(self) -> None:
        type(self).shown.append(self.headers.get("Authorization", ""))
        self.send_response(int(self.path.split("/")[1]))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def door() -> Iterator[tuple[str, list[str]]]:
    handler = type("Door", (_Door,), {"shown": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", handler.shown
    server.shutdown()
    thread.join()
    server.server_close()


TOKEN = "ghs_1_" + "x.y-z" * 60


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, Unauthorized), (404, NotFound), (410, NotFound), (502, Unavailable), (429, Unavailable)],
)
def test_each_refusal_has_its_error_and_none_shows_the_token(
    tmp_path: Path,
    door: tuple[str, list[str]],
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    error: type[Exception],
) -> None:
    monkeypatch.setattr(git_room, "TRIES", 1)
    url, shown = door
    reader = GitReader(tmp_path / "1.git", f"{url}/{status}/r.git", lambda: TOKEN)
    with pytest.raises(error) as raised:
        reader.ls_remote()
    assert "ghs_" not in str(raised.value)
    assert all(header.startswith("Basic ") for header in shown)
    assert not any("ghs_" in path.read_text() for path in tmp_path.rglob("*") if path.is_file())


def test_a_refused_token_is_replaced_once(tmp_path: Path, door: tuple[str, list[str]]) -> None:
    url, shown = door
    tokens = iter(["old", "new", "never"])
    refused: list[str] = []
    reader = GitReader(tmp_path / "1.git", f"{url}/401/r.git", lambda: next(tokens), refused.append)
    with pytest.raises(Unauthorized):
        reader.ls_remote()
    assert refused == ["old"]
    assert len(set(shown)) == 2


def test_network_trouble_is_tried_again_before_it_is_told(
    tmp_path: Path, door: tuple[str, list[str]]
) -> None:
    url, shown = door
    with pytest.raises(Unavailable):
        GitReader(tmp_path / "1.git", f"{url}/503/r.git", lambda: TOKEN).ls_remote()
    assert len(shown) == git_room.TRIES


def test_nothing_listens_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_room, "TRIES", 1)
    with pytest.raises(Unavailable):
        GitReader(tmp_path / "1.git", "http://127.0.0.1:9/r.git", lambda: TOKEN).sync()


def test_the_surroundings_do_not_change_what_is_read(
    reader: GitReader, remote: Remote, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hostile = tmp_path / "gitconfig"
    hostile.write_text(
        "[log]\n\tshowSignature = true\n\tdate = iso\n[format]\n\tpretty = oneline\n"
        '[i18n]\n\tlogOutputEncoding = latin1\n[url "https://elsewhere.invalid/"]\n'
        "\tinsteadOf = file://\n"
    )
    head = remote.commit("grüß")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(hostile))
    monkeypatch.setenv("GIT_DIR", str(tmp_path))
    reader.sync()
    assert [c.message for c in reader.commits([head])] == ["grüß"]
