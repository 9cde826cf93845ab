"""Repositories with their labels and milestones, and the events of their changes."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from githubsim.store.activity import Activity
from githubsim.store.installations import Installations
from githubsim.store.rows import Event, Label, Push, Repository, Subject

DEFAULT_LABELS = (
    ("bug", "d73a4a", "Something isn't working"),
    ("documentation", "0075ca", "Improvements or additions to documentation"),
    ("duplicate", "cfd3d7", "This issue or pull request already exists"),
    ("enhancement", "a2eeef", "New feature or request"),
    ("good first issue", "7057ff", "Good for newcomers"),
    ("help wanted", "008672", "Extra attention is needed"),
    ("invalid", "e4e669", "This doesn't seem right"),
    ("question", "d876e3", "Further information is requested"),
    ("wontfix", "ffffff", "This will not be worked on"),
)


class Repositories(Installations):
    """The part of the store that holds repositories."""

    def create_repository(
        self,
        owner_id: int,
        name: str,
        *,
        description: str | None = None,
        language: str | None = None,
        topics: Sequence[str] = (),
        default_branch: str = "main",
        private: bool = False,
        parent_id: int | None = None,
        has_issues: bool = True,
        stargazers: int = 0,
        default_labels: bool = True,
        sender_id: int | None = None,
        at: int | None = None,
        quiet: bool = False,
    ) -> Repository:
        """A new repository (the git side is `GitRepos.init`). Sends `repository.created`.

        `quiet` sends nothing, for loading a world. ValueError if the name is taken.
        """
        at = self.clock.now() if at is None else at
        owner = self.account(owner_id)
        if owner is None:
            raise KeyError(owner_id)
        with self.writing():
            if self._by_owner(owner_id, name) is not None:
                raise ValueError("name already exists on this account")
            new = Repository(
                id=self.allocate("repository"),
                owner_id=owner_id,
                name=name,
                description=description,
                homepage=None,
                language=language,
                topics=tuple(topics),
                default_branch=default_branch,
                private=private,
                fork=parent_id is not None,
                parent_id=parent_id,
                archived=False,
                has_issues=has_issues,
                size=0,
                stargazers=stargazers,
                forks=0,
                open_issues=0,
                next_number=1,
                next_milestone=1,
                created_at=at,
                updated_at=at,
                pushed_at=at,
                deleted_at=None,
            )
            self.insert(new)
            # A name in use again no longer redirects to the one that had it before.
            self.execute("DELETE FROM old_names WHERE full_name = ?", (f"{owner.login}/{name}",))
            if default_labels:
                first = self.allocate("label", len(DEFAULT_LABELS))
                self.insert_all(
                    Label(first + place, new.id, label, color, about, True, at, at)
                    for place, (label, color, about) in enumerate(DEFAULT_LABELS)
                )
            if not quiet:
                self.tell_repository(new, "created", sender_id, at)
        return new

    def fork_repository(
        self, repository_id: int, owner_id: int, name: str | None = None, *, at: int | None = None
    ) -> Repository:
        """Somebody's fork (the git side is `GitRepos.copy`). Sends `fork`; the count of the parent
        moves, and not its clock, as in GitHub's example payload (octokit/webhooks).

        ValueError if the account has a repository of that name.
        """
        at = self.clock.now() if at is None else at
        with self.writing():
            parent = self._existing(repository_id)
            new = self.create_repository(
                owner_id,
                name or parent.name,
                description=parent.description,
                language=parent.language,
                default_branch=parent.default_branch,
                private=parent.private,
                parent_id=parent.id,
                has_issues=False,
                default_labels=False,
                sender_id=owner_id,
                at=at,
            )
            new = replace(new, license=parent.license)
            self.update(new)
            self._count_forks(parent.id, 1)
            self.tell("fork", None, self._existing(parent.id), new, owner_id, at)
        return new

    def forks(self, repository_id: int) -> list[Repository]:
        """The forks of a repository, oldest first."""
        where = "WHERE parent_id = ? AND deleted_at IS NULL ORDER BY created_at, id"
        return self.rows(Repository, where, (repository_id,))

    def _count_forks(self, parent_id: int | None, change: int) -> None:
        parent = self.repository(parent_id)
        if parent is not None:
            self.update(replace(parent, forks=parent.forks + change))

    def repository(self, repository_id: int | None) -> Repository | None:
        """A repository by id; None for the deleted."""
        return self.row(Repository, "WHERE id = ? AND deleted_at IS NULL", (repository_id,))

    def repository_by_name(self, owner: str, name: str) -> Repository | None:
        """A repository by its present owner's login and its present name, any case."""
        return self.row(
            Repository,
            "WHERE owner_id = (SELECT id FROM accounts WHERE login = ?) AND name = ? "
            "AND deleted_at IS NULL",
            (owner, name),
        )

    def repository_by_old_name(self, owner: str, name: str) -> Repository | None:
        """The repository which once had this name, to be redirected to."""
        found = self.value(
            "SELECT repository_id FROM old_names WHERE full_name = ?", (f"{owner}/{name}",)
        )
        return None if found is None else self.repository(found)

    def repositories(self, owner_id: int | None = None) -> list[Repository]:
        """All repositories, or those of one owner, oldest first."""
        if owner_id is None:
            return self.rows(Repository, "WHERE deleted_at IS NULL ORDER BY id")
        return self.rows(
            Repository, "WHERE deleted_at IS NULL AND owner_id = ? ORDER BY id", (owner_id,)
        )

    def full_name(self, repository: Repository) -> str:
        """`owner/name`."""
        owner = self.account(repository.owner_id)
        return f"{owner.login if owner else 'ghost'}/{repository.name}"

    def block_repository(self, repository_id: int, reason: str | None) -> None:
        """Withhold a repository (dmca, tos, sensitive_data), or with None no longer. No event."""
        block = f"{reason} {self.clock.now()}" if reason else ""
        self.set_setting(f"blocked {repository_id}", block)

    def block(self, repository_id: int) -> tuple[str, int] | None:
        """Why and since when a repository is withheld, or None."""
        reason, _, at = (self.setting(f"blocked {repository_id}") or "").partition(" ")
        return (reason, int(at)) if reason else None

    def edit_repository(
        self,
        repository_id: int,
        *,
        sender_id: int | None = None,
        at: int | None = None,
        quiet: bool = False,
        **fields: Any,
    ) -> Repository:
        """Change fields of a Repository. Sends `edited`, and `privatized`/`publicized`,
        `archived`/`unarchived` or `renamed` for those fields.
        """
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self._existing(repository_id)
            new = replace(old, **fields, updated_at=max(at, old.updated_at))
            if new.name != old.name:
                taken = self._by_owner(old.owner_id, new.name)
                if taken is not None and taken.id != old.id:
                    raise ValueError("name already exists on this account")
                self._leave_name(old)
            self.update(new)
            if quiet:
                return new
            if new.name != old.name:
                changes = {"repository": {"name": {"from": old.name}}}
                self.tell_repository(new, "renamed", sender_id, at, changes=changes)
            if new.private != old.private:
                action = "privatized" if new.private else "publicized"
                self.tell_repository(new, action, sender_id, at)
            if new.archived != old.archived:
                action = "archived" if new.archived else "unarchived"
                self.tell_repository(new, action, sender_id, at)
            edited: dict[str, Any] = {
                name: {"from": getattr(old, name)}
                for name in ("description", "homepage", "default_branch")
                if getattr(old, name) != getattr(new, name)
            }
            if old.topics != new.topics:
                edited["topics"] = {"from": list(old.topics)}
            if edited:
                self.tell_repository(new, "edited", sender_id, at, changes=edited)
        return new

    def rename_repository(
        self, repository_id: int, name: str, *, sender_id: int | None = None, at: int | None = None
    ) -> Repository:
        """A new name; the old one redirects. Sends `repository.renamed`."""
        return self.edit_repository(repository_id, name=name, sender_id=sender_id, at=at)

    def transfer_repository(
        self,
        repository_id: int,
        new_owner_id: int,
        *,
        sender_id: int | None = None,
        at: int | None = None,
    ) -> Repository:
        """A new owner; the old name redirects. Sends `repository.transferred` to installations
        of the new owner, and `installation_repositories.removed`/`added` to both sides.
        """
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self._existing(repository_id)
            owner = self.account(old.owner_id)
            if self.account(new_owner_id) is None:
                raise KeyError(new_owner_id)
            if self._by_owner(new_owner_id, old.name) is not None:
                raise ValueError("name already exists on this account")
            before = self.installations_seeing(old)
            self._leave_name(old)
            # The teams of the old owner have nothing to do with it any more.
            self.execute("DELETE FROM team_repositories WHERE repository_id = ?", (old.id,))
            new = replace(old, owner_id=new_owner_id, updated_at=max(at, old.updated_at))
            self.update(new)
            after = self.installations_seeing(new)
            kind = "organization" if owner and owner.type == "Organization" else "user"
            changes = {"owner": {"from": {kind: owner}}}
            self.tell_repository(new, "transferred", sender_id, at, changes=changes)
            for installation_id in sorted({*before, *after}):
                if (installation_id in before) == (installation_id in after):
                    continue
                installation = self.installation(installation_id)
                if installation is not None:
                    self._tell(
                        installation,
                        "added" if installation_id in after else "removed",
                        sender_id or installation.account_id,
                        at,
                        name="installation_repositories",
                        repositories=(new,),
                    )
        return new

    def delete_repository(
        self, repository_id: int, *, sender_id: int | None = None, at: int | None = None
    ) -> Repository:
        """Hide a repository for good. Sends `repository.deleted`."""
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self._existing(repository_id)
            heard = self.installations_seeing(old)
            new = replace(old, deleted_at=at, updated_at=max(at, old.updated_at))
            self.update(new)
            self._count_forks(old.parent_id, -1)
            self.execute("DELETE FROM installation_repositories WHERE repository_id = ?", (old.id,))
            sender = sender_id or old.owner_id
            self.emit(Event("repository", "deleted", at, sender, old, heard, old))
        return new

    def record_push(
        self,
        repository_id: int,
        push: Push,
        *,
        sender_id: int | None = None,
        at: int | None = None,
        event: bool = True,
        kind: str = "",
    ) -> Repository:
        """Note that a ref moved (git has moved it already). Sends `push`, `create`, `delete`; of
        branches it is an activity of that `kind`, or what the push says.

        `event` False only moves `pushed_at`: GitHub sends nothing for more than 5,000 branches
        or more than 3 tags at once.
        """
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self._existing(repository_id)
            moved = max(at, old.pushed_at)
            new = replace(old, pushed_at=moved, updated_at=max(moved, old.updated_at))
            self.update(new)
            if push.ref.startswith("refs/heads/"):
                self._note_activity(new.id, push, kind, sender_id or new.owner_id, at)
            if event:
                kind = "tag" if push.ref.startswith("refs/tags/") else "branch"
                about = {"ref_type": kind, "ref": push.ref.split("/", 2)[-1]}
                if push.created:
                    self.tell("create", None, new, push, sender_id, at, **about)
                self.tell("push", None, new, push, sender_id, at)
                if push.deleted:
                    self.tell("delete", None, new, push, sender_id, at, **about)
        return new

    def _note_activity(
        self, repository_id: int, push: Push, kind: str, actor_id: int, at: int
    ) -> None:
        if push.created:
            kind = "branch_creation"
        elif push.deleted:
            kind = "branch_deletion"
        kind = kind or ("force_push" if push.forced else "push")
        number = self.allocate("activity")
        self.insert(
            Activity(number, repository_id, kind, push.ref, push.before, push.after, actor_id, at)
        )

    def activity(self, repository_id: int) -> list[Activity]:
        """What happened to the branches of a repository, oldest first."""
        return self.rows(Activity, "WHERE repository_id = ? ORDER BY id", (repository_id,))

    # Events.

    def tell(
        self,
        name: str,
        action: str | None,
        repository: Repository,
        subject: Subject,
        sender_id: int | None,
        at: int | None,
        **extra: Any,
    ) -> None:
        """Emit an event of a repository to the installations that see it."""
        self.emit(
            Event(
                name,
                action,
                self.clock.now() if at is None else at,
                sender_id or repository.owner_id,
                repository,
                self.installations_seeing(repository),
                subject,
                extra,
            )
        )

    def tell_repository(
        self, repository: Repository, action: str, sender_id: int | None, at: int, **extra: Any
    ) -> None:
        """Emit a `repository` event."""
        self.tell("repository", action, repository, repository, sender_id, at, **extra)

    def _existing(self, repository_id: int) -> Repository:
        found = self.repository(repository_id)
        if found is None:
            raise KeyError(repository_id)
        return found

    def _by_owner(self, owner_id: int, name: str) -> Repository | None:
        return self.row(
            Repository,
            "WHERE owner_id = ? AND name = ? AND deleted_at IS NULL",
            (owner_id, name),
        )

    def _leave_name(self, repository: Repository) -> None:
        self.execute(
            "INSERT INTO old_names VALUES (?, ?) ON CONFLICT (full_name) "
            "DO UPDATE SET repository_id = excluded.repository_id",
            (self.full_name(repository), repository.id),
        )
