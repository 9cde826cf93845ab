"""Releases of a repository."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from githubsim.clock import iso, iso_or_none
from githubsim.graphql.context import CommitNode, Info
from githubsim.graphql.markup import html_of, mentioned
from githubsim.graphql.pages import Page, Resolvers, of_list
from githubsim.graphql.reactions import REACTABLE
from githubsim.shapes import GHOST
from githubsim.shapes.releases import tag_in_page
from githubsim.store import Account, Release, ReleaseAsset, Repository

Parts = tuple[int | str, ...]


def _releases(repository: Repository, info: Info, **args: Any) -> Page:
    context = info.context
    context.need("contents")
    drafts = context.caller.covers(repository) and context.caller.allows("contents", "write")
    found = context.store.releases(repository.id, drafts=drafts)
    order = args.get("orderBy") or {"field": "CREATED_AT", "direction": "DESC"}
    if order["field"] == "NAME":
        found.sort(key=lambda one: (one.name or "", one.id), reverse=order["direction"] == "DESC")
    elif order["direction"] == "ASC":
        found.reverse()
    return of_list(info, found, args)


def _release(repository: Repository, info: Info, tagName: str) -> Release | None:
    info.context.need("contents")
    return info.context.store.release_by_tag(repository.id, tagName)


def _latest(repository: Repository, info: Info) -> Release | None:
    info.context.need("contents")
    return info.context.store.latest_release(repository.id)


def _is_latest(release: Release, info: Info) -> bool:
    latest = info.context.store.latest_release(release.repository_id)
    return latest is not None and latest.id == release.id


def _author(release: Release, info: Info) -> Account | None:
    found = info.context.store.account(release.author_id)
    return found if found is not None and found.type == "User" else None


def _tag(release: Release, info: Info) -> Any:
    from githubsim.graphql.repositories import ref_of  # noqa: PLC0415 (it imports this file)

    home = info.context.home(release.repository_id)
    return ref_of(home, info, f"refs/tags/{release.tag}")


def _tag_commit(release: Release, info: Info) -> CommitNode | None:
    home = info.context.home(release.repository_id)
    sha = info.context.git.resolve(home.id, f"refs/tags/{release.tag}")
    if sha is None:
        return None
    commits = info.context.commits(home)
    sha = info.context.git.peel(home.id, sha)
    return None if commits.find(sha) is None else CommitNode(sha, commits)


def _mentions(release: Release, info: Info, **args: Any) -> Page:
    store = info.context.store
    accounts = [store.account_by_login(one) for one in mentioned(release.body)]
    people = [one for one in accounts if one is not None and one.type == "User"]
    return of_list(info, people, args)


def _path(release: Release, info: Info) -> str:
    home = info.context.full_name(info.context.home(release.repository_id))
    return f"/{home}/releases/tag/{tag_in_page(release)}"


def _assets(release: Release, info: Info, name: str | None = None, **args: Any) -> Page:
    found = info.context.store.assets(release.id)
    return of_list(info, [one for one in found if name in (None, one.name)], args)


def _release_of(asset: ReleaseAsset, info: Info) -> Release | None:
    return info.context.store.find_release(asset.release_id)


def _download_url(asset: ReleaseAsset, info: Info) -> str:
    release = _release_of(asset, info)
    home = info.context.full_name(info.context.home(asset.repository_id))
    place = "" if release is None else tag_in_page(release)
    return f"{info.context.web}/{home}/releases/download/{place}/{quote(asset.name, safe='')}"


def asset_by_id(info: Info, parts: Parts) -> ReleaseAsset | None:
    """`RA_…`; a draft's only for who may push."""
    found = info.context.store.find_asset(int(parts[1]))
    if found is None or found.repository_id != parts[0]:
        return None
    return None if release_by_id(info, (parts[0], found.release_id)) is None else found


def release_by_id(info: Info, parts: Parts) -> Release | None:
    """`RE_…`; a draft only for who may push."""
    info.context.need("contents")
    context = info.context
    found = context.store.find_release(int(parts[1]))
    if found is None or found.repository_id != parts[0]:
        return None
    home = context.repository(found.repository_id)
    pushes = context.caller.allows("contents", "write")
    if found.draft and not (pushes and home is not None and context.caller.covers(home)):
        return None
    return found


REPOSITORY: Resolvers = {"latestRelease": _latest, "release": _release, "releases": _releases}
TYPES: dict[str, Resolvers] = {
    "Release": REACTABLE
    | {
        "author": _author,
        "createdAt": lambda one, _: iso(one.created_at),
        "databaseId": lambda one, _: one.id,
        "description": lambda one, _: one.body,
        "descriptionHTML": lambda one, _: html_of(one.body),
        "id": lambda one, _: one.node_id,
        "isDraft": lambda one, _: one.draft,
        "isLatest": _is_latest,
        "isPrerelease": lambda one, _: one.prerelease,
        "mentions": _mentions,
        "name": lambda one, _: one.name,
        "publishedAt": lambda one, _: iso_or_none(one.published_at),
        "releaseAssets": _assets,
        "repository": lambda one, info: info.context.home(one.repository_id),
        "resourcePath": _path,
        "tag": _tag,
        "tagCommit": _tag_commit,
        "tagName": lambda one, _: one.tag,
        "updatedAt": lambda one, _: iso(one.updated_at),
        "url": lambda one, info: info.context.web + _path(one, info),
    },
    "ReleaseAsset": {
        "contentType": lambda asset, _: asset.content_type,
        "createdAt": lambda asset, _: iso(asset.created_at),
        "downloadCount": lambda asset, _: asset.downloads,
        "downloadUrl": _download_url,
        "id": lambda asset, _: asset.node_id,
        "name": lambda asset, _: asset.name,
        "release": _release_of,
        "size": lambda asset, _: asset.size,
        "updatedAt": lambda asset, _: iso(asset.updated_at),
        "uploadedBy": lambda asset, info: info.context.store.account(asset.uploader_id) or GHOST,
        "url": lambda asset, info: (
            f"{info.context.web}/{info.context.full_name(info.context.home(asset.repository_id))}"
            f"/releases/assets/{asset.id}"
        ),
    },
}
