"""Releases as JSON in GitHub's shape."""

from urllib.parse import quote

from githubsim.clock import iso, iso_or_none
from githubsim.shapes.accounts import Json
from githubsim.shapes.repositories import RepositoryShapes
from githubsim.store import Release, Repository


class ReleaseShapes(RepositoryShapes):
    """What is released."""

    def release(self, repository: Repository, release: Release) -> Json:
        """`release`, in answers and webhooks. No release here has assets."""
        url, page = self.repo_url(repository), self.repo_page(repository)
        tag = quote(release.tag)
        here = f"{url}/releases/{release.id}"
        # A draft has no page by its tag yet.
        name = f"untagged-{release.id}" if release.draft else tag
        return {
            "url": here,
            "assets_url": f"{here}/assets",
            "upload_url": f"{here}/assets{{?name,label}}",
            "html_url": f"{page}/releases/tag/{name}",
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
            "assets": [],
            "tarball_url": None if release.draft else f"{url}/tarball/{tag}",
            "zipball_url": None if release.draft else f"{url}/zipball/{tag}",
            "body": release.body,
            "reactions": self.rollup(here, "release", release.id),
        }
