"""Who may do what with a repository: as a collaborator, through a team, as a member or owner."""

from githubsim.store.people_rows import LEVELS, Collaborator
from githubsim.store.rows import Repository
from githubsim.store.teams import Teams

_ROLES = {"pull": "read", "push": "write"}
_OLD_WORDS = {"triage": "read", "maintain": "write"}


class Collaborators(Teams):
    """The part of the store that knows who has access to what."""

    def add_collaborator(
        self,
        repository_id: int,
        account_id: int,
        permission: str = "push",
        *,
        sender_id: int | None = None,
        at: int | None = None,
    ) -> Collaborator:
        """Give somebody access to one repository. Sends `member.added`, or `member.edited` where
        they had it at another level.
        """
        with self.writing():
            repository = self._existing(repository_id)
            old = self.collaborator(repository_id, account_id)
            new = Collaborator(repository_id, account_id, permission)
            if new == old:
                return old
            self._forget_collaborator(repository_id, account_id)
            self.insert(new)
            role = _ROLES.get(permission, permission)
            changes: dict[str, dict[str, str]] = {
                # Of the old words there are three: the rest is in the role's name.
                "permission": {"to": _OLD_WORDS.get(role, role)},
                "role_name": {"to": role},
            }
            if old is not None:
                was = _ROLES.get(old.permission, old.permission)
                changes = {"permission": {"from": was, "to": role}}
            action = "added" if old is None else "edited"
            self.tell("member", action, repository, new, sender_id, at, changes=changes)
        return new

    def remove_collaborator(
        self,
        repository_id: int,
        account_id: int,
        *,
        sender_id: int | None = None,
        at: int | None = None,
    ) -> None:
        """Take that access away. Sends `member.removed`; nothing if there was none."""
        with self.writing():
            old = self.collaborator(repository_id, account_id)
            if old is None:
                return
            self._forget_collaborator(repository_id, account_id)
            repository = self._existing(repository_id)
            self.tell("member", "removed", repository, old, sender_id, at)

    def collaborator(self, repository_id: int, account_id: int) -> Collaborator | None:
        """What somebody was given of one repository, or None."""
        where = "WHERE repository_id = ? AND account_id = ?"
        return self.row(Collaborator, where, (repository_id, account_id))

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

    def _forget_collaborator(self, repository_id: int, account_id: int) -> None:
        self.execute(
            "DELETE FROM collaborators WHERE repository_id = ? AND account_id = ?",
            (repository_id, account_id),
        )
