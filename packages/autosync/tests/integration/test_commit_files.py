"""What commits changed, file by file: read from git, judged by git's other commands and GraphQL."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ByteSize

from autosync import config, connect
from autosync.github import GitFailed, GitReader, InstallationClient
from autosync.github.git_changes import FileChange
from autosync.mirror.models import Commit, CommitFile, Repository, ResourceCursor
from autosync.sync import commit_files
from autosync.sync.commit_files import files_later, sync_files
from autosync.sync.commits import sync_commits, sync_details
from autosync.sync.purge import purge_gone
from githubsim.testing import Sim
from tests.integration.api_rows import client_with
from tests.integration.test_backfill import begin
from tests.integration.test_github_git import Remote, no_token

# The project's own repository.
ROOT = Path(__file__).parents[4]
# Others may be given, as paths between colons.
HISTORIES = [ROOT, *map(Path, filter(None, os.environ.get("AUTOSYNC_HISTORIES", "").split(":")))]
Sizes = dict[str, tuple[int | None, int | None, int | None]]


def silent() -> None:
    """Nobody watches."""


@pytest.fixture
def remote(tmp_path: Path) -> Remote:
    return Remote(tmp_path / "remote.git")


def reader_of(remote: Remote, tmp_path: Path, *, whole: bool = True) -> GitReader:
    reader = GitReader(tmp_path / "cache" / "1.git", remote.url, no_token, whole=whole)
    reader.sync()
    return reader


LINES = b"".join(b"line %d\n" % number for number in range(30))
_PERSON = b"committer Ada <ada@example.com> 1500000000 +0200\n"


def commits(remote: Remote, *steps: bytes, branch: str = "main") -> list[str]:
    """A commit per step, which is what `git fast-import` is to do in it; newest last."""
    for step in steps:
        heads = remote.heads()
        stream = b"commit refs/heads/%s\n" % branch.encode() + _PERSON + b"data 1\nx\n"
        if branch in heads:
            stream += b"from refs/heads/%s^0\n" % branch.encode()
        remote.git("fast-import", "--quiet", "--force", given=stream + step)
    return remote.git("rev-list", "--reverse", branch).split()


def data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


def test_each_file_of_odd_commits_is_told(remote: Remote, tmp_path: Path) -> None:
    submodule = b"M 160000 " + b"a" * 40 + b" dependency\n"
    shas = commits(
        remote,
        b"M 644 inline first\n" + data(LINES) + b"M 644 inline image\n" + data(b"\0\1\2"),
        b'R first "a b\\tc\\n\\303\\274\\377"\n' + b"M 644 inline image\n" + data(b"\0\1"),
        submodule + b"M 120000 inline link\n" + data(b"image"),
        b"M 644 inline link\n" + data(b"now a file\n"),
        b"",
        b"D image\n" + b"M 755 inline " + b"d/" * 1500 + b"deep\n" + data(b"no end of line"),
    )
    told = {one.sha: one.files for one in reader_of(remote, tmp_path).changes(shas)}
    assert list(told) == shas
    odd = "a b\tc\nü\\xff"
    assert [told[sha] for sha in shas] == [
        (FileChange("first", "", "added", 30, 0), FileChange("image", "", "added", None, None)),
        (
            FileChange(odd, "first", "renamed", 0, 0),
            FileChange("image", "", "modified", None, None),
        ),
        (FileChange("dependency", "", "added", 1, 0), FileChange("link", "", "added", 1, 0)),
        (FileChange("link", "", "changed", 1, 1),),
        (),
        (
            FileChange("d/" * 1500 + "deep", "", "added", 1, 0),
            FileChange("image", "", "removed", None, None),
        ),
    ]


def test_a_merge_is_compared_with_its_first_parent(remote: Remote, tmp_path: Path) -> None:
    [base] = commits(remote, b"M 644 inline one\n" + data(b"1\n"))
    remote.git("update-ref", "refs/heads/side", base)
    commits(remote, b"M 644 inline two\n" + data(b"2\n"), branch="side")
    commits(remote, b"M 644 inline three\n" + data(b"3\n"))
    merge = b"commit refs/heads/main\n" + _PERSON + b"data 1\nm\nfrom refs/heads/main^0\n"
    merge += b"merge refs/heads/side^0\nM 644 inline two\n" + data(b"2\n")
    remote.git("fast-import", "--quiet", given=merge)
    sha = remote.git("rev-parse", "main")
    [one] = reader_of(remote, tmp_path).changes([sha])
    assert one.files == (FileChange("two", "", "added", 1, 0),)


def test_a_clone_without_trees_becomes_whole_and_stays_so(remote: Remote, tmp_path: Path) -> None:
    [sha] = commits(remote, b"M 644 inline one\n" + data(b"1\n"))
    small = reader_of(remote, tmp_path, whole=False)
    with pytest.raises(GitFailed):
        list(small.changes([sha]))
    whole = reader_of(remote, tmp_path)
    assert [one.additions for one in whole.changes([sha])] == [1]
    *_, second = commits(remote, b"M 644 inline two\n" + data(b"2\n2\n"))
    again = reader_of(remote, tmp_path, whole=False)
    assert [one.additions for one in again.changes([second])] == [2]


# From here on with a database, and GitHub.


@pytest.fixture
def sim() -> Iterator[Sim]:
    with Sim(repositories=1, commits=40, issues=1, pulls=0, install=False) as sim:
        yield sim


@pytest.fixture
def real() -> Iterator[Sim]:
    """With this project's own history."""
    if not (ROOT / ".git").exists():
        pytest.fail("run the tests in a clone: they read its history")
    with Sim(repositories=4, commits=9, issues=1, pulls=0, install=False, import_git=[ROOT]) as sim:
        yield sim


