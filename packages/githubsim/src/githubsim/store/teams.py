"""Teams of organisations, who is on them, and the repositories they work on."""

import re
from dataclasses import replace
from typing import Any

from githubsim.store.members import Members
from githubsim.store.people_rows import Team, TeamMember, TeamRepository


class Teams(Members):
    """The part of the store that holds teams."""

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
        slug = _slug(name)
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

    def edit_team(
        self,
        team_id: int,
        *,
        sender_id: int | None = None,
        at: int | None = None,
        **fields: Any,
    ) -> Team:
        """Another name (and with it slug), description, privacy or parent. Sends `team.edited`
        unless only the parent changed. ValueError if the name is taken.
        """
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self._team(team_id)
            new = replace(old, **fields)
            if new == old:
                return old
            if new.name != old.name:
                new = replace(new, slug=_slug(new.name))
                taken = self.team_by_slug(new.organization_id, new.slug)
                if taken is not None and taken.id != new.id:
                    raise ValueError("there is a team of that name")
            new = replace(new, updated_at=max(at, old.updated_at))
            self.update(new)
            changes = {
                key: {"from": getattr(old, key) or ""}
                for key in ("name", "description", "privacy")
                if getattr(old, key) != getattr(new, key)
            }
            if changes:
                self._tell_inside("team", "edited", new, sender_id, at, changes=changes)
        return new

    def team_children(self, team_id: int) -> list[Team]:
        """The teams right under a team by name."""
        return self.rows(Team, "WHERE parent_id = ? ORDER BY slug", (team_id,))

    def set_team_role(self, team_id: int, account_id: int, role: str) -> TeamMember:
        """Make somebody on a team its maintainer, or no longer. GitHub has no webhook for it."""
        new = TeamMember(team_id, account_id, role)
        self.execute(
            "UPDATE team_members SET role = ? WHERE team_id = ? AND account_id = ?",
            (role, team_id, account_id),
        )
        return new

    def delete_team(
        self, team_id: int, *, sender_id: int | None = None, at: int | None = None
    ) -> Team:
        """Dissolve a team and those under it. Sends `team.deleted` for each."""
        with self.writing():
            old = self._team(team_id)
            for child in self.rows(Team, "WHERE parent_id = ?", (team_id,)):
                self.delete_team(child.id, sender_id=sender_id, at=at)
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
            self._tell_inside("membership", "added", new, sender_id, at, team=self._team(team_id))
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
            self._tell_inside("membership", "removed", old, sender_id, at, team=self._team(team_id))

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
        """Give a team a repository to work on. Sends `team.added_to_repository` and `team_add`, or
        `team.edited` where it had it at another level.
        """
        with self.writing():
            old = self.team_repository(team_id, repository_id)
            new = TeamRepository(team_id, repository_id, permission)
            if new == old:
                return old
            self._take(team_id, repository_id)
            self.insert(new)
            if quiet:
                return new
            team, repository = self._team(team_id), self._existing(repository_id)
            if old is None:
                self._tell_inside(
                    "team", "added_to_repository", team, sender_id, at, repository=repository
                )
                self.tell("team_add", None, repository, team, sender_id, at)
            else:
                flags = {name: name == old.permission for name in ("pull", "push", "admin")}
                changes = {"repository": {"permissions": {"from": flags}}}
                self._tell_inside(
                    "team", "edited", team, sender_id, at, repository=repository, changes=changes
                )
        return new

    def take_from_team(
        self,
        team_id: int,
        repository_id: int,
        *,
        sender_id: int | None = None,
        at: int | None = None,
    ) -> None:
        """Take a repository away from a team. Sends `team.removed_from_repository`."""
        with self.writing():
            if self.team_repository(team_id, repository_id) is None:
                raise KeyError(repository_id)
            self._take(team_id, repository_id)
            self._tell_inside(
                "team",
                "removed_from_repository",
                self._team(team_id),
                sender_id,
                at,
                repository=self._existing(repository_id),
            )

    def team_repository(self, team_id: int, repository_id: int) -> TeamRepository | None:
        """What a team may do with a repository, or None."""
        where = "WHERE team_id = ? AND repository_id = ?"
        return self.row(TeamRepository, where, (team_id, repository_id))

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

    def _take(self, team_id: int, repository_id: int) -> None:
        self.execute(
            "DELETE FROM team_repositories WHERE team_id = ? AND repository_id = ?",
            (team_id, repository_id),
        )

    def _leave_teams(
        self, organization_id: int, account_id: int, sender_id: int | None, at: int | None
    ) -> None:
        for team in self.teams(organization_id):
            if self.team_member(team.id, account_id) is not None:
                self.remove_from_team(team.id, account_id, sender_id=sender_id, at=at)

    def _team(self, team_id: int) -> Team:
        found = self.team(team_id)
        if found is None:
            raise KeyError(team_id)
        return found


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-")
