"""The rows of a release and of its files."""

from dataclasses import dataclass

from githubsim.ids import node_id


@dataclass(frozen=True, slots=True)
class Release:
    """A release of a tag. `created_at` is the time of the commit released, as on GitHub; a draft
    has no `published_at`, and perhaps no tag in git yet (it is made at `target`).
    """

    id: int
    repository_id: int
    tag: str
    target: str
    name: str | None
    body: str | None
    draft: bool
    prerelease: bool
    author_id: int | None
    created_at: int
    updated_at: int
    published_at: int | None

    @property
    def node_id(self) -> str:
        return node_id("RE", self.repository_id, self.id)


@dataclass(frozen=True, slots=True)
class ReleaseAsset:
    """A file that belongs to a release; only what GitHub says of it is kept, not its contents."""

    id: int
    repository_id: int
    release_id: int
    name: str
    label: str | None
    content_type: str
    size: int
    digest: str | None
    downloads: int
    uploader_id: int | None
    created_at: int
    updated_at: int

    @property
    def node_id(self) -> str:
        return node_id("RA", self.repository_id, self.id)