def chosen(sim: Sim) -> tuple[InstallationClient, Repository]:
    """The repository with the real history."""
    client, repository = begin(sim)
    most = max(sim.truth()["repositories"], key=lambda one: one["commits"])
    Repository.objects.filter(pk=repository.pk).delete()
    return client, Repository.objects.create(
        pk=most["id"],
        node_id=most["node_id"],
        installation_id=repository.installation_id,
        full_name=most["full_name"],
        default_branch="main",
        observed_at=repository.observed_at,
    )


def sizes() -> Sizes:
    rows = Commit.objects.values_list("sha", "additions", "deletions", "changed_files")
    return {sha: (added, deleted, files) for sha, added, deleted, files in rows}


def accounts() -> dict[str, tuple[int | None, str]]:
    rows = Commit.objects.values_list("sha", "author_user_id", "author_login")
    return {sha: (number, login) for sha, number, login in rows}


def by_git(repository: Repository) -> dict[str, list[tuple[str, str, str]]]:
    """The judge: one `git diff-tree` for each commit, with its first parent and without `-z`."""
    cache = config.load().data_dir / "git" / f"{repository.pk}.git"
    found = {}
    for sha, parents in Commit.objects.values_list("sha", "parents"):
        trees = [parents[0], sha] if parents else ["--root", sha]
        done = subprocess.run(
            ["git", "diff-tree", "-r", "-M", "--numstat", "--no-commit-id", *trees],
            cwd=cache, capture_output=True, check=True, text=True,
            env=os.environ | {"GIT_CONFIG_GLOBAL": os.devnull},
        )  # fmt: skip
        counted = [line.split("\t") for line in done.stdout.splitlines()]
        found[sha] = [(one[0], one[1], one[2]) for one in counted]
    return found


