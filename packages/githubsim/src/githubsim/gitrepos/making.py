"""Repositories made, imported, copied and written."""

import shutil
from pathlib import Path

from githubsim.fastimport import FastImport
from githubsim.gitrepos.process import GitError
from githubsim.gitrepos.refs import Refs


class MergeConflict(GitError):
    """These two branches do not merge."""


class Making(Refs):
    """The part that makes repositories and commits."""

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
        """A fork: the same objects, branches and tags; pull requests stay where they are."""
        path = self.path(repository_id)
        shutil.copytree(self.path(source_id), path)
        said = self._run(["for-each-ref", "--format=delete %(refname)", "refs/pull"], path)
        if said:
            self._run(["update-ref", "--stdin"], path, data=said)

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
