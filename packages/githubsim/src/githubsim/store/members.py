"""Members of organisations, and the events of what happens inside one."""

from dataclasses import replace
from typing import Any

from githubsim.store.people_rows import Member, Team, TeamMember
from githubsim.store.repositories import Repositories
from githubsim.store.rows import Account, Event, Repository


class Members(Repositories):
    """The part of the store that knows who is in an organisation."""

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
            self._leave_teams(organization_id, account_id, sender_id, at)
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

    def set_member(
        self,
        organization_id: int,
        account_id: int,
        *,
        role: str | None = None,
        public: bool | None = None,
    ) -> Member:
        """Another role, or whether strangers see it. GitHub has no webhook for either."""
        with self.writing():
            old = self.member(organization_id, account_id)
            if old is None:
                raise KeyError(account_id)
            new = replace(
                old,
                role=old.role if role is None else role,
                public=old.public if public is None else public,
            )
            self.execute(
                "UPDATE members SET role = ?, public = ? "
                "WHERE organization_id = ? AND account_id = ?",
                (new.role, new.public, organization_id, account_id),
            )
        return new

    def memberships(self, account_id: int) -> list[Member]:
        """The organisations that somebody is in, the oldest first."""
        return self.rows(Member, "WHERE account_id = ? ORDER BY organization_id", (account_id,))

    def _leave_teams(
        self, organization_id: int, account_id: int, sender_id: int | None, at: int | None
    ) -> None:
        raise NotImplementedError

    def _tell_inside(
        self,
        name: str,
        action: str,
        subject: Member | Team | TeamMember,
        sender_id: int | None,
        at: int | None,
        *,
        team: Team | None = None,
        repository: Repository | None = None,
        **extra: Any,
    ) -> None:
        """Emit an event of an organisation to its installation; `team` is a TeamMember's."""
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
