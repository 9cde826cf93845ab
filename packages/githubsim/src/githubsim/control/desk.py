"""What every control action gets: the world, and its parameters read from names to rows."""

from typing import Any

from starlette.datastructures import State

from githubsim.gitrepos import GitRepos
from githubsim.rest.call import World
from githubsim.shapes import Shapes
from githubsim.store import Account, Installation, Issue, Pull, Repository, Store


class Refused(ValueError):
    """The request names something that is not there; the message says what."""


class Desk:
    """One control request. Repositories are named `owner/name` or by id, accounts by login."""

    def __init__(self, state: State, body: dict[str, Any]) -> None:
        self.state = state
        self.body = body
        self.world: World = state.world
        self.shapes: Shapes = state.shapes
        self.store: Store = state.store
        self.git: GitRepos = state.git

    def get(self, name: str, default: Any = None) -> Any:
        """A parameter, or the default."""
        return self.body.get(name, default)

    def need(self, name: str) -> Any:
        """A parameter that must be there."""
        if name not in self.body:
            raise Refused(f"{name} is missing")
        return self.body[name]

    @property
    def repository(self) -> Repository:
        return self.find_repository(self.need("repository"))

    def find_repository(self, name: Any) -> Repository:
        """By `owner/name` or by id."""
        if isinstance(name, int) or str(name).isdecimal():
            found = self.store.repository(int(name))
        else:
            owner, _, short = str(name).partition("/")
            found = self.store.repository_by_name(owner, short)
        if found is None:
            raise Refused(f"no repository {name}")
        return found

    @property
    def commit(self) -> str:
        """`sha`, or the head of the repository's default branch."""
        repository = self.repository
        head = f"refs/heads/{repository.default_branch}"
        found: str | None = self.get("sha") or self.git.ref(repository.id, head)
        if found is None:
            raise Refused("the repository is empty")
        return found

    @property
    def issue(self) -> Issue:
        return self.find_issue(self.repository, self.need("number"))

    def find_issue(self, repository: Repository, number: Any) -> Issue:
        """By number."""
        found = self.store.issue_by_number(repository.id, int(number))
        if found is None:
            raise Refused(f"no issue {number}")
        return found

    @property
    def pull(self) -> Pull:
        number = int(self.need("number"))
        found = self.store.pull_by_number(self.repository.id, number)
        if found is None:
            raise Refused(f"no pull request {number}")
        return found

    @property
    def installation(self) -> Installation:
        """By `installation_id`; the only one if left out."""
        wanted = self.get("installation_id")
        found = [
            one for one in self.store.installations() if wanted is None or one.id == int(wanted)
        ]
        if not found:
            raise Refused("no such installation")
        return found[0]

    def account(self, login: str) -> Account:
        """By login."""
        found = self.store.account_by_login(login)
        if found is None:
            raise Refused(f"no account {login}")
        return found

    @property
    def sender(self) -> Account:
        """Who does it: the login in `sender`, else the oldest user."""
        login = self.get("sender")
        if login is not None:
            return self.account(str(login))
        oldest = self.store.row(Account, "WHERE type = 'User' ORDER BY id")
        if oldest is not None:
            return oldest
        return self.store.create_account("mona", name="Mona Lisa", email="mona@example.com")
