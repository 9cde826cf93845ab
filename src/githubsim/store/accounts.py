"""Accounts, the App, its installations and the tokens it hands out."""

from collections.abc import Sequence
from dataclasses import replace

from githubsim.store.database import Database
from githubsim.store.rows import (
    Account,
    App,
    Delivery,
    Event,
    Installation,
    Repository,
    Token,
)


class Accounts(Database):
    """The part of the store that knows who there is and who may see what."""

    _accounts: dict[int, Account]

    def forget(self) -> None:
        self._accounts = {}

    # People, bots and organisations.

    def create_account(
        self,
        login: str,
        type_: str = "User",
        *,
        name: str | None = None,
        email: str | None = None,
        emails: Sequence[str] = (),
        site_admin: bool = False,
        at: int | None = None,
    ) -> Account:
        """A new `User`, `Bot` or `Organization`. Commits by one of `emails` are linked to it."""
        at = self.clock.now() if at is None else at
        with self.writing():
            account = Account(
                self.allocate("account"), login, type_, name, email, site_admin, at, at
            )
            self.insert(account)
            for one in sorted({*emails, *([email] if email else [])}):
                self.execute("INSERT OR IGNORE INTO emails VALUES (?, ?)", (one, account.id))
        return account

    def account(self, account_id: int | None) -> Account | None:
        """An account by id; None for None and for the deleted."""
        if account_id is None:
            return None
        if self.in_the_past:
            return self.row(Account, "WHERE id = ?", (account_id,))
        with self.lock:
            if not hasattr(self, "_accounts"):
                self._accounts = {}
            found = self._accounts.get(account_id)
            if found is None:
                found = self.row(Account, "WHERE id = ?", (account_id,))
                if found is not None:
                    self._accounts[account_id] = found
            return found

    def account_by_login(self, login: str) -> Account | None:
        """An account by login, any case."""
        return self.row(Account, "WHERE login = ?", (login,))

    def account_by_email(self, email: str) -> Account | None:
        """The account a commit's email is linked to, or None."""
        found = self.value("SELECT account_id FROM emails WHERE email = ?", (email,))
        return self.account(found)

    def emails(self, account_id: int) -> list[str]:
        """The emails whose commits are linked to an account."""
        found = self.values("SELECT email FROM emails WHERE account_id = ?", (account_id,))
        return [str(one[0]) for one in found]

    def accounts(self) -> list[Account]:
        """All accounts, oldest first."""
        return self.rows(Account, "ORDER BY id")

    def rename_account(self, account_id: int, login: str, *, at: int | None = None) -> Account:
        """A new login for the same id."""
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self.account(account_id)
            if old is None:
                raise KeyError(account_id)
            new = replace(old, login=login, updated_at=max(at, old.updated_at))
            self.update(new)
            self._accounts.pop(account_id, None)
        return new

    def delete_account(self, account_id: int) -> None:
        """Turn an account into a ghost: what it wrote stays, with no author."""
        with self.writing():
            for table, column in (
                ("issue_events", "actor_id"),
                ("issues", "author_id"),
                ("issues", "closed_by_id"),
                ("comments", "author_id"),
                ("commit_comments", "author_id"),
                ("pulls", "merged_by_id"),
                ("milestones", "creator_id"),
                ("releases", "author_id"),
                ("reviews", "author_id"),
                ("review_comments", "author_id"),
                ("review_comments", "resolved_by_id"),
            ):
                self.execute(
                    f"UPDATE {table} SET {column} = NULL WHERE {column} = ?",  # noqa: S608
                    (account_id,),
                )
            self.execute(
                "UPDATE repositories SET stargazers = stargazers - 1 WHERE id IN "
                "(SELECT repository_id FROM stars WHERE account_id = ?)",
                (account_id,),
            )
            for table in (
                "collaborators",
                "emails",
                "members",
                "reactions",
                "review_requests",
                "stars",
                "team_members",
                "watchers",
            ):
                self.execute(f"DELETE FROM {table} WHERE account_id = ?", (account_id,))  # noqa: S608
            self.execute("DELETE FROM accounts WHERE id = ?", (account_id,))
            self.forget()

    # The App.

    def create_app(self, app: App) -> App:
        """Keep a new App (its ids from `allocate`)."""
        self.insert(app)
        return app

    def app(self) -> App | None:
        """The App of this world, once created."""
        return self.row(App, "ORDER BY id")

    def edit_app(self, app: App) -> App:
        """Write the App back, as after a change of its hook configuration."""
        new = replace(app, updated_at=self.clock.now())
        self.update(new)
        return new

    # Installations.

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

    # The delivery log.

    def log_delivery(self, delivery: Delivery) -> None:
        """Keep one attempt."""
        self.insert(delivery)

    def delivery(self, delivery_id: int) -> Delivery | None:
        """One attempt by id."""
        return self.row(Delivery, "WHERE id = ?", (delivery_id,))

    def prune_deliveries(self, before: float) -> None:
        """Drop what is older."""
        self.execute("DELETE FROM deliveries WHERE delivered_at < ?", (before,))

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
