"""The App's installations, and the tokens handed out for them."""

from collections.abc import Sequence
from dataclasses import replace

from githubsim.store.accounts import Accounts
from githubsim.store.rows import Event, Installation, Repository, Token


class Installations(Accounts):
    """The part of the store that knows who may see what."""

    def install(
        self,
        account_id: int,
        *,
        repository_ids: Sequence[int] | None = None,
        sender_id: int | None = None,
        at: int | None = None,
    ) -> Installation:
        """Install the App on an account; `repository_ids` None means all, now and later.

        Sends `installation.created` with the repositories. ValueError if already installed.
        """
        at = self.clock.now() if at is None else at
        app = self.app()
        if app is None:
            raise ValueError("there is no App yet")
        with self.writing():
            if self.installation_of(account_id) is not None:
                raise ValueError("the App is already installed there")
            new = Installation(
                id=self.allocate("installation"),
                app_id=app.id,
                account_id=account_id,
                repository_selection="all" if repository_ids is None else "selected",
                permissions=app.permissions,
                events=app.events,
                created_at=at,
                updated_at=at,
                suspended_at=None,
                suspended_by_id=None,
                deleted_at=None,
            )
            self.insert(new)
            for repository_id in repository_ids or ():
                self.execute(
                    "INSERT OR IGNORE INTO installation_repositories VALUES (?, ?)",
                    (new.id, repository_id),
                )
            seen = tuple(self.installation_repositories(new))
            self._tell(new, "created", sender_id or account_id, at, repositories=seen)
        return new

    def uninstall(
        self, installation_id: int, *, sender_id: int | None = None, at: int | None = None
    ) -> Installation:
        """Remove the App from the account; its tokens die. Sends `installation.deleted`."""
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self._installed(installation_id)
            seen = tuple(self.installation_repositories(old))
            new = replace(old, deleted_at=at, updated_at=at)
            self.update(new)
            self.execute("DELETE FROM tokens WHERE installation_id = ?", (old.id,))
            self._tell(new, "deleted", sender_id or old.account_id, at, repositories=seen)
        return new

    def suspend(
        self, installation_id: int, *, sender_id: int | None = None, at: int | None = None
    ) -> Installation:
        """Suspend an installation. Sends `installation.suspend`; twice is once."""
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self._installed(installation_id)
            if old.suspended_at is not None:
                return old
            by = sender_id or old.account_id
            new = replace(old, suspended_at=at, suspended_by_id=by, updated_at=at)
            self.update(new)
            seen = tuple(self.installation_repositories(new))
            self._tell(new, "suspend", by, at, repositories=seen)
        return new

    def unsuspend(
        self, installation_id: int, *, sender_id: int | None = None, at: int | None = None
    ) -> Installation:
        """Lift a suspension. Sends `installation.unsuspend`; twice is once."""
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self._installed(installation_id)
            if old.suspended_at is None:
                return old
            new = replace(old, suspended_at=None, suspended_by_id=None, updated_at=at)
            self.update(new)
            seen = tuple(self.installation_repositories(new))
            self._tell(new, "unsuspend", sender_id or old.account_id, at, repositories=seen)
        return new

    def set_permissions(self, installation_id: int, permissions: dict[str, str]) -> Installation:
        """Grant these and no others. Sends `installation.new_permissions_accepted`."""
        at = self.clock.now()
        with self.writing():
            old = self._installed(installation_id)
            new = replace(old, permissions=permissions, updated_at=at)
            self.update(new)
            self._tell(new, "new_permissions_accepted", old.account_id, at, repositories=())
        return new

    def add_to_installation(
        self,
        installation_id: int,
        repository_ids: Sequence[int],
        *,
        sender_id: int | None = None,
        at: int | None = None,
    ) -> Installation:
        """Let an installation see more. Sends `installation_repositories.added`."""
        return self._change_selection(installation_id, repository_ids, "added", sender_id, at)

    def remove_from_installation(
        self,
        installation_id: int,
        repository_ids: Sequence[int],
        *,
        sender_id: int | None = None,
        at: int | None = None,
    ) -> Installation:
        """Let an installation see less (`all` becomes `selected`). Sends `….removed`."""
        return self._change_selection(installation_id, repository_ids, "removed", sender_id, at)

    def installation(self, installation_id: int) -> Installation | None:
        """An installation which is still there, suspended or not."""
        return self.row(Installation, "WHERE id = ? AND deleted_at IS NULL", (installation_id,))

    def installation_of(self, account_id: int) -> Installation | None:
        """The installation on an account, or None."""
        return self.row(Installation, "WHERE account_id = ? AND deleted_at IS NULL", (account_id,))

    def installations(self) -> list[Installation]:
        """All that are still there, suspended ones too, oldest first."""
        return self.rows(Installation, "WHERE deleted_at IS NULL ORDER BY id")

    def installation_repositories(self, installation: Installation) -> list[Repository]:
        """The repositories an installation may see, oldest first."""
        if installation.repository_selection == "all":
            return self.rows(
                Repository,
                "WHERE owner_id = ? AND deleted_at IS NULL ORDER BY id",
                (installation.account_id,),
            )
        return self.rows(
            Repository,
            "WHERE deleted_at IS NULL AND owner_id = ? AND id IN "
            "(SELECT repository_id FROM installation_repositories WHERE installation_id = ?) "
            "ORDER BY id",
            (installation.account_id, installation.id),
        )

    def installations_seeing(self, repository: Repository) -> tuple[int, ...]:
        """Ids of the installations (suspended ones left out) which hear of a repository."""
        found = self.values(
            "SELECT id FROM installations i WHERE account_id = ? AND deleted_at IS NULL "
            "AND suspended_at IS NULL AND (repository_selection = 'all' OR EXISTS "
            "(SELECT 1 FROM installation_repositories r "
            "WHERE r.installation_id = i.id AND r.repository_id = ?))",
            (repository.owner_id, repository.id),
        )
        return tuple(int(one[0]) for one in found)

    def _installed(self, installation_id: int) -> Installation:
        found = self.installation(installation_id)
        if found is None:
            raise KeyError(installation_id)
        return found

    def _change_selection(
        self,
        installation_id: int,
        repository_ids: Sequence[int],
        action: str,
        sender_id: int | None,
        at: int | None,
    ) -> Installation:
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self._installed(installation_id)
            before = {one.id: one for one in self.installation_repositories(old)}
            if action == "removed" and old.repository_selection == "all":
                for one in before:
                    self.execute(
                        "INSERT OR IGNORE INTO installation_repositories VALUES (?, ?)",
                        (old.id, one),
                    )
            for one in repository_ids:
                self.execute(
                    "INSERT OR IGNORE INTO installation_repositories VALUES (?, ?)"
                    if action == "added"
                    else "DELETE FROM installation_repositories "
                    "WHERE installation_id = ? AND repository_id = ?",
                    (old.id, one),
                )
            selection = old.repository_selection if action == "added" else "selected"
            new = replace(old, repository_selection=selection, updated_at=at)
            self.update(new)
            after = {one.id: one for one in self.installation_repositories(new)}
            changed = (
                [one for key, one in after.items() if key not in before]
                if action == "added"
                else [one for key, one in before.items() if key not in after]
            )
            if changed and old.suspended_at is None:
                self._tell(
                    new,
                    action,
                    sender_id or old.account_id,
                    at,
                    name="installation_repositories",
                    repositories=tuple(changed),
                )
        return new

    def _tell(
        self,
        installation: Installation,
        action: str,
        sender_id: int,
        at: int,
        *,
        name: str = "installation",
        repositories: tuple[Repository, ...],
    ) -> None:
        self.emit(
            Event(
                name,
                action,
                at,
                sender_id,
                None,
                (installation.id,),
                installation,
                {"repositories": repositories},
            )
        )

    # Tokens.

    def save_token(self, token: Token) -> Token:
        """Keep a token that was handed out."""
        self.insert(token)
        return token

    def token(self, text: str) -> Token | None:
        """A token that was handed out and not revoked; look at `expires_at` yourself."""
        return self.row(Token, "WHERE token = ?", (text,))

    def revoke_token(self, text: str) -> None:
        """Forget a token."""
        self.execute("DELETE FROM tokens WHERE token = ?", (text,))
