"""Releases: made, edited, deleted; their assets and reactions."""

from tests.walker import Walker


def walk(walk: Walker, repository: str) -> None:
    here = f"/repos/{repository}"
    tag = f"walked-{walk.version}"
    made = walk.post(f"{here}/releases", {"tag_name": tag, "name": "Walked", "body": "x"})
    walk.post(f"{here}/releases", {"tag_name": tag}, status=422)
    walk.post(f"{here}/releases", {}, status=422)
    since = {"tag_name": f"{tag}-next", "previous_tag_name": tag}
    walk.post(f"{here}/releases/generate-notes", since, status=200)
    walk.post(f"{here}/releases/generate-notes", since | {"previous_tag_name": "no"}, status=404)
    walk.post(f"{here}/releases/generate-notes", {}, status=422)
    draft = walk.post(f"{here}/releases", {"tag_name": f"{tag}-draft", "draft": True})
    early = walk.post(f"{here}/releases", {"tag_name": f"{tag}-early", "prerelease": True})
    walk.get(f"{here}/releases")
    walk.get(f"{here}/releases/latest")
    walk.get(f"{here}/releases/tags/{tag}")
    walk.get(f"{here}/releases/tags/nothing", status=404)
    path = f"{here}/releases/{made['id']}"
    walk.get(path)
    walk.patch(path, {"name": "Walked on", "make_latest": "false"})
    walk.patch(path, {"make_latest": "perhaps"}, status=422)
    walk.patch(path, {"prerelease": True})
    named = {"name": "walked.txt", "label": "Walked"}
    asset = walk.post(f"{path}/assets", params=named, content=b"walked")
    walk.post(f"{path}/assets", params=named, content=b"walked", status=422)
    walk.get(f"{path}/assets")
    one = f"{here}/releases/assets/{asset['id']}"
    walk.get(one)
    walk.patch(one, {"name": "walked-on.txt", "label": ""})
    walk.get(f"{here}/releases/assets/1", status=404)
    walk.delete(one)
    walk.react(path)
    for one in (made, draft, early):
        walk.delete(f"{here}/releases/{one['id']}")
    walk.get(path, status=404)
