"""Releases: listed, shown (by id, by tag, the latest), made, edited, deleted."""

from typing import Any

from githubsim.errors import ApiError, invalid, not_found
from githubsim.pushes import release_commit_at
from githubsim.release_notes import notes
from githubsim.rest.call import Answer, Call, route
from githubsim.shapes import Json
from githubsim.store import Release

_RELEASES = "/repos/{owner}/{repo}/releases"


@route("GET", _RELEASES, "contents")
def list_releases(call: Call) -> Answer:
    """https://docs.github.com/rest/releases/releases#list-releases (drafts for who may push)"""
    found = call.store.releases(call.repository.id, drafts=may_push(call))
    return call.whole(found, lambda one: call.shapes.release(call.repository, one))


@route("POST", _RELEASES, "contents:write")
def create_release(call: Call) -> Answer:
    """https://docs.github.com/rest/releases/releases#create-a-release (makes a missing tag)"""
    body = call.json()
    tag = body.get("tag_name")
    if not isinstance(tag, str) or not tag:
        raise invalid("Release", "tag_name")
    draft = bool(body.get("draft"))
    target = str(body.get("target_commitish") or call.repository.default_branch)
    name, text = _text(body.get("name")), _text(body.get("body"))
    if body.get("generate_release_notes"):
        written = _notes(call, tag, target, None)
        name, text = name or tag, "\n\n".join(filter(None, (text, written)))
    latest = _latest(body) or "true"
    commit_at = _at(call, tag, target, draft)
    try:
        made = call.store.create_release(
            call.repository.id,
            tag,
            target=target,
            name=name,
            body=text,
            draft=draft,
            prerelease=bool(body.get("prerelease")),
            author_id=call.acting_id,
            commit_at=commit_at,
            latest=latest,
        )
    except ValueError as error:
        raise invalid("Release", "tag_name", "already_exists") from error
    return Answer(call.shapes.release(call.repository, made), 201)


@route("POST", _RELEASES + "/generate-notes", "contents:write")
def generate_notes(call: Call) -> Answer:
    """https://docs.github.com/rest/releases/releases#generate-release-notes-content-for-a-release"""
    body = call.json()
    tag = body.get("tag_name")
    if not isinstance(tag, str) or not tag:
        raise invalid("Release", "tag_name")
    target = str(body.get("target_commitish") or call.repository.default_branch)
    text = _notes(call, tag, target, _text(body.get("previous_tag_name")))
    return Answer({"name": tag, "body": text})


@route("GET", _RELEASES + "/latest", "contents")
def show_latest(call: Call) -> Answer:
    """https://docs.github.com/rest/releases/releases#get-the-latest-release"""
    found = call.store.latest_release(call.repository.id)
    if found is None:
        raise not_found()
    return Answer(call.shapes.release(call.repository, found))


@route("GET", _RELEASES + "/tags/{tag...}", "contents")
def show_by_tag(call: Call) -> Answer:
    """https://docs.github.com/rest/releases/releases#get-a-release-by-tag-name"""
    found = call.store.release_by_tag(call.repository.id, call.params["tag"])
    if found is None:
        raise not_found()
    return Answer(call.shapes.release(call.repository, found))


@route("GET", _RELEASES + "/{release_id}", "contents")
def show_release(call: Call) -> Answer:
    """https://docs.github.com/rest/releases/releases#get-a-release"""
    return Answer(call.shapes.release(call.repository, find_release(call)))


@route("PATCH", _RELEASES + "/{release_id}", "contents:write")
def edit_release(call: Call) -> Answer:
    """https://docs.github.com/rest/releases/releases#update-a-release"""
    old, body = find_release(call), call.json()
    fields: Json = {key: _text(body[key]) for key in ("name", "body") if key in body}
    fields |= {key: bool(body[key]) for key in ("draft", "prerelease") if key in body}
    for key, field in (("tag_name", "tag"), ("target_commitish", "target")):
        if body.get(key):
            fields[field] = str(body[key])
    draft = fields.get("draft", old.draft)
    if not draft:
        tag, target = fields.get("tag", old.tag), fields.get("target", old.target)
        fields["created_at"] = _at(call, tag, target, draft)
    try:
        new = call.store.edit_release(
            old.id, latest=_latest(body), sender_id=call.acting_id, **fields
        )
    except ValueError as error:
        raise invalid("Release", "tag_name", "already_exists") from error
    return Answer(call.shapes.release(call.repository, new))


@route("DELETE", _RELEASES + "/{release_id}", "contents:write")
def delete_release(call: Call) -> Answer:
    """https://docs.github.com/rest/releases/releases#delete-a-release"""
    call.store.delete_release(find_release(call).id, sender_id=call.acting_id)
    return Answer(status=204)


def find_release(call: Call) -> Release:
    """The release in the path, or 404; a draft is there for who may push."""
    found = call.store.find_release(call.number("release_id"))
    if found is None or found.repository_id != call.repository.id:
        raise not_found()
    if found.draft and not may_push(call):
        raise not_found()
    return found


def _latest(body: Json) -> str | None:
    latest = body.get("make_latest")
    if latest is None:
        return None
    if str(latest).lower() not in ("true", "false", "legacy"):
        raise invalid("Release", "make_latest", "invalid")
    return str(latest).lower()


def _notes(call: Call, tag: str, target: str, previous: str | None) -> str:
    """The generated text since `previous`, or since the latest release. 404 for unknown names."""
    git, repository = call.git, call.repository
    head = git.ref(repository.id, f"refs/tags/{tag}") or git.resolve(repository.id, target)
    if previous is None:
        latest = call.store.latest_release(repository.id)
        previous = latest.tag if latest is not None and latest.tag != tag else None
    elif git.ref(repository.id, f"refs/tags/{previous}") is None:
        raise not_found()
    if head is None:
        raise not_found()
    page = call.shapes.repo_page(repository)
    return notes(call.store, git, repository, page, tag, head=head, previous=previous)


def may_push(call: Call) -> bool:
    return call.caller.covers(call.repository) and call.caller.allows("contents", "write")


def _at(call: Call, tag: str, target: str, draft: bool) -> int:
    """The time of the commit that is released; makes the tag, unless for a draft."""
    git, repository_id = call.git, call.repository.id
    if not git.refs(repository_id):
        raise ApiError(422, "Repository is empty.")
    found = release_commit_at(
        call.store, git, repository_id, tag, target, draft=draft, sender_id=call.acting_id
    )
    if found is None:
        raise invalid("Release", "target_commitish", "invalid")
    return found


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
