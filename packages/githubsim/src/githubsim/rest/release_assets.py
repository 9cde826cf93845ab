"""The files of releases: listed, shown, uploaded, renamed, deleted."""

import hashlib

from githubsim.errors import ApiError, invalid, not_found
from githubsim.rest.call import Answer, Call, route
from githubsim.rest.releases import find_release, may_push
from githubsim.shapes import Json
from githubsim.store import Release, ReleaseAsset

_RELEASES = "/repos/{owner}/{repo}/releases"


@route("GET", _RELEASES + "/{release_id}/assets", "contents")
def list_assets(call: Call) -> Answer:
    """https://docs.github.com/rest/releases/assets#list-release-assets"""
    release = find_release(call)
    found = call.store.assets(release.id)
    return call.whole(found, lambda one: call.shapes.asset(call.repository, release, one))


@route("POST", _RELEASES + "/{release_id}/assets", "contents:write")
def upload_asset(call: Call) -> Answer:
    """https://docs.github.com/rest/releases/assets#upload-a-release-asset (the body is the file)"""
    release, name = find_release(call), call.query.get("name")
    if not name:
        raise invalid("ReleaseAsset", "name")
    if not call.raw:
        raise ApiError(400, "Bad Content-Length")
    try:
        made = call.store.upload_asset(
            release.id,
            name,
            size=len(call.raw),
            content_type=call.headers.get("content-type") or "application/octet-stream",
            label=call.query.get("label"),
            digest=f"sha256:{hashlib.sha256(call.raw).hexdigest()}",
            uploader_id=call.acting_id,
        )
    except ValueError as error:
        raise invalid("ReleaseAsset", "name", "already_exists") from error
    return Answer(call.shapes.asset(call.repository, release, made), 201)


@route("GET", _RELEASES + "/assets/{asset_id}", "contents")
def show_asset(call: Call) -> Answer:
    """https://docs.github.com/rest/releases/assets#get-a-release-asset"""
    return Answer(_shape(call, *_asset(call)))


@route("PATCH", _RELEASES + "/assets/{asset_id}", "contents:write")
def edit_asset(call: Call) -> Answer:
    """https://docs.github.com/rest/releases/assets#update-a-release-asset"""
    (release, asset), body = _asset(call), call.json()
    name, label = (None if body.get(one) is None else str(body[one]) for one in ("name", "label"))
    try:
        new = call.store.edit_asset(asset.id, name=name or None, label=label)
    except ValueError as error:
        raise invalid("ReleaseAsset", "name", "already_exists") from error
    return Answer(_shape(call, release, new))


@route("DELETE", _RELEASES + "/assets/{asset_id}", "contents:write")
def delete_asset(call: Call) -> Answer:
    """https://docs.github.com/rest/releases/assets#delete-a-release-asset"""
    call.store.delete_asset(_asset(call)[1].id)
    return Answer(status=204)


def _asset(call: Call) -> tuple[Release, ReleaseAsset]:
    """The file in the path and its release, or 404; a draft's is there for who may push."""
    found = call.store.find_asset(call.number("asset_id"))
    if found is None or found.repository_id != call.repository.id:
        raise not_found()
    release = call.store.find_release(found.release_id)
    if release is None or (release.draft and not may_push(call)):
        raise not_found()
    return release, found


def _shape(call: Call, release: Release, asset: ReleaseAsset) -> Json:
    return call.shapes.asset(call.repository, release, asset)
