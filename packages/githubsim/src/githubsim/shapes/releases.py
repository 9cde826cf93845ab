"""Releases as JSON in GitHub's shape."""

from urllib.parse import quote

from githubsim.clock import iso, iso_or_none
from githubsim.shapes.accounts import Json
from githubsim.shapes.repositories import RepositoryShapes
from githubsim.store import Release, ReleaseAsset, Repository


class ReleaseShapes(RepositoryShapes):
    """What is released."""

    def release(self, repository: Repository, release: Release) -> Json:
        """`release`, in answers and webhooks, with its files."""
        url, page = self.repo_url(repository), self.repo_page(repository)
        tag = quote(release.tag)
        here = f"{url}/releases/{release.id}"
        return {
            "url": here,
            "assets_url": f"{here}/assets",
            "upload_url": f"{here}/assets{{?name,label}}",
            "html_url": f"{page}/releases/tag/{tag_in_page(release)}",
            "id": release.id,
            "author": self.user_by_id(release.author_id),
            "node_id": release.node_id,
            "tag_name": release.tag,
            "target_commitish": release.target,
            "name": release.name,
            "draft": release.draft,
            "immutable": False,
            "prerelease": release.prerelease,
            "created_at": iso(release.created_at),
            "updated_at": iso(release.updated_at),
            "published_at": iso_or_none(release.published_at),
            "assets": [
                self.asset(repository, release, one) for one in self.store.assets(release.id)
            ],
            "tarball_url": None if release.draft else f"{url}/tarball/{tag}",
            "zipball_url": None if release.draft else f"{url}/zipball/{tag}",
            "body": release.body,
            "reactions": self.rollup(here, "release", release.id),
        }

    def asset(self, repository: Repository, release: Release, asset: ReleaseAsset) -> Json:
        """`release-asset`."""
        page = f"{self.repo_page(repository)}/releases/download"
        return {
            "url": f"{self.repo_url(repository)}/releases/assets/{asset.id}",
            "id": asset.id,
            "node_id": asset.node_id,
            "name": asset.name,
            "label": asset.label,
            "uploader": self.user_by_id(asset.uploader_id),
            "content_type": asset.content_type,
            "state": "uploaded",
            "size": asset.size,
            "digest": asset.digest,
            "download_count": asset.downloads,
            "created_at": iso(asset.created_at),
            "updated_at": iso(asset.updated_at),
            "browser_download_url": (f"{page}/{tag_in_page(release)}/{quote(asset.name, safe='')}"),
        }


def tag_in_page(release: Release) -> str:
    """How a release's page is called: by its tag, a draft's by its id, for it has none yet."""
    return f"untagged-{release.id}" if release.draft else quote(release.tag)
