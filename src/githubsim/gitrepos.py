"""The real bare git repositories of a world: made, imported, written and read with plain git."""

import os
import re
import shutil
import subprocess
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from githubsim.fastimport import FastImport
from githubsim.histories import Histories
from githubsim.store.rows import ZERO_SHA

EMPTY_TREE = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"
_CONFIG = """\
[safe]
\tdirectory = *
[core]
\tlogAllRefUpdates = false
\tquotePath = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
[receive]
\tautogc = false
\tdenyNonFastForwards = false
\tdenyDeleteCurrent = refuse
[http]
\treceivepack = true
[uploadpack]
\tallowFilter = true
\tallowAnySHA1InWant = true
\thideRefs = refs/pull-internal
[transfer]
\tfsckObjects = false
[init]
\tdefaultBranch = main
"""
_FORMAT = "%x00".join(
    ("%H", "%T", "%P", "%an", "%ae", "%aI", "%at", "%cn", "%ce", "%cI", "%ct", "%B")
)
_FIELDS = 12
_REMEMBERED_STATS = 200_000
_REMEMBERED_COUNTS = 10_000
# From this place in a history on, pages are cut from the remembered list of its shas.
_DEEP = 300
_SHA = re.compile(r"[0-9a-f]{40}")


class GitError(RuntimeError):
    """git refused; the message is what it said."""


