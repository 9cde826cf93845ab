"""Work on the code: pushes, pull requests, merges, releases."""

from __future__ import annotations

from githubsim import words
from githubsim.acts.acting import Acting
from githubsim.pushes import (
    NewCommit,
    merge_pull,
    open_pull,
    pull_spec,
    push_commits,
    release_commit_at,
)
from githubsim.store import Account, Release, Repository


class Coding(Acting):
    """What developers do."""

    def push(self, repository: Repository) -> None:
        user = self._rng.choice(self._people.users)
        now = self._store.clock.now()
        commits = [
            NewCommit(
                words.commit_message(self._rng),
                words.files(self._rng, repository.language),
                _signature(user),
                now,
            )
            for _ in range(self._rng.choice((1, 1, 1, 2, 3)))
        ]
        push_commits(
            self._store,
            self._git,
            repository.id,
            repository.default_branch,
            commits,
            sender_id=user.id,
        )

    def open_pull(self, repository: Repository) -> None:
        user = self._rng.choice(self._people.users)
        branch = f"{user.login}/{self._rng.randrange(10**6)}"
        change = NewCommit(
            words.commit_message(self._rng),
            {f"notes/{branch}.md": words.sentence(self._rng).encode()},
            _signature(user),
            self._store.clock.now(),
        )
        push_commits(self._store, self._git, repository.id, branch, [change], sender_id=user.id)
        spec = pull_spec(self._git, repository.id, repository.default_branch, branch)
        open_pull(
            self._store,
            self._git,
            repository.id,
            words.title(self._rng),
            words.body(self._rng),
            spec,
            author_id=user.id,
        )

    def merge(self, repository: Repository) -> None:
        pull = self._some_pull(repository)
        if pull is not None:
            merge_pull(self._store, self._git, pull.id, sender_id=self._somebody().id)

    def release(self, repository: Repository) -> None:
        """Draft a release with its files, publish a draft, or say more of what is released."""
        found = self._store.releases(repository.id, drafts=True)[:5]
        drafts = [one for one in found if one.draft]
        if drafts:
            self._publish(repository, self._rng.choice(drafts))
        elif not found or self._rng.random() < 0.6:
            self._draft(repository)
        else:
            old, body = self._rng.choice(found), words.body(self._rng)
            self._store.edit_release(old.id, body=body, sender_id=self._somebody().id)

    def delete_release(self, repository: Repository) -> None:
        """A release that was a mistake, or one of its files."""
        found = self._store.releases(repository.id, drafts=True)[:5]
        if found:
            release = self._rng.choice(found)
            assets = self._store.assets(release.id)
            if assets:
                self._store.delete_asset(self._rng.choice(assets).id)
            else:
                self._store.delete_release(release.id, sender_id=self._somebody().id)

    def download(self, repository: Repository) -> None:
        for release in self._store.releases(repository.id)[:3]:
            for asset in self._store.assets(release.id):
                self._store.download_asset(asset.id, self._rng.randint(1, 20))

    def _draft(self, repository: Repository) -> None:
        tag, user = f"v{self._rng.randrange(1000)}.{self._rng.randrange(10**6)}", self._somebody()
        commit_at = release_commit_at(
            self._store, self._git, repository.id, tag, repository.default_branch, draft=True
        )
        if commit_at is None:
            return
        made = self._store.create_release(
            repository.id,
            tag,
            target=repository.default_branch,
            name=words.title(self._rng),
            body=words.body(self._rng),
            draft=True,
            prerelease=self._rng.random() < 0.2,
            author_id=user.id,
            commit_at=commit_at,
        )
        for kind in ("tar.gz", "zip")[: self._rng.randint(0, 2)]:
            name, size = f"{repository.name}-{tag}.{kind}", self._rng.randrange(1_000, 9_000_000)
            self._store.upload_asset(made.id, name, size=size, uploader_id=user.id)

    def _publish(self, repository: Repository, draft: Release) -> None:
        user = self._somebody()
        commit_at = release_commit_at(
            self._store,
            self._git,
            repository.id,
            draft.tag,
            draft.target,
            draft=False,
            sender_id=user.id,
        )
        if commit_at is not None:
            self._store.edit_release(draft.id, draft=False, created_at=commit_at, sender_id=user.id)


def _signature(user: Account) -> tuple[str, str]:
    return user.name or user.login, user.email or ""
