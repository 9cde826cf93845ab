"""Git's own objects: trees, blobs and annotated tags, read."""

import base64
import re

from githubsim.clock import iso
from githubsim.errors import ApiError, not_found
from githubsim.ids import node_id
from githubsim.rest.call import Answer, Call, route
from githubsim.shapes import Json

_GIT = "/repos/{owner}/{repo}/git"
_SHA = re.compile(r"[0-9a-f]{40}")
_MOST_ENTRIES = 100_000
_TAGGER = re.compile(r"(.*) <(.*)> (\d+) [-+]\d{4}")


@route("GET", _GIT + "/trees/{tree}", "contents")
def show_tree(call: Call) -> Answer:
    """https://docs.github.com/rest/git/trees#get-a-tree (`tree` may be a branch or a commit)"""
    git, repository_id = call.git, call.repository.id
    name = call.params["tree"]
    if not git.refs(repository_id):
        raise ApiError(409, "Git Repository is empty.")
    kind = git.object_types(repository_id, [name]).get(name) if _SHA.fullmatch(name) else None
    start = name if kind in ("tree", "commit", "tag") else git.resolve(repository_id, name)
    if start is None:
        raise not_found()
    path = git.path(repository_id)
    sha = git.try_run(["rev-parse", "-q", "--verify", f"{start}^{{tree}}"], path).strip()
    flags = ["-r", "-t"] if call.query.get("recursive") else []
    listed = git.try_run(["ls-tree", "-l", "-z", *flags, sha], path).split("\0")
    entries = [_entry(call, one) for one in listed if one]
    return Answer(
        {
            "sha": sha,
            "url": f"{call.shapes.repo_url(call.repository)}/git/trees/{sha}",
            "tree": entries[:_MOST_ENTRIES],
            "truncated": len(entries) > _MOST_ENTRIES,
        }
    )


@route("GET", _GIT + "/blobs/{sha}", "contents")
def show_blob(call: Call) -> Answer:
    """https://docs.github.com/rest/git/blobs#get-a-blob (as it is with the media type `raw`)"""
    sha = _known(call, "blob")
    content = call.git.read(call.repository.id, sha)
    if call.wants("raw"):
        return Answer(content, media="application/vnd.github.raw; charset=utf-8")
    return Answer(
        {
            "sha": sha,
            "node_id": node_id("B", call.repository.id, sha),
            "size": len(content),
            "url": f"{call.shapes.repo_url(call.repository)}/git/blobs/{sha}",
            "content": encoded(content),
            "encoding": "base64",
        }
    )


def encoded(content: bytes) -> str:
    """As GitHub writes contents in JSON."""
    return base64.encodebytes(content).decode()


@route("GET", _GIT + "/tags/{sha}", "contents")
def show_tag(call: Call) -> Answer:
    """https://docs.github.com/rest/git/tags#get-a-tag (an annotated one, by its own sha)"""
    sha = _known(call, "tag")
    head, _, message = (
        call.git.read(call.repository.id, sha).decode(errors="replace").partition("\n\n")
    )
    fields = dict(line.partition(" ")[::2] for line in head.split("\n"))
    found = _TAGGER.fullmatch(fields.get("tagger", ""))
    name, email, at = found.groups() if found else ("", "", "0")
    url = call.shapes.repo_url(call.repository)
    return Answer(
        {
            "node_id": node_id("TA", call.repository.id, sha),
            "sha": sha,
            "url": f"{url}/git/tags/{sha}",
            "tagger": {"name": name, "email": email, "date": iso(int(at))},
            "object": {
                "sha": fields["object"],
                "type": fields["type"],
                "url": f"{url}/git/{fields['type']}s/{fields['object']}",
            },
            "tag": fields["tag"],
            "message": message.rstrip("\n"),
            "verification": {
                "verified": False,
                "reason": "unsigned",
                "signature": None,
                "payload": None,
                "verified_at": None,
            },
        }
    )


def _known(call: Call, kind: str) -> str:
    """The sha in the path, if it is an object of this kind; else 404."""
    sha = call.params["sha"]
    if not _SHA.fullmatch(sha):
        raise ApiError(
            422, "The sha parameter must be exactly 40 characters and contain only [0-9a-f]."
        )
    if call.git.object_types(call.repository.id, [sha]).get(sha) != kind:
        raise not_found()
    return sha


def _entry(call: Call, text: str) -> Json:
    about, _, path = text.partition("\t")
    mode, kind, sha, size = about.split()
    shape: Json = {"path": path, "mode": mode, "type": kind, "sha": sha}
    if kind == "blob":
        shape["size"] = int(size)
    if kind != "commit":
        shape["url"] = f"{call.shapes.repo_url(call.repository)}/git/{kind}s/{sha}"
    return shape