class MergeConflict(GitError):
    """These two branches do not merge."""


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit. `*_date` is ISO 8601 with its own zone, `*_at` epoch seconds."""

    sha: str
    tree: str
    parents: tuple[str, ...]
    author_name: str
    author_email: str
    author_date: str
    author_at: int
    committer_name: str
    committer_email: str
    committer_date: str
    committer_at: int
    message: str


@dataclass(frozen=True, slots=True)
class Stats:
    """Lines added and deleted, and files changed, against the first parent."""

    additions: int
    deletions: int
    files: int


@dataclass(frozen=True, slots=True)
class FileChange:
    """One file of a diff. `status` is added, removed, modified, renamed or copied."""

    path: str
    previous_path: str | None
    status: str
    additions: int
    deletions: int
    blob: str
    patch: str | None


class GitRepos:
    """All repositories of a world, one bare repository per repository id under `root`."""

    def __init__(self, root: Path, *, pack_threads: int | None = None) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        config = root / "gitconfig"
        threads = "" if pack_threads is None else f"[pack]\n\tthreads = {pack_threads}\n"
        config.write_text(_CONFIG + threads)
        # No setting of the machine or of a surrounding git process may change what we make.
        self.env = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(root),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(config),
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_AUTHOR_NAME": "GitHub",
            "GIT_AUTHOR_EMAIL": "noreply@github.com",
            "GIT_COMMITTER_NAME": "GitHub",
            "GIT_COMMITTER_EMAIL": "noreply@github.com",
        }
        self._guard = threading.Lock()
        self._locks: dict[int, threading.RLock] = {}
        self._stats: OrderedDict[str, Stats] = OrderedDict()
        self._counts: OrderedDict[tuple[int, str], int] = OrderedDict()
        self._histories = Histories(self._walk)
        self._packed: dict[int, tuple[tuple[int, int], dict[str, str]]] = {}

    # Making and writing.

    def path(self, repository_id: int) -> Path:
        """Where the bare repository lies."""
        return self.root / f"{repository_id}.git"

    def lock(self, repository_id: int) -> threading.RLock:
        """Held while refs are moved and the move is told, so that pushes do not mix."""
        with self._guard:
            return self._locks.setdefault(repository_id, threading.RLock())

    def init(self, repository_id: int, default_branch: str = "main") -> Path:
        """An empty repository."""
        path = self.path(repository_id)
        self._run(
            ["init", "-q", "--bare", "--template=", f"--initial-branch={default_branch}", str(path)]
        )
        return path

    def import_from(self, repository_id: int, source: Path) -> str:
        """Copy the branches and tags of any repository on this disk; its default branch."""
        path = self.path(repository_id)
        # --no-local copies through the protocol: a damaged or growing source cannot leak in.
        self._run(
            ["clone", "-q", "--bare", "--no-local", "--template=", str(source), str(path)],
            cwd=None,
        )
        self._run(["config", "--remove-section", "remote.origin"], path)
        branches = [ref for ref in self.refs(repository_id) if ref.startswith("refs/heads/")]
        default = self.default_branch(repository_id)
        if f"refs/heads/{default}" not in branches:
            head = self.try_run(["rev-parse", "-q", "--verify", "HEAD"], path).strip()
            if not branches and head:
                # A source with a detached HEAD and no branch, as CI checks one out.
                self._run(["update-ref", "refs/heads/main", head], path)
                branches = ["refs/heads/main"]
            if branches:
                default = branches[0].removeprefix("refs/heads/")
                self.set_default_branch(repository_id, default)
        self.tidy(repository_id)
        return default

    def copy(self, repository_id: int, source_id: int) -> None:
        """A fork: the same objects and refs."""
        shutil.copytree(self.path(source_id), self.path(repository_id))

    def fast_import(self, repository_id: int, *, force: bool = False) -> FastImport:
        """A writer of many commits: `with git.fast_import(id) as writer: …`."""
        return FastImport(self.path(repository_id), self.env, force=force)

    def tidy(self, repository_id: int) -> None:
        """Pack refs and write the commit graph, after many commits were loaded."""
        path = self.path(repository_id)
        self._run(["pack-refs", "--all"], path)
        self._run(["commit-graph", "write", "--reachable"], path)

    def remove(self, repository_id: int) -> None:
        """Delete the repository's files."""
        shutil.rmtree(self.path(repository_id), ignore_errors=True)

    def update_ref(self, repository_id: int, ref: str, new: str, old: str | None = None) -> None:
        """Create, move or (with ZERO_SHA) delete a ref; GitError if it is not at `old`."""
        args = ["update-ref", "-d", ref] if new == ZERO_SHA else ["update-ref", ref, new]
        self._run([*args, *([old] if old is not None else [])], self.path(repository_id))

    def first_refs(self, repository_id: int, refs: Mapping[str, str]) -> None:
        """Add refs to commits in a repository whose refs were never packed (`tidy` packs them)."""
        # As one file: 20,000 refs as a file each take longer to make than their commits.
        lines = [f"{sha} {ref}\n" for ref, sha in sorted(refs.items())]
        with (self.path(repository_id) / "packed-refs").open("x") as file:
            file.writelines(["# pack-refs with: peeled fully-peeled sorted \n", *lines])

    def set_default_branch(self, repository_id: int, branch: str) -> None:
        """Point HEAD at a branch, existing or not."""
        self._run(["symbolic-ref", "HEAD", f"refs/heads/{branch}"], self.path(repository_id))

    def merge(
        self,
        repository_id: int,
        base: str,
        head: str,
        message: str,
        *,
        author: tuple[str, str],
        at: int,
        squash: bool = False,
    ) -> str:
        """A merge (or squash) commit of `head` into `base`, not yet on any branch; its sha."""
        path = self.path(repository_id)
        done = self._call(["merge-tree", "--write-tree", base, head], path)
        if done.returncode != 0:
            raise MergeConflict(f"{head} does not merge into {base}")
        tree = done.stdout.decode().split("\n", 1)[0]
        parents = ["-p", base] if squash else ["-p", base, "-p", head]
        env = {
            "GIT_AUTHOR_NAME": author[0],
            "GIT_AUTHOR_EMAIL": author[1],
            "GIT_AUTHOR_DATE": f"{at} +0000",
            "GIT_COMMITTER_DATE": f"{at} +0000",
        }
        made = self._run(["commit-tree", tree, *parents], path, data=message.encode(), env=env)
        return made.decode().strip()

    # Refs, read from the files: no process for the most frequent question.

    def refs(self, repository_id: int) -> dict[str, str]:
        """All refs under refs/heads and refs/tags with their (unpeeled) shas, by name."""
        path = self.path(repository_id)
        found = dict(self._packed_refs(repository_id))
        for kind in ("heads", "tags"):
            top = path / "refs" / kind
            for folder, _, files in os.walk(top):
                for file in files:
                    if file.endswith(".lock"):
                        continue
                    full = Path(folder) / file
                    try:
                        found[str(full.relative_to(path))] = full.read_text().strip()
                    except FileNotFoundError:
                        # Deleted or packed in this moment: packed-refs is read again below.
                        return self.refs(repository_id)
        return dict(sorted(found.items()))

    def ref(self, repository_id: int, name: str) -> str | None:
        """The sha a full ref name points at, or None."""
        try:
            text = (self.path(repository_id) / name).read_text().strip()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            return self._packed_refs(repository_id).get(name)
        return text

    def branches(self, repository_id: int) -> dict[str, str]:
        """Heads by branch name."""
        return {
            name.removeprefix("refs/heads/"): sha
            for name, sha in self.refs(repository_id).items()
            if name.startswith("refs/heads/")
        }

    def default_branch(self, repository_id: int) -> str:
        """The branch HEAD points at, whether it exists or not."""
        text = (self.path(repository_id) / "HEAD").read_text().strip()
        return text.removeprefix("ref: refs/heads/")

    def resolve(self, repository_id: int, name: str) -> str | None:
        """The commit that a branch, tag, ref or (short) sha names, or None."""
        for prefix in ("refs/heads/", "refs/tags/", "refs/", ""):
            found = None if name.startswith("-") else self.ref(repository_id, prefix + name)
            if found is not None and prefix != "refs/tags/" and len(found) == 40:
                return found
        if name.startswith("-") or any(mark in name for mark in (":", "..", "@{", "^", "~")):
            return None
        said = self.try_run(
            ["rev-parse", "-q", "--verify", f"{name}^{{commit}}"], self.path(repository_id)
        )
        return said.strip() or None

    # Commits.

    def count(self, repository_id: int, sha: str) -> int:
        """How many commits are reachable from one; remembered, since history does not change."""
        key = (repository_id, sha)
        found = self._counts.get(key)
        if found is None:
            said = self._run(["rev-list", "--count", sha, "--"], self.path(repository_id))
            found = int(said)
            self._counts[key] = found
            if len(self._counts) > _REMEMBERED_COUNTS:
                self._counts.popitem(last=False)
        return found

    def count_all(self, repository_id: int) -> int:
        """How many commits are reachable from any branch or tag."""
        said = self._run(["rev-list", "--count", "--branches", "--tags"], self.path(repository_id))
        return int(said)

    def log(
        self,
        repository_id: int,
        rev: str,
        *,
        skip: int = 0,
        limit: int = 100,
        since: int | None = None,
        until: int | None = None,
        author: Sequence[str] = (),
        path: str | None = None,
        exclude: Sequence[str] = (),
    ) -> list[Commit]:
        """Commits reachable from `rev`, newest first, one page."""
        filters = [*_log_filter(since, until, author), *exclude, *([path] if path else [])]
        if skip >= _DEEP and not filters and _SHA.fullmatch(rev):
            shas = self._histories.page(repository_id, rev, skip, limit)
            return (
                self._commits(
                    repository_id, ["--no-walk=unsorted", "--stdin"], "\n".join(shas).encode()
                )
                if shas
                else []
            )
        return self._commits(
            repository_id,
            [
                f"--skip={skip}",
                f"--max-count={limit}",
                *_log_filter(since, until, author),
                rev,
                *(f"^{one}" for one in exclude),
                "--",
                *([path] if path else []),
            ],
        )

    def count_log(
        self,
        repository_id: int,
        rev: str,
        *,
        since: int | None = None,
        until: int | None = None,
        author: Sequence[str] = (),
        path: str | None = None,
        exclude: Sequence[str] = (),
    ) -> int:
        """How many commits `log` has with these filters."""
        filters = _log_filter(since, until, author)
        if not filters and not path and not exclude:
            return self.count(repository_id, rev)
        args = ["rev-list", "--count", *filters, rev, *(f"^{one}" for one in exclude), "--"]
        return int(self._run([*args, *([path] if path else [])], self.path(repository_id)))

    def commits(self, repository_id: int, shas: Sequence[str]) -> dict[str, Commit]:
        """These commits by sha; what is no commit here is left out."""
        if not shas:
            return {}
        found = self._commits(
            repository_id,
            ["--no-walk=unsorted", "--ignore-missing", "--stdin"],
            "\n".join(self.existing(repository_id, shas)).encode(),
        )
        return {one.sha: one for one in found}

    def existing(self, repository_id: int, shas: Sequence[str]) -> list[str]:
        """Those of `shas` (full, 40 digits) which are commits in this repository."""
        said = self._run(
            ["cat-file", "--batch-check=%(objectname) %(objecttype)"],
            self.path(repository_id),
            data="\n".join(shas).encode() + b"\n",
        )
        return [line[:40] for line in said.decode().splitlines() if line.endswith(" commit")]

    def stats(self, repository_id: int, shas: Sequence[str]) -> dict[str, Stats]:
        """Additions, deletions and files of commits that exist, by sha; remembered."""
        found = {sha: self._stats[sha] for sha in shas if sha in self._stats}
        wanted = [sha for sha in shas if sha not in found]
        if not wanted:
            return found
        said = self._run(
            [
                "log",
                "--no-walk=unsorted",
                "--stdin",
                "--diff-merges=first-parent",
                "--root",
                "-M",
                "--numstat",
                "--format=%x00%H",
            ],
            self.path(repository_id),
            data="\n".join(wanted).encode() + b"\n",
        )
        for block in said.decode(errors="replace").split("\0")[1:]:
            sha, *lines = block.strip("\n").split("\n")
            counts = [line.split("\t", 2) for line in lines if "\t" in line]
            stats = _sum(counts)
            found[sha] = self._stats[sha] = stats
        while len(self._stats) > _REMEMBERED_STATS:
            self._stats.popitem(last=False)
        return found

    def changed_paths(
        self, repository_id: int, shas: Sequence[str]
    ) -> dict[str, tuple[list[str], list[str], list[str]]]:
        """Per commit the paths added, removed and modified, as a push payload lists them."""
        if not shas:
            return {}
        said = self._run(
            [
                "log",
                "--no-walk=unsorted",
                "--stdin",
                "--diff-merges=first-parent",
                "--root",
                "--no-renames",
                "--name-status",
                "--format=%x00%H",
            ],
            self.path(repository_id),
            data="\n".join(shas).encode() + b"\n",
        )
        found = {}
        for block in said.decode(errors="replace").split("\0")[1:]:
            sha, *lines = block.strip("\n").split("\n")
            lists: tuple[list[str], list[str], list[str]] = ([], [], [])
            for line in lines:
                status, _, name = line.partition("\t")
                if name:
                    lists[{"A": 0, "D": 1}.get(status, 2)].append(name)
            found[sha] = lists
        return found

    def diff(self, repository_id: int, old: str, new: str) -> list[FileChange]:
        """The files that differ between two trees or commits, with their patches."""
        path = self.path(repository_id)
        flags = ["-r", "-M", "--no-color", old, new]
        raw = self._run(["diff-tree", "-z", "--raw", "--no-abbrev", *flags], path)
        numbers = self._run(["diff-tree", "-z", "--numstat", *flags], path)
        text = self._run(["diff-tree", "-p", *flags], path).decode(errors="replace")
        patches = _patches(text)
        counts = _numstat_z(numbers.decode(errors="replace"))
        return _changes(raw.decode(errors="replace"), counts, patches)

    def patches(self, repository_id: int, pairs: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
        """For each pair (older, newer commit) the patch of each path; {} where one is missing."""
        path = self.path(repository_id)
        wanted = "".join(f"{old}^{{tree}}\n{new}^{{tree}}\n" for old, new in pairs)
        said = self._run(["cat-file", "--batch-check=%(objectname)"], path, data=wanted.encode())
        trees = [line if len(line) == 40 else "" for line in said.decode().splitlines()]
        lines = {
            f"{old} {new}": None
            for old, new in zip(trees[::2], trees[1::2], strict=True)
            if old and new
        }
        flags = ["diff-tree", "--stdin", "-r", "-M", "-p", "--no-color"]
        data = "".join(f"{line}\n" for line in lines).encode()
        text = "\n" + self._run(flags, path, data=data).decode(errors="replace")
        found: dict[str, dict[str, str]] = {}
        starts = [(text.find(f"\n{line}\n"), line) for line in lines]
        starts = sorted(one for one in starts if one[0] >= 0)
        for place, (start, line) in enumerate(starts):
            end = starts[place + 1][0] if place + 1 < len(starts) else len(text)
            found[line] = _patches_by_path(text[start + len(line) + 2 : end])
        pairs_of_trees = zip(trees[::2], trees[1::2], strict=True)
        return [found.get(f"{old} {new}", {}) for old, new in pairs_of_trees]

    def compare(self, repository_id: int, base: str, head: str) -> Stats:
        """Stats of `base...head`, as a pull request shows them."""
        said = self._run(
            ["diff", "-M", "--numstat", f"{base}...{head}", "--"], self.path(repository_id)
        )
        lines = said.decode(errors="replace").splitlines()
        return _sum([line.split("\t", 2) for line in lines])

    def merge_base(self, repository_id: int, one: str, other: str) -> str | None:
        """The best common ancestor, or None."""
        said = self.try_run(["merge-base", one, other], self.path(repository_id)).strip()
        return said or None

    def is_ancestor(self, repository_id: int, older: str, newer: str) -> bool:
        """Whether `newer` contains `older`."""
        done = self._call(["merge-base", "--is-ancestor", older, newer], self.path(repository_id))
        return done.returncode == 0

    def new_commits(
        self, repository_id: int, after: str, known: Sequence[str], limit: int
    ) -> list[str]:
        """Shas reachable from `after` and from none of `known`, oldest first, newest `limit`."""
        said = self._run(
            ["rev-list", f"--max-count={limit}", "--stdin"],
            self.path(repository_id),
            data="\n".join([after, *(f"^{sha}" for sha in known)]).encode() + b"\n",
        )
        return said.decode().split()[::-1]

    def peel(self, repository_id: int, sha: str) -> str:
        """The commit a tag object points at; a commit is itself."""
        said = self.try_run(["rev-parse", f"{sha}^{{commit}}"], self.path(repository_id)).strip()
        return said or sha

    def object_types(self, repository_id: int, shas: Sequence[str]) -> dict[str, str]:
        """`commit`, `tag`, `tree` or `blob` of objects, by sha."""
        if not shas:
            return {}
        said = self._run(
            ["cat-file", "--batch-check=%(objectname) %(objecttype)"],
            self.path(repository_id),
            data="\n".join(shas).encode() + b"\n",
        )
        pairs = (line.split(" ", 1) for line in said.decode().splitlines())
        return dict(pairs)

    def read(self, repository_id: int, sha: str) -> bytes:
        """The content of a blob or of a tag object."""
        args = ["cat-file", "--batch"]
        said = self._run(args, self.path(repository_id), data=f"{sha}\n".encode())
        head, _, rest = said.partition(b"\n")
        return rest[: int(head.split()[2])]

    def files(self, repository_id: int, rev: str) -> dict[str, int]:
        """Paths with their sizes in bytes at a commit."""
        said = self._run(["ls-tree", "-r", "-l", "-z", rev], self.path(repository_id))
        found = {}
        for entry in said.decode(errors="replace").split("\0"):
            about, tab, name = entry.partition("\t")
            size = about.split()[-1] if tab else "-"
            if size != "-":
                found[name] = int(size)
        return found

    def authors(self, repository_id: int, rev: str) -> list[tuple[int, str, str]]:
        """(commits, name, email) of each author, most first, merges left out."""
        said = self._run(["shortlog", "-sne", "--no-merges", rev, "--"], self.path(repository_id))
        found = []
        for line in said.decode(errors="replace").splitlines():
            number, _, who = line.strip().partition("\t")
            name, _, email = who.rpartition(" <")
            found.append((int(number), name, email.rstrip(">")))
        return found

    def size_kb(self, repository_id: int) -> int:
        """The size of the objects in KB; not by the disk's blocks, which differ by file system."""
        objects = self.path(repository_id) / "objects"
        return sum(one.stat().st_size for one in objects.rglob("*") if one.is_file()) // 1024

    def http_backend(self, body: bytes, env: Mapping[str, str]) -> bytes:
        """Run `git http-backend` on one whole request; its CGI answer."""
        return subprocess.run(
            ["git", "http-backend"],
            input=body,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=dict(env) | {"CONTENT_LENGTH": str(len(body))},
            check=False,
        ).stdout

    def try_run(self, args: Sequence[str], path: Path) -> str:
        """What git prints, or an empty text where it refuses."""
        done = self._call(args, path)
        return done.stdout.decode(errors="replace") if done.returncode == 0 else ""

    def _commits(
        self, repository_id: int, args: Sequence[str], data: bytes | None = None
    ) -> list[Commit]:
        said = self._run(
            ["log", "-z", f"--format={_FORMAT}", *args], self.path(repository_id), data=data
        )
        cells = said.decode(errors="replace").split("\0")
        found = []
        for at in range(0, len(cells) - _FIELDS + 1, _FIELDS):
            sha, tree, parents, an, ae, ai, at_, cn, ce, ci, ct, message = cells[at : at + _FIELDS]
            found.append(
                Commit(
                    sha,
                    tree,
                    tuple(parents.split()),
                    an,
                    ae,
                    ai,
                    int(at_ or 0),
                    cn,
                    ce,
                    ci,
                    int(ct or 0),
                    message.rstrip("\n"),
                )
            )
        return found

    def _walk(self, repository_id: int, head: str) -> bytes:
        return self._run(["rev-list", head, "--"], self.path(repository_id))

    def _packed_refs(self, repository_id: int) -> dict[str, str]:
        file = self.path(repository_id) / "packed-refs"
        try:
            state = file.stat()
            stamp = (state.st_mtime_ns, state.st_size)
            known = self._packed.get(repository_id)
            if known is not None and known[0] == stamp:
                return known[1]
            text = file.read_text()
        except FileNotFoundError:
            return {}
        refs = {}
        for line in text.splitlines():
            if not line.startswith(("#", "^")):
                sha, _, name = line.partition(" ")
                if name.startswith(("refs/heads/", "refs/tags/")):
                    refs[name] = sha
        self._packed[repository_id] = (stamp, refs)
        return refs

    def _call(
        self,
        args: Sequence[str],
        cwd: Path | None = None,
        data: bytes | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            ["git", *args],
            cwd=cwd,
            input=data,
            stdin=subprocess.DEVNULL if data is None else None,
            capture_output=True,
            env={**self.env, **(env or {})},
            check=False,
        )

    def _run(
        self,
        args: Sequence[str],
        cwd: Path | None = None,
        data: bytes | None = None,
        env: Mapping[str, str] | None = None,
    ) -> bytes:
        done = self._call(args, cwd, data, env)
        if done.returncode != 0:
            raise GitError(f"git {args[0]}: {done.stderr.decode(errors='replace').strip()}")
        return done.stdout


def _log_filter(since: int | None, until: int | None, author: Sequence[str]) -> list[str]:
    args = []
    if since is not None:
        # git cannot parse small epochs as numbers, hence the @.
        args.append(f"--since=@{since}")
    if until is not None:
        args.append(f"--until=@{until}")
    if author:
        args += ["--fixed-strings", *(f"--author={one}" for one in author)]
    return args


def _sum(lines: Sequence[Sequence[str]]) -> Stats:
    # Binary files have "-" for both.
    additions = sum(int(line[0]) for line in lines if line[0].isdigit())
    deletions = sum(int(line[1]) for line in lines if line[1].isdigit())
    return Stats(additions, deletions, len(lines))


def _numstat_z(text: str) -> list[tuple[int, int]]:
    """Counts in the order of the files; a rename has two more cells with its paths."""
    cells = text.split("\0")
    found = []
    at = 0
    while at < len(cells):
        parts = cells[at].split("\t", 2)
        if len(parts) < 3:
            at += 1
            continue
        added, deleted, name = parts
        found.append((int(added) if added != "-" else 0, int(deleted) if deleted != "-" else 0))
        at += 1 if name else 3
    return found


def _patches(text: str) -> list[str | None]:
    """The hunks of each file of a diff, in order; None for a binary or empty change."""
    found: list[str | None] = []
    for block in ("\n" + text).split("\ndiff --git ")[1:]:
        _, hunk, rest = block.partition("\n@@")
        found.append(f"@@{rest}".rstrip("\n") if hunk else None)
    return found


def _patches_by_path(text: str) -> dict[str, str]:
    found = {}
    for block in ("\n" + text).split("\ndiff --git ")[1:]:
        head, hunk, rest = block.partition("\n@@")
        name = head.rpartition("\n+++ b/")[2]
        if hunk and name != head:
            found[name] = f"@@{rest}".rstrip("\n")
    return found


def _changes(
    raw: str, counts: Sequence[tuple[int, int]], patches: Sequence[str | None]
) -> list[FileChange]:
    names = {"A": "added", "D": "removed", "M": "modified", "R": "renamed", "C": "copied"}
    cells = raw.split("\0")
    found: list[FileChange] = []
    at = 0
    while at < len(cells):
        if not cells[at].startswith(":"):
            at += 1
            continue
        _, _, old, new, status = cells[at].split(" ")
        twice = status[0] in "RC"
        previous = cells[at + 1] if twice else None
        path = cells[at + 2] if twice else cells[at + 1]
        at += 3 if twice else 2
        place = len(found)
        added, deleted = counts[place] if place < len(counts) else (0, 0)
        found.append(
            FileChange(
                path,
                previous,
                names.get(status[0], "changed"),
                added,
                deleted,
                old if new == ZERO_SHA else new,
                patches[place] if place < len(patches) else None,
            )
        )
    return found
