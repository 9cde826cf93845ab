"""One GraphQL request: who asks, what it may see, and what was loaded already."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from graphql import GraphQLResolveInfo

from githubsim.ailments import refusal
from githubsim.auth import Caller
from githubsim.gitrepos import Commit, GitRepos, Stats
from githubsim.graphql.errors import Problem, forbidden
from githubsim.limits import Window
from githubsim.store import Account, Label, Milestone, Repository, Store

if TYPE_CHECKING:
    from githubsim.graphql.executor import Document

Info = GraphQLResolveInfo["Context"]


class Context:
    """What resolvers share. Everything is loaded once per request, and for a whole page at once."""

    def __init__(
        self,
        store: Store,
        git: GitRepos,
        caller: Caller,
        web: str,
        *,
        window: Window | None = None,
        cost: int = 1,
        node_count: int = 0,
        oids: Collection[str] = (),
        empty_lists: bool = False,
        document: Document | None = None,
        variables: Mapping[str, Any] | None = None,
    ) -> None:
        self.store = store
        # Of what was read before a change, nothing is kept after it.
        self.version = store.version
        self._git = git
        self.git_was_read = False
        # In the answer, at all depths.
        self.nodes = 0
        # Rows are kept for the queries of this document, if there is one.
        self.document = document
        self.variables = variables or {}
        self.caller = caller
        self.web = web
        self.window = window
        self.cost = cost
        self.node_count = node_count
        self.oids = oids
        self.empty_lists = empty_lists
        self._repositories: dict[int, Repository | None] = {}
        self._labels: dict[int, dict[int, Label]] = {}
        self._milestones: dict[int, dict[int, Milestone]] = {}
        self._commits: dict[int, Commits] = {}
        self._allowed: dict[tuple[str, str], bool] = {}
        self._by_email: dict[str, Account | None] = {}

    @property
    def git(self) -> GitRepos:
        """The repositories' git: what is found there is not kept."""
        self.git_was_read = True
        return self._git

    @cached_property
    def caller_key(self) -> tuple[Any, ...]:
        """All that says what a caller may see."""
        caller, token = self.caller, self.caller.token
        return (
            caller.kind,
            caller.installation and caller.installation.id,
            caller.acting_id,
            token and (tuple(sorted(token.permissions.items())), token.repository_ids),
        )

    def need(self, permission: str, level: str = "read") -> None:
        """Raise FORBIDDEN unless the token has one of the permissions."""
        key = (permission, level)
        if key not in self._allowed:
            self._allowed[key] = self.caller.allows(permission, level)
        if not self._allowed[key]:
            raise forbidden()

    def seen(self, repository: Repository | None) -> Repository | None:
        """The repository if it exists for the caller. FORBIDDEN if GitHub withholds it."""
        if repository is None:
            return None
        if repository.id not in self._repositories:
            seen = self.caller.sees(repository)
            if seen and self.store.block(repository.id) is not None:
                raise Problem("FORBIDDEN", "Repository access blocked")
            refused = refusal(self.store, repository, self.caller.installation) if seen else None
            if refused is not None:
                # As in fwouts/prmonitor#1042.
                saml = {"saml_failure": "X-GitHub-SSO" in refused.headers}
                raise Problem("FORBIDDEN", refused.message, saml)
            self._repositories[repository.id] = repository if seen else None
        return self._repositories[repository.id]

    def repository(self, repository_id: int | None) -> Repository | None:
        """A repository by id, if it exists for the caller."""
        if repository_id in self._repositories:
            return self._repositories[repository_id]
        return self.seen(self.store.repository(repository_id))

    def home(self, repository_id: int) -> Repository:
        """The repository of something that is at hand already."""
        found = self.repository(repository_id)
        if found is None:
            raise Problem("NOT_FOUND", "Could not resolve to a Repository.")
        return found

    def full_name(self, repository: Repository) -> str:
        """`owner/name`."""
        return self.store.full_name(repository)

    def labels(self, repository_id: int, label_ids: Sequence[int]) -> list[Label]:
        """Labels of one repository by id, without the deleted."""
        known = self._labels.get(repository_id)
        if known is None:
            known = {one.id: one for one in self.store.labels(repository_id)}
            self._labels[repository_id] = known
        return [known[one] for one in label_ids if one in known]

    def milestone(self, repository_id: int, milestone_id: int) -> Milestone | None:
        """A milestone of one repository."""
        known = self._milestones.get(repository_id)
        if known is None:
            known = {one.id: one for one in self.store.milestones(repository_id)}
            self._milestones[repository_id] = known
        return known.get(milestone_id)

    def commits(self, repository: Repository) -> Commits:
        """The commits of a repository that this request is about."""
        found = self._commits.get(repository.id)
        if found is None:
            found = self._commits[repository.id] = Commits(self, repository)
        return found

    def account_by_email(self, email: str) -> Account | None:
        """The account that commits with this email are linked to."""
        if email not in self._by_email:
            self._by_email[email] = self.store.account_by_email(email)
        return self._by_email[email]


class Commits:
    """Commits of one repository: those wanted are read together, by one git process each."""

    def __init__(self, context: Context, repository: Repository) -> None:
        self.context = context
        self.repository = repository
        self._wanted: set[str] = set()
        self._known: dict[str, Commit | None] = {}
        self._stats: dict[str, Stats] = {}

    @cached_property
    def uncountable(self) -> frozenset[str]:
        """The shas whose changes GitHub cannot count."""
        return self.context.store.uncountable()

    def want(self, *shas: str) -> None:
        """These will be asked for, perhaps."""
        self._wanted.update(shas)

    def keep(self, commits: Sequence[Commit]) -> None:
        """These were read."""
        self._known.update((one.sha, one) for one in commits)

    def find(self, sha: str) -> Commit | None:
        """A commit, or None."""
        if sha not in self._known:
            asked = [one for one in {sha, *self._wanted} if one not in self._known]
            found = self.context.git.commits(self.repository.id, asked)
            self._known.update((one, found.get(one)) for one in asked)
        return self._known[sha]

    def stats(self, sha: str) -> Stats:
        """Its lines added and deleted."""
        if sha not in self._stats:
            asked = [one for one, commit in self._known.items() if commit is not None]
            asked = [one for one in {sha, *asked} if one not in self._stats]
            self._stats.update(self.context.git.stats(self.repository.id, asked))
        return self._stats[sha]

    def parents(self, sha: str) -> list[CommitNode]:
        """The parents of a commit; those of all commits at hand are wanted with it."""
        for one in self._known.values():
            if one is not None:
                self._wanted.update(one.parents)
        commit = self.find(sha)
        return [CommitNode(parent, self) for parent in commit.parents] if commit else []


@dataclass(frozen=True)
class CommitNode:
    """A commit that is known to exist; it is read only if more than its oid is asked for."""

    sha: str
    commits: Commits

    @property
    def repository(self) -> Repository:
        return self.commits.repository

    @cached_property
    def commit(self) -> Commit:
        found = self.commits.find(self.sha)
        if found is None:
            raise Problem("NOT_FOUND", f"Could not resolve to a Commit with the oid {self.sha}.")
        return found


@dataclass(frozen=True, slots=True)
class ObjectNode:
    """A git object that is no commit; `kind` is Tag, Tree or Blob."""

    sha: str
    repository: Repository
    kind: str
    name: str = ""
    message: str = ""
    target: Any = None
    tagger: Any = None
