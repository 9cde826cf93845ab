"""Releasing, as control actions. Releases send their webhooks; for their files there are none."""

from collections.abc import Callable
from typing import Any

from githubsim.control.desk import Desk, Refused
from githubsim.pushes import release_commit_at
from githubsim.shapes import Json
from githubsim.store import Release, ReleaseAsset


def create(desk: Desk) -> Json:
    """`repository`, `tag` (made if it is not there), `name`, `body`, `draft`, `prerelease`,
    `assets` (names of files).
    """
    repository, tag = desk.repository, str(desk.need("tag"))
    draft, sender_id = bool(desk.get("draft", False)), desk.sender.id
    made = desk.store.create_release(
        repository.id,
        tag,
        target=repository.default_branch,
        name=desk.get("name"),
        body=desk.get("body", "What is new"),
        draft=draft,
        prerelease=bool(desk.get("prerelease", False)),
        author_id=sender_id,
        commit_at=_commit_at(desk, repository.id, tag, repository.default_branch, draft),
    )
    for name in desk.get("assets", ()):
        desk.store.upload_asset(made.id, name, size=len(name), uploader_id=sender_id)
    return _shape(desk, made)


def edit(desk: Desk) -> Json:
    """`release_id` and any of `name`, `body`, `draft`, `prerelease`. A draft that becomes none is
    published, and its tag made.
    """
    fields: Json = {
        key: desk.body[key] for key in ("name", "body", "draft", "prerelease") if key in desk.body
    }
    old = _found(desk)
    if old.draft and fields.get("draft") is False:
        fields["created_at"] = _commit_at(desk, old.repository_id, old.tag, old.target, False)
    return _shape(desk, desk.store.edit_release(old.id, sender_id=desk.sender.id, **fields))


def delete(desk: Desk) -> Json:
    """`release_id`."""
    found = _shape(desk, _found(desk))
    desk.store.delete_release(int(desk.need("release_id")), sender_id=desk.sender.id)
    return found


def upload(desk: Desk) -> Json:
    """`release_id`, `name`, `size` (1000), `content_type`, `label` → the asset."""
    made = desk.store.upload_asset(
        _found(desk).id,
        str(desk.need("name")),
        size=int(desk.get("size", 1000)),
        content_type=desk.get("content_type", "application/octet-stream"),
        label=desk.get("label"),
        uploader_id=desk.sender.id,
    )
    return _asset(desk, made)


def edit_asset(desk: Desk) -> Json:
    """`asset_id` and any of `name`, `label`."""
    asset_id = int(desk.need("asset_id"))
    new = desk.store.edit_asset(asset_id, name=desk.get("name"), label=desk.get("label"))
    return _asset(desk, new)


def download(desk: Desk) -> Json:
    """`asset_id`, `times` (1): its count goes up."""
    asset_id, times = int(desk.need("asset_id")), int(desk.get("times", 1))
    return _asset(desk, desk.store.download_asset(asset_id, times))


def delete_asset(desk: Desk) -> Json:
    """`asset_id`."""
    return {"id": desk.store.delete_asset(int(desk.need("asset_id"))).id}


def _commit_at(desk: Desk, repository_id: int, tag: str, target: str, draft: bool) -> int:
    found = release_commit_at(
        desk.store, desk.git, repository_id, tag, target, draft=draft, sender_id=desk.sender.id
    )
    if found is None:
        raise Refused(f"there is neither a tag {tag} nor a commit {target}")
    return found


def _found(desk: Desk) -> Release:
    release_id = int(desk.need("release_id"))
    found = desk.store.find_release(release_id)
    if found is None:
        raise Refused(f"no release {release_id}")
    return found


def _shape(desk: Desk, release: Release) -> Json:
    repository = desk.store.repository(release.repository_id)
    assert repository is not None
    return desk.shapes.release(repository, release)


def _asset(desk: Desk, asset: ReleaseAsset) -> Json:
    release = desk.store.find_release(asset.release_id)
    repository = desk.store.repository(asset.repository_id)
    assert release is not None
    assert repository is not None
    return desk.shapes.asset(repository, release, asset)


ACTIONS: dict[str, Callable[[Desk], Any]] = {
    "releases/asset/delete": delete_asset,
    "releases/asset/download": download,
    "releases/asset/edit": edit_asset,
    "releases/asset/upload": upload,
    "releases/create": create,
    "releases/delete": delete,
    "releases/edit": edit,
}
