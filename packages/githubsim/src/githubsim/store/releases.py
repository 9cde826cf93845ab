"""Releases of a repository, and the events of their changes."""

from dataclasses import replace
from typing import Any

from githubsim.store.history import History
from githubsim.store.release_rows import Release


class Releases(History):
    """The part of the store that holds releases."""

    def create_release(
        self,
        repository_id: int,
        tag: str,
        *,
        target: str,
        name: str | None = None,
        body: str | None = None,
        draft: bool = False,
        prerelease: bool = False,
        author_id: int,
        commit_at: int,
        latest: str = "true",
        at: int | None = None,
    ) -> Release:
        """A new release (its tag is in git, unless it is a draft). Sends `release.created`, and if
        it is no draft `published` and `released` or `prereleased`. ValueError if the tag has one.

        `latest` is true, false or legacy: as `make_latest` of GitHub's API.
        """
        at = self.clock.now() if at is None else at
        with self.writing():
            if not draft and self.release_by_tag(repository_id, tag) is not None:
                raise ValueError("the tag has a release already")
            new = Release(
                id=self.allocate("release"),
                repository_id=repository_id,
                tag=tag,
                target=target,
                name=name,
                body=body,
                draft=draft,
                prerelease=prerelease,
                author_id=author_id,
                created_at=commit_at,
                updated_at=at,
                published_at=None if draft else at,
            )
            before = self.latest_release(repository_id)
            self.insert(new)
            if not draft:
                self._mark_latest(new, latest, before)
            self._tell_release(new, "created", author_id, at)
            if not draft:
                self._tell_published(new, author_id, at)
        return new

    def edit_release(
        self,
        release_id: int,
        *,
        latest: str | None = None,
        sender_id: int | None = None,
        at: int | None = None,
        **fields: Any,
    ) -> Release:
        """Change fields of a Release. Sends `edited`; `published` when a draft becomes none,
        `unpublished` the other way, `released` when a prerelease becomes a full one.
        """
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self._release(release_id)
            new = replace(old, **fields, updated_at=max(at, old.updated_at))
            if old.draft != new.draft:
                new = replace(new, published_at=None if new.draft else at)
            if not new.draft and new.tag != old.tag:
                taken = self.release_by_tag(new.repository_id, new.tag)
                if taken is not None and taken.id != new.id:
                    raise ValueError("the tag has a release already")
            before = self.latest_release(new.repository_id)
            self.update(new)
            if latest is None and old.draft:
                latest = "true"
            if latest is not None and not new.draft:
                self._mark_latest(new, latest, before)
            changes = {
                key: {"from": getattr(old, field) or ""}
                for key, field in (("name", "name"), ("body", "body"), ("tag_name", "tag"))
                if getattr(old, field) != getattr(new, field)
            }
            if changes:
                self._tell_release(new, "edited", sender_id, at, changes=changes)
            if old.draft and not new.draft:
                self._tell_published(new, sender_id, at)
            elif new.draft and not old.draft:
                self._tell_release(new, "unpublished", sender_id, at)
            elif old.prerelease and not new.prerelease and not new.draft:
                self._tell_release(new, "released", sender_id, at)
        return new

    def delete_release(
        self, release_id: int, *, sender_id: int | None = None, at: int | None = None
    ) -> Release:
        """Delete a release; its tag stays. Sends `release.deleted`."""
        with self.writing():
            old = self._release(release_id)
            self.execute("DELETE FROM releases WHERE id = ?", (release_id,))
            self.execute("DELETE FROM release_assets WHERE release_id = ?", (release_id,))
            self.forget_reactions("release", release_id)
            self._tell_release(old, "deleted", sender_id, self.clock.now() if at is None else at)
        return old

    def find_release(self, release_id: int) -> Release | None:
        """A release by id."""
        return self.row(Release, "WHERE id = ?", (release_id,))

    def release_by_tag(self, repository_id: int, tag: str) -> Release | None:
        """The published release of a tag."""
        where = "WHERE repository_id = ? AND tag = ? AND NOT draft"
        return self.row(Release, where, (repository_id, tag))

    def releases(self, repository_id: int, *, drafts: bool = False) -> list[Release]:
        """A repository's releases, newest commit first, with the drafts or without."""
        where = "WHERE repository_id = ? AND (? OR NOT draft) ORDER BY created_at DESC, id DESC"
        return self.rows(Release, where, (repository_id, drafts))

    def latest_release(self, repository_id: int) -> Release | None:
        """The one that was marked so, else the newest; never a draft or a prerelease."""
        where = (
            "WHERE repository_id = ? AND NOT draft AND NOT prerelease "
            "ORDER BY id = ? DESC, created_at DESC, id DESC"
        )
        marked = int(self.setting(f"latest release {repository_id}") or 0)
        return self.row(Release, where, (repository_id, marked))

    def _release(self, release_id: int) -> Release:
        found = self.find_release(release_id)
        if found is None:
            raise KeyError(release_id)
        return found

    def _mark_latest(self, release: Release, latest: str, before: Release | None) -> None:
        """Mark a release as the latest, or keep the one `before`; legacy goes by date again."""
        marked = {"true": release.id, "legacy": 0}.get(latest, before.id if before else 0)
        if latest == "true" and release.prerelease:
            return
        self.set_setting(f"latest release {release.repository_id}", str(marked))

    def _tell_published(self, release: Release, sender_id: int | None, at: int) -> None:
        self._tell_release(release, "published", sender_id, at)
        action = "prereleased" if release.prerelease else "released"
        self._tell_release(release, action, sender_id, at)

    def _tell_release(
        self, release: Release, action: str, sender_id: int | None, at: int, **extra: Any
    ) -> None:
        repository = self._existing(release.repository_id)
        self.tell("release", action, repository, release, sender_id, at, **extra)
