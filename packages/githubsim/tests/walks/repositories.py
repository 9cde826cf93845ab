"""Repositories: read, made, changed, given away, deleted; and who has to do with them."""

from tests.walker import Walker


def walk(walk: Walker, repository: str) -> None:
    owner = repository.split("/")[0]
    here = f"/repos/{repository}"
    shown = walk.get(here)
    walk.get(f"/repositories/{shown['id']}")
    walk.get(f"/orgs/{owner}/repos")
    walk.get(f"{here}/topics")
    walk.get(f"{here}/languages")
    for query in ("", "?anon=1"):
        walk.get(f"{here}/contributors{query}")
    walk.get(f"{here}/events")
    walk.control("push", repository=repository)
    assert walk.get(f"{here}/activity?time_period=day")[0]["activity_type"] == "push"
    walk.get(f"{here}/activity?time_period=forever", status=422)
    files = {"README.md": "# Hi\n", "LICENSE": "MIT License\n", "CODEOWNERS": "*.*** nobody\n* x\n"}
    walk.control("push", repository=repository, commits=[{"files": files}])
    assert walk.get(f"{here}/readme")["path"] == "README.md"
    assert walk.get(f"{here}/license")["license"]["key"] == "mit"
    gone = {".github/CODEOWNERS": None}
    walk.control("push", repository=repository, commits=[{"files": gone}])
    kinds = [one["kind"] for one in walk.get(f"{here}/codeowners/errors")["errors"]]
    assert kinds == ["Invalid pattern", "Invalid owner"]
    for name in (
        "code_frequency",
        "commit_activity",
        "contributors",
        "participation",
        "punch_card",
    ):
        # Each is computed anew after a push; the first question gets 202.
        walk.control("push", repository=repository)
        walk.get(f"{here}/stats/{name}", status=202)
        walk.get(f"{here}/stats/{name}")
    _people(walk, here)
    _change(walk, owner)


def _people(walk: Walker, here: str) -> None:
    somebody = walk.get(f"{here}/collaborators")[0]["login"]
    walk.get(f"{here}/collaborators/{somebody}", status=204)
    walk.get(f"{here}/collaborators/{somebody}/permission")
    walk.get(f"{here}/teams")
    walk.get(f"{here}/stargazers")
    starred = {"Accept": "application/vnd.github.star+json"}
    assert all("starred_at" in one for one in walk.get(f"{here}/stargazers", headers=starred))
    walk.get(f"{here}/subscribers")
    walk.post(f"{here}/forks", {"name": f"forked-{walk.version}"}, status=202, who="user")
    assert walk.get(f"{here}/forks")[0]["fork"]
    walk.get(f"{here}/assignees")
    walk.get(f"{here}/assignees/{somebody}", status=204)
    walk.get(f"{here}/assignees/nobody-at-all", status=404)


def _change(walk: Walker, owner: str) -> None:
    name = f"made-{walk.version}"
    made = walk.post(f"/orgs/{owner}/repos", {"name": name, "description": "New"}, who="user")
    walk.post(f"/orgs/{owner}/repos", {"name": name}, status=422, who="user")
    walk.post(f"/orgs/{owner}/repos", {}, status=422, who="user")
    here = f"/repos/{made['full_name']}"
    walk.get(f"{here}/contributors", status=204)
    for what in ("readme", "license", "codeowners/errors"):
        walk.get(f"{here}/{what}", status=404)
    walk.get(f"{here}/commits", status=409)
    walk.get(f"{here}/git/trees/main", status=409)
    walk.get(f"{here}/releases/latest", status=404)
    walk.put(f"{here}/topics", {"names": ["box"]})
    walk.put(f"{here}/topics", {}, status=422)
    walk.patch(here, {"description": "Changed", "private": True})
    walk.patch(here, {"default_branch": "nothing"}, status=422)
    walk.patch(here, {"visibility": "public", "name": f"{name}-2", "has_issues": False})
    here += "-2"
    walk.get(f"{here}/issues/1", status=404)
    walk.post(f"{here}/issues", {"title": "x"}, status=410)
    walk.patch(here, {"archived": True})
    walk.post(f"{here}/labels", {"name": "x"}, status=403)
    walk.patch(here, {"archived": False})
    walk.post(f"{here}/transfer", {"new_owner": "nobody-at-all"}, status=422)
    walk.post(f"{here}/transfer", {"new_owner": walk.person}, status=202)
    walk.delete(f"/repos/{walk.person}/{name}-2", who="user")
    walk.get(here, status=404)
