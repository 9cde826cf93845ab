"""Releasing, as control actions; each sends its webhooks."""

from collections.abc import Callable
from typing import Any

from githubsim.control.desk import Desk, Refused
from githubsim.pushes import move_ref
from githubsim.shapes import Json
from githubsim.store import Release


def create(desk: Desk) -> Json:
    """`repository`, `tag` (made if it is not there), `name`, `body`, `draft`, `prerelease`."""
    repository, tag = desk.repository, desk.need("tag")
    ref = f"refs/tags/{tag}"
    sha = desk.git.ref(repository.id, ref)
    if sha is None:
        sha = desk.git.ref(repository.id, f"refs/heads/{repository.default_branch}")
        if sha is None:
            raise Refused("the repository is empty")
        if not desk.get("draft"):
            move_ref(desk.store, desk.git, repository.id, ref, sha, sender_id=desk.sender.id)
    sha = desk.git.peel(repository.id, sha)
    made = desk.store.create_release(
        repository.id,
        tag,
        target=repository.default_branch,
        name=desk.get("name"),
        body=desk.get("body", "What is new"),
        draft=bool(desk.get("draft", False)),
        prerelease=bool(desk.get("prerelease", False)),
        author_id=desk.sender.id,
        commit_at=desk.git.commits(repository.id, [sha])[sha].committer_at,
    )
    return _shape(desk, made)


def edit(desk: Desk) -> Json:
    """`release_id` and any of `name`, `body`, `draft`, `prerelease`."""
    fields = {
        key: desk.body[key] for key in ("name", "body", "draft", "prerelease") if key in desk.body
    }
    release_id = int(desk.need("release_id"))
    return _shape(desk, desk.store.edit_release(release_id, sender_id=desk.sender.id, **fields))


def delete(desk: Desk) -> Json:
    """`release_id`."""
    gone = desk.store.delete_release(int(desk.need("release_id")), sender_id=desk.sender.id)
    return _shape(desk, gone)


def _shape(desk: Desk, release: Release) -> Json:
    repository = desk.store.repository(release.repository_id)
    assert repository is not None
    return desk.shapes.release(repository, release)


ACTIONS: dict[str, Callable[[Desk], Any]] = {
    "releases/create": create,
    "releases/delete": delete,
    "releases/edit": edit,
}
