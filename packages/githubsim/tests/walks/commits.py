"""What lies in git: commits, branches, tags, refs, objects, and comments on commits."""

import tempfile
from pathlib import Path

from tests.client import token
from tests.plain_git import git
from tests.walker import Walker


def walk(walk: Walker, repository: str) -> None:
    here = f"/repos/{repository}"
    for query in ("", "?per_page=100", "?since=2026-01-01T00:00:00Z"):
        log = walk.get(f"{here}/commits{query}")
    for one in walk.get(f"{here}/commits?per_page=5"):
        walk.get(f"{here}/commits/{one['sha']}")
        walk.get(f"{here}/git/commits/{one['sha']}")
    walk.get(f"{here}/commits/nothing", status=422)
    walk.get(f"{here}/compare/{log[2]['sha']}...{log[0]['sha']}")
    walk.get(f"{here}/compare/main...nothing", status=404)
    _tag(walk, repository)
    _objects(walk, here)
    _refs(walk, here, log[0]["sha"], log[1]["sha"])
    _comments(walk, here, log[0]["sha"])


def _tag(walk: Walker, repository: str) -> None:
    """An annotated tag, which only git makes here."""
    login = f"://x-access-token:{token(walk.github)}@"
    remote = f"{walk.github.url}/{repository}.git".replace("://", login)
    with tempfile.TemporaryDirectory() as folder:
        git("clone", "-q", "--bare", "--depth=1", remote, "copy.git", cwd=Path(folder))
        copy, name = Path(folder) / "copy.git", f"annotated-{walk.version}"
        who = ("-c", "user.name=Walker", "-c", "user.email=walker@acme.example")
        git(*who, "tag", "-a", "-m", "Walked", name, cwd=copy)
        git("push", "-q", "origin", name, cwd=copy)


def _objects(walk: Walker, here: str) -> None:
    walk.get(f"{here}/git/trees/main")
    tree = walk.get(f"{here}/git/trees/main?recursive=1")["tree"]
    walk.get(f"{here}/git/trees/nothing", status=404)
    blob = next(entry["sha"] for entry in tree if entry["type"] == "blob")
    assert walk.get(f"{here}/git/blobs/{blob}")["encoding"] == "base64"
    walk.get(f"{here}/git/blobs/{'0' * 40}", status=404)
    walk.get(f"{here}/git/blobs/short", status=422)
    refs = walk.get(f"{here}/git/matching-refs/tags")
    annotated = [one["object"]["sha"] for one in refs if one["object"]["type"] == "tag"]
    walk.get(f"{here}/git/tags/{annotated[0]}")
    walk.get(f"{here}/git/tags/{'0' * 40}", status=404)


def _refs(walk: Walker, here: str, new: str, old: str) -> None:
    for name in walk.get(f"{here}/branches")[:3]:
        walk.get(f"{here}/branches/{name['name']}")
    walk.get(f"{here}/branches/nothing", status=404)
    walk.get(f"{here}/tags")
    walk.get(f"{here}/git/matching-refs/heads")
    listed = "GET /repos/{owner}/{repo}/git/matching-refs/{ref}"
    walk.get(f"{here}/git/refs", like=listed)
    ref = {"ref": f"refs/heads/walked-{walk.version}", "sha": old}
    walk.post(f"{here}/git/refs", ref)
    walk.post(f"{here}/git/refs", ref, status=422)
    walk.post(f"{here}/git/refs", {"ref": "nonsense", "sha": old}, status=422)
    name = ref["ref"].removeprefix("refs/")
    walk.get(f"{here}/git/ref/{name}")
    walk.get(f"{here}/git/refs/{name}", like="GET /repos/{owner}/{repo}/git/ref/{ref}")
    walk.get(f"{here}/git/ref/heads/nothing", status=404)
    path = f"{here}/git/refs/{name}"
    walk.patch(path, {"sha": new})
    walk.patch(path, {"sha": old}, status=422)
    walk.patch(path, {"sha": old, "force": True})
    walk.delete(path)
    walk.delete(path, status=422)


def _comments(walk: Walker, here: str, sha: str) -> None:
    said = walk.post(f"{here}/commits/{sha}/comments", {"body": "Look", "line": 1})
    walk.post(f"{here}/commits/{sha}/comments", {}, status=422)
    walk.get(f"{here}/commits/{sha}/comments")
    walk.get(f"{here}/comments")
    path = f"{here}/comments/{said['id']}"
    walk.get(path)
    walk.patch(path, {"body": "Look again"})
    walk.react(path)
    walk.delete(path)
    walk.get(path, status=404)
