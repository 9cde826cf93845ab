"""The files of releases: uploaded, renamed, downloaded, deleted. No webhook tells of any of it.

A release's events show the files that it has at that moment; whoever uploads one later is not heard
(travis-ci/travis-ci#5424). Whether the release's `updated_at` moves is documented nowhere; here it
does not.
"""

from dataclasses import replace

from githubsim.store.release_rows import ReleaseAsset
from githubsim.store.releases import Releases


class ReleaseAssets(Releases):
    """The part of the store that holds what can be downloaded with a release."""

    def upload_asset(
        self,
        release_id: int,
        name: str,
        *,
        size: int,
        content_type: str = "application/octet-stream",
        label: str | None = None,
        digest: str | None = None,
        uploader_id: int | None = None,
        at: int | None = None,
    ) -> ReleaseAsset:
        """A new file of a release. ValueError if it has one of that name."""
        at = self.clock.now() if at is None else at
        with self.writing():
            release = self._release(release_id)
            if self._asset_named(release_id, name) is not None:
                raise ValueError("the release has a file of that name already")
            new = ReleaseAsset(
                id=self.allocate("release_asset"),
                repository_id=release.repository_id,
                release_id=release_id,
                name=name,
                label=label,
                content_type=content_type,
                size=size,
                digest=digest,
                downloads=0,
                uploader_id=uploader_id,
                created_at=at,
                updated_at=at,
            )
            self.insert(new)
        return new

    def edit_asset(
        self,
        asset_id: int,
        *,
        name: str | None = None,
        label: str | None = None,
        at: int | None = None,
    ) -> ReleaseAsset:
        """Another name or label; None keeps the old. ValueError if the name is taken."""
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self._asset(asset_id)
            if name is not None and name != old.name:
                if self._asset_named(old.release_id, name) is not None:
                    raise ValueError("the release has a file of that name already")
                old = replace(old, name=name)
            new = replace(
                old,
                label=old.label if label is None else label,
                updated_at=max(at, old.updated_at),
            )
            self.update(new)
        return new

    def download_asset(self, asset_id: int, times: int = 1) -> ReleaseAsset:
        """Count downloads; no clock moves."""
        with self.writing():
            old = self._asset(asset_id)
            new = replace(old, downloads=old.downloads + times)
            self.update(new)
        return new

    def delete_asset(self, asset_id: int) -> ReleaseAsset:
        """Delete a file."""
        with self.writing():
            old = self._asset(asset_id)
            self.execute("DELETE FROM release_assets WHERE id = ?", (asset_id,))
        return old

    def find_asset(self, asset_id: int) -> ReleaseAsset | None:
        """A file by id."""
        return self.row(ReleaseAsset, "WHERE id = ?", (asset_id,))

    def assets(self, release_id: int) -> list[ReleaseAsset]:
        """The files of a release, oldest first."""
        return self.rows(ReleaseAsset, "WHERE release_id = ? ORDER BY id", (release_id,))

    def _asset(self, asset_id: int) -> ReleaseAsset:
        found = self.find_asset(asset_id)
        if found is None:
            raise KeyError(asset_id)
        return found

    def _asset_named(self, release_id: int, name: str) -> ReleaseAsset | None:
        return self.row(ReleaseAsset, "WHERE release_id = ? AND name = ?", (release_id, name))
