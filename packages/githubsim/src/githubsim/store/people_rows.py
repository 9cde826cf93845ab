"""The rows of who belongs where: members, teams, collaborators, stars and watchers."""

from dataclasses import dataclass

from githubsim.ids import node_id

# What a team or collaborator may do with a repository, from least to most.
LEVELS = ("pull", "triage", "push", "maintain", "admin")


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an organisation; `role` is admin or member, `public` whether strangers see it."""

    organization_id: int
    account_id: int
    role: str
    public: bool


@dataclass(frozen=True, slots=True)
class Team:
    """A team of an organisation; `privacy` is closed (seen by all members) or secret."""

    id: int
    organization_id: int
    name: str
    slug: str
    description: str | None
    privacy: str
    parent_id: int | None
    created_at: int
    updated_at: int

    @property
    def node_id(self) -> str:
        return node_id("T", self.organization_id, self.id)


@dataclass(frozen=True, slots=True)
class TeamMember:
    """`role` is member or maintainer."""

    team_id: int
    account_id: int
    role: str


@dataclass(frozen=True, slots=True)
class TeamRepository:
    """A repository a team works on, at one of LEVELS."""

    team_id: int
    repository_id: int
    permission: str


@dataclass(frozen=True, slots=True)
class Collaborator:
    """Somebody with access to one repository, at one of LEVELS."""

    repository_id: int
    account_id: int
    permission: str


@dataclass(frozen=True, slots=True)
class Star:
    """Somebody's star of a repository."""

    repository_id: int
    account_id: int
    starred_at: int


@dataclass(frozen=True, slots=True)
class Watcher:
    """Somebody who wants to hear of everything in a repository."""

    repository_id: int
    account_id: int