@pytest.mark.django_db(transaction=True)
def test_a_real_history_has_the_files_of_git_and_the_sizes_of_graphql(
    real: Sim, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, repository = chosen(real)
    monkeypatch.setattr(config.load(), "autosync_commit_files", ByteSize(0))
    sync_commits(repository, client, silent)
    assert sync_files(repository, client, silent) == 0
    sync_details(repository, client, silent)
    github, people = sizes(), accounts()
    Commit.objects.update(detailed_at=None, author_user_id=None, author_login="")
    assert len(github) > 100
    assert not CommitFile.objects.exists()
    # It is affordable from now on: cloned anew, and no request is made for what git tells.
    monkeypatch.setattr(config.load(), "autosync_commit_files", ByteSize(10**9))
    files_later(repository)
    real.ask("requests", clear=1)
    assert sync_files(repository, client, silent) == len(github)
    assert "POST /graphql" not in real.requests()["endpoints"]
    sync_details(repository, client, silent)
    assert (sizes(), accounts()) == (github, people)
    assert ResourceCursor.objects.get(resource="commit_file").state == "complete"
    ours: dict[str, list[tuple[str, str, str]]] = {sha: [] for sha in github}
    rows = CommitFile.objects.order_by("commit", "position").select_related("commit")
    for one in rows:
        lines = ["-" if count is None else str(count) for count in (one.additions, one.deletions)]
        # As git abbreviates a rename without -z: only that there is one is compared.
        ours[one.commit.sha].append((lines[0], lines[1], one.path))
    theirs = by_git(repository)
    for sha, files in theirs.items():
        plain = [one if " => " not in one[2] else (one[0], one[1], "renamed") for one in files]
        names = [one[2] for one in plain]
        assert [
            one if name != "renamed" else (one[0], one[1], "renamed")
            for one, name in zip(ours[sha], names, strict=True)
        ] == plain


def by_git_log(repository: Repository) -> dict[str, list[tuple[str, str, str]]]:
    """Another judge: `git log --numstat` of everything that branches and tags reach."""
    done = subprocess.run(
        ["git", "log", "--branches", "--tags", "--numstat", "-M", "--diff-merges=first-parent",
         "--root", "--format=%x01%H", "--no-mailmap"],
        cwd=config.load().data_dir / "git" / f"{repository.pk}.git",
        capture_output=True, check=True, env=os.environ | {"GIT_CONFIG_GLOBAL": os.devnull},
    )  # fmt: skip
    found = {}
    for entry in done.stdout.decode(errors="replace").split("\x01")[1:]:
        sha, *lines = [line for line in entry.split("\n") if line]
        found[sha] = [(one[0], one[1], one[2]) for one in (line.split("\t") for line in lines)]
    return found


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("history", HISTORIES, ids=lambda path: path.parent.name)
def test_a_real_history_has_the_lines_of_git_log(history: Path) -> None:
    world = Sim(repositories=4, commits=9, issues=1, pulls=0, install=False, import_git=[history])
    with world as sim:
        client, repository = chosen(sim)
        sync_commits(repository, client, silent)
        sync_files(repository, client, silent)
    theirs, sized = by_git_log(repository), sizes()
    ours: dict[str, list[tuple[str, str, str]]] = {sha: [] for sha in sizes()}
    for file in CommitFile.objects.order_by("commit", "position").select_related("commit"):
        lines = ["-" if count is None else str(count) for count in (file.additions, file.deletions)]
        ours[file.commit.sha].append((lines[0], lines[1], file.path))
    assert ours.keys() == theirs.keys()
    for sha, files in theirs.items():
        assert [one[:2] for one in ours[sha]] == [one[:2] for one in files], sha
        # git log writes renames and odd names in its own manner.
        names = [(mine[2], one[2]) for mine, one in zip(ours[sha], files, strict=True)]
        assert all(mine == one for mine, one in names if " => " not in one and one[0] != '"'), sha
        counted = [(int(one[0]), int(one[1])) for one in files if one[0] != "-"]
        added, deleted = (sum(one[place] for one in counted) for place in (0, 1))
        assert sized[sha] == (added, deleted, len(files))
    print(f"{len(ours)} commits, {sum(map(len, ours.values()))} files")


@pytest.mark.django_db(transaction=True)
def test_what_was_cut_off_goes_on_and_nothing_is_stored_twice(
    sim: Sim, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, repository = chosen(sim)
    monkeypatch.setattr(commit_files, "_FILES", 10)
    sync_commits(repository, client, silent)
    steps = iter([None, None])

    def cut_off() -> None:
        next(steps)

    with pytest.raises(StopIteration):
        sync_files(repository, client, cut_off)
    begun = Commit.objects.exclude(files_at=None).count()
    assert 0 < begun < Commit.objects.count()
    assert sync_files(repository, client, silent) == Commit.objects.count() - begun
    listed = CommitFile.objects.values_list("commit", "position")
    assert len(set(listed)) == len(listed)
    # Accounts alone are asked for now, in one request: there are fewer people than a page holds.
    sim.ask("requests", clear=1)
    assert sync_details(repository, client, silent) == Commit.objects.count()
    assert sim.requests()["endpoints"]["POST /graphql"] == {"200": 1}
    assert not Commit.objects.filter(detailed_at=None).exists()
    assert not Commit.objects.filter(additions=None).exists()


@pytest.mark.django_db(transaction=True)
def test_the_files_of_a_commit_are_listed_and_go_with_their_repository(sim: Sim) -> None:
    github, repository = chosen(sim)
    client = client_with("read")
    sync_commits(repository, github, silent)
    known = Commit.objects.order_by("committed_at").last()
    assert known is not None
    where = {"repository": str(repository.pk), "commit": known.sha}
    answer = client.get("/api/commit-files/", where)
    assert (answer.status_code, "are not read" in answer.json()["error"]) == (404, True)
    sync_files(repository, github, silent)
    listed = client.get("/api/commit-files/", where).json()["items"]
    assert [one["path"] for one in listed] == list(
        known.files.order_by("position").values_list("path", flat=True)
    )
    where["commit"] = "f" * 40
    assert client.get("/api/commit-files/", where).status_code == 404
    Repository.objects.filter(pk=repository.pk).update(removed_at=repository.observed_at)
    purge_gone(0)
    assert not CommitFile.objects.exists()
    assert not Commit.objects.exists()


def test_a_repository_is_affordable_up_to_the_size_that_was_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(config.load(), "autosync_commit_files", ByteSize(2048))
    assert connect.files_are_affordable(Repository(size=2))
    assert not connect.files_are_affordable(Repository(size=3))
    monkeypatch.setattr(config.load(), "autosync_commit_files", ByteSize(0))
    assert not connect.files_are_affordable(Repository(size=0))
