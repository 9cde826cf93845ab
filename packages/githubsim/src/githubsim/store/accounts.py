"""Accounts, the App, and the log of its deliveries."""

from collections.abc import Sequence
from dataclasses import replace

from githubsim.store.database import Database
from githubsim.store.rows import (
    Account,
    App,
    Delivery,
)


class Accounts(Database):
    """The part of the store that knows who there is."""

    # Its id is known from the addresses it commits with: 198982749+Copilot@users.noreply.github.com
    KNOWN_IDS = {"Copilot": 198_982_749}

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
        """A new `User`, `Bot`, `Organization` or `Mannequin`. Commits by one of `emails` are linked
        to it. `Copilot` has the id that it has on GitHub.
        """
        at = self.clock.now() if at is None else at
        with self.writing():
            number = self.KNOWN_IDS.get(login) or self.allocate("account")
            account = Account(number, login, type_, name, email, site_admin, at, at)
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
                ("activity", "actor_id"),
                ("issues", "author_id"),
                ("issues", "closed_by_id"),
                ("comments", "author_id"),
                ("commit_comments", "author_id"),
                ("pulls", "merged_by_id"),
                ("milestones", "creator_id"),
                ("releases", "author_id"),
                ("release_assets", "uploader_id"),
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
