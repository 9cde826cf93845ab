"""Organisations from inside: members, teams, and who may do what with a repository."""

import re
from typing import Any

from githubsim.store.people_rows import (
    LEVELS,
    Collaborator,
    Member,
    Team,
    TeamMember,
    TeamRepository,
)
from githubsim.store.repositories import Repositories
from githubsim.store.rows import Account, Event, Repository


class Organizations(Repositories):
    """The part of the store that knows who belongs where."""

    def add_member(
        self,
        organization_id: int,
        account_id: int,
        *,
        role: str = "member",
        public: bool = False,
        sender_id: int | None = None,
        at: int | None = None,
    ) -> Member:
        """Let somebody in; twice is once. Sends `organization.member_added`."""
        with self.writing():
            old = self.member(organization_id, account_id)
            if old is not None:
                return old
            new = Member(organization_id, account_id, role, public)
            self.insert(new)
            self._tell_inside("organization", "member_added", new, sender_id, at)
        return new

    def remove_member(
        self,
        organization_id: int,
        account_id: int,
        *,
        sender_id: int | None = None,
        at: int | None = None,
    ) -> None:
        """Show somebody out, also of the teams. Sends `organization.member_removed`."""
        with self.writing():
            old = self.member(organization_id, account_id)
            if old is None:
                raise KeyError(account_id)
            for team in self.teams(organization_id):
                if self.team_member(team.id, account_id) is not None:
                    self.remove_from_team(team.id, account_id, sender_id=sender_id, at=at)
            self.execute(
                "DELETE FROM members WHERE organization_id = ? AND account_id = ?",
                (organization_id, account_id),
            )
            self._tell_inside("organization", "member_removed", old, sender_id, at)

    def member(self, organization_id: int, account_id: int) -> Member | None:
        """Somebody's membership, or None."""
        where = "WHERE organization_id = ? AND account_id = ?"
        return self.row(Member, where, (organization_id, account_id))

    def members(self, organization_id: int) -> list[Member]:
        """All members, the oldest account first."""
        where = "WHERE organization_id = ? ORDER BY account_id"
        return self.rows(Member, where, (organization_id,))

    def create_team(
        self,
        organization_id: int,
        name: str,
        *,
        description: str | None = None,
        privacy: str = "closed",
        parent_id: int | None = None,
        sender_id: int | None = None,
        at: int | None = None,
        quiet: bool = False,
    ) -> Team:
        """A new team. Sends `team.created`. ValueError if the name is taken."""
        at = self.clock.now() if at is None else at
        slug = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-")
        with self.writing():
            if self.team_by_slug(organization_id, slug) is not None:
                raise ValueError("there is a team of that name")
            new = Team(
                self.allocate("team"),
                organization_id,
                name,
                slug,
                description,
                privacy,
                parent_id,
                at,
                at,
            )
            self.insert(new)
            if not quiet:
                self._tell_inside("team", "created", new, sender_id, at)
        return new

    def delete_team(
        self, team_id: int, *, sender_id: int | None = None, at: int | None = None
    ) -> Team:
        """Dissolve a team. Sends `team.deleted`."""
        with self.writing():
            old = self._team(team_id)
            self.execute("UPDATE teams SET parent_id = NULL WHERE parent_id = ?", (team_id,))
            for table in ("team_members", "team_repositories", "review_requests"):
                self.execute(f"DELETE FROM {table} WHERE team_id = ?", (team_id,))  # noqa: S608
            self.execute("DELETE FROM teams WHERE id = ?", (team_id,))
            self._tell_inside("team", "deleted", old, sender_id, at)
        return old

    def team(self, team_id: int | None) -> Team | None:
        """A team by id."""
        return None if team_id is None else self.row(Team, "WHERE id = ?", (team_id,))

    def team_by_slug(self, organization_id: int, slug: str) -> Team | None:
        """A team by its slug."""
        where = "WHERE organization_id = ? AND slug = ?"
        return self.row(Team, where, (organization_id, slug.lower()))

    def teams(self, organization_id: int) -> list[Team]:
        """All teams of an organisation by name."""
        return self.rows(Team, "WHERE organization_id = ? ORDER BY slug", (organization_id,))

    def add_to_team(
        self,
        team_id: int,
        account_id: int,
        *,
        role: str = "member",
        sender_id: int | None = None,
        at: int | None = None,
    ) -> TeamMember:
        """Put somebody on a team. Sends `membership.added`."""
        with self.writing():
            old = self.team_member(team_id, account_id)
            if old is not None:
                return old
            new = TeamMember(team_id, account_id, role)
            self.insert(new)
            self._tell_inside("membership", "added", new, sender_id, at)
        return new

    def remove_from_team(
        self,
        team_id: int,
        account_id: int,
        *,
        sender_id: int | None = None,
        at: int | None = None,
    ) -> None:
        """Take somebody off a team. Sends `membership.removed`."""
        with self.writing():
            old = self.team_member(team_id, account_id)
            if old is None:
                raise KeyError(account_id)
            self.execute(
                "DELETE FROM team_members WHERE team_id = ? AND account_id = ?",
                (team_id, account_id),
            )
            self._tell_inside("membership", "removed", old, sender_id, at)

    def team_member(self, team_id: int, account_id: int) -> TeamMember | None:
        """Somebody's place on a team, or None."""
        where = "WHERE team_id = ? AND account_id = ?"
        return self.row(TeamMember, where, (team_id, account_id))

    def team_members(self, team_id: int) -> list[TeamMember]:
        """Who is on a team, the oldest account first."""
        return self.rows(TeamMember, "WHERE team_id = ? ORDER BY account_id", (team_id,))

    def give_to_team(
        self,
        team_id: int,
        repository_id: int,
        permission: str = "push",
        *,
        sender_id: int | None = None,
        at: int | None = None,
        quiet: bool = False,
    ) -> TeamRepository:
        """Give a team a repository to work on. Sends `team.added_to_repository`."""
        with self.writing():
            self.execute(
                "DELETE FROM team_repositories WHERE team_id = ? AND repository_id = ?",
                (team_id, repository_id),
            )
            new = TeamRepository(team_id, repository_id, permission)
            self.insert(new)
            if not quiet:
                team = self._team(team_id)
                repository = self._existing(repository_id)
                self._tell_inside(
                    "team", "added_to_repository", team, sender_id, at, repository=repository
                )
        return new

    def team_repositories(self, team_id: int) -> list[TeamRepository]:
        """What a team works on, the oldest repository first."""
        where = (
            "WHERE team_id = ? AND repository_id IN "
            "(SELECT id FROM repositories WHERE deleted_at IS NULL) ORDER BY repository_id"
        )
        return self.rows(TeamRepository, where, (team_id,))

    def teams_of_repository(self, repository_id: int) -> list[TeamRepository]:
        """The teams that work on a repository."""
        where = "WHERE repository_id = ? ORDER BY team_id"
        return self.rows(TeamRepository, where, (repository_id,))

    def add_collaborator(
        self,
        repository_id: int,
        account_id: int,
        permission: str = "push",
        *,
        sender_id: int | None = None,
        at: int | None = None,
    ) -> Collaborator:
        """Give somebody access to one repository. Sends `member.added`."""
        with self.writing():
            repository = self._existing(repository_id)
            self.execute(
                "DELETE FROM collaborators WHERE repository_id = ? AND account_id = ?",
                (repository_id, account_id),
            )
            new = Collaborator(repository_id, account_id, permission)
            self.insert(new)
            changes = {
                "permission": {"to": {"pull": "read", "push": "write"}.get(permission, permission)}
            }
            self.tell("member", "added", repository, new, sender_id, at, changes=changes)
        return new

    def access(self, repository: Repository) -> dict[int, str]:
        """Who may do what with a repository: one of LEVELS by account id, the oldest first.

        The owner and an organisation's owners are admins, its members may read, teams and
        collaborators add to that.
        """
        owner = self.account(repository.owner_id)
        found: list[tuple[int, str]] = []
        if owner is not None and owner.type != "Organization":
            found.append((owner.id, "admin"))
        for member in self.members(repository.owner_id):
            found.append((member.account_id, "admin" if member.role == "admin" else "pull"))
        for row in self.rows(Collaborator, "WHERE repository_id = ?", (repository.id,)):
            found.append((row.account_id, row.permission))
        for team in self.teams_of_repository(repository.id):
            for person in self.team_members(team.team_id):
                found.append((person.account_id, team.permission))
        best: dict[int, str] = {}
        for account_id, level in sorted(found):
            if LEVELS.index(level) >= LEVELS.index(best.get(account_id, "pull")):
                best[account_id] = level
        return best

    def _team(self, team_id: int) -> Team:
        found = self.team(team_id)
        if found is None:
            raise KeyError(team_id)
        return found

    def _tell_inside(
        self,
        name: str,
        action: str,
        subject: Member | Team | TeamMember,
        sender_id: int | None,
        at: int | None,
        *,
        repository: Repository | None = None,
        **extra: Any,
    ) -> None:
        """Emit an event of an organisation to its installation."""
        team = self._team(subject.team_id) if isinstance(subject, TeamMember) else None
        organization_id = (team or subject).organization_id  # type: ignore[union-attr]
        installation = self.installation_of(organization_id)
        heard = installation is not None and installation.suspended_at is None
        organization: Account | None = self.account(organization_id)
        self.emit(
            Event(
                name,
                action,
                self.clock.now() if at is None else at,
                sender_id or organization_id,
                repository,
                (installation.id,) if installation is not None and heard else (),
                subject,
                {"organization": organization, "team": team, **extra},
            )
        )
