"""Pull requests: opened, edited, reviewed line by line, merged."""

from tests.walker import Walker


def walk(walk: Walker, repository: str) -> None:
    here = f"/repos/{repository}"
    for query in ("?state=all&per_page=100", "?state=closed&sort=updated", "?base=main"):
        found = walk.get(f"{here}/pulls{query}")
    walk.get(f"{here}/pulls?state=nonsense", status=422)
    for one in found[:10]:
        _read(walk, here, f"{here}/pulls/{one['number']}")
    mine = _open(walk, here, repository)
    # Its author may not approve it: somebody else's is reviewed.
    other = walk.control("pulls/open", repository=repository, sender=walk.person)
    theirs = f"{here}/pulls/{other['number']}"
    _review_comments(walk, here, theirs)
    _reviews(walk, theirs)
    _requests(walk, theirs)
    _read(walk, here, theirs)
    issue = theirs.replace("/pulls/", "/issues/")
    walk.get(issue)
    walk.patch(issue, {"labels": ["bug"], "assignees": [walk.person]})
    walk.get(f"{issue}/timeline?per_page=100")
    walk.get(f"{issue}/events?per_page=100")
    _merge(walk, mine)


def _open(walk: Walker, here: str, repository: str) -> str:
    head = f"walked-pull-{walk.version}"
    walk.control("push", repository=repository, branch=head)
    asked = {"title": "Walked", "head": head, "base": "main", "body": "x"}
    made = walk.post(f"{here}/pulls", asked)
    walk.post(f"{here}/pulls", asked, status=422)
    walk.post(f"{here}/pulls", asked | {"head": "nothing"}, status=422)
    walk.post(f"{here}/pulls", {}, status=422)
    path = f"{here}/pulls/{made['number']}"
    walk.patch(path, {"title": "Walked on", "state": "closed"})
    walk.patch(path, {"state": "open"})
    walk.patch(path, {"base": "nothing"}, status=422)
    walk.get(f"{here}/pulls/999999", status=404)
    return path


def _read(walk: Walker, here: str, path: str) -> None:
    walk.get(path)
    walk.get(f"{path}/files")
    walk.get(f"{path}/commits")
    walk.get(f"{path}/comments")
    walk.get(f"{path}/requested_reviewers")
    for one in walk.get(f"{path}/reviews"):
        walk.get(f"{path}/reviews/{one['id']}")
        walk.get(f"{path}/reviews/{one['id']}/comments")


def _spot(walk: Walker, path: str) -> dict[str, object]:
    changed = walk.get(f"{path}/files")[0]
    head = walk.get(path)["head"]["sha"]
    return {"path": changed["filename"], "commit_id": head, "line": 1, "side": "RIGHT"}


def _review_comments(walk: Walker, here: str, path: str) -> None:
    spot = _spot(walk, path)
    said = walk.post(f"{path}/comments", spot | {"body": "Here"})
    walk.post(f"{path}/comments", spot | {"body": "There", "line": 9999}, status=422)
    walk.post(f"{path}/comments", {"body": "Where?"}, status=422)
    walk.post(f"{path}/comments/{said['id']}/replies", {"body": "Indeed"})
    walk.post(f"{path}/comments/1/replies", {"body": "Indeed"}, status=404)
    whole = {"path": spot["path"], "commit_id": spot["commit_id"], "subject_type": "file"}
    walk.post(f"{path}/comments", whole | {"body": "All of it"})
    walk.get(f"{path}/comments")
    walk.get(f"{here}/pulls/comments?sort=updated&direction=desc&per_page=100")
    comment = f"{here}/pulls/comments/{said['id']}"
    walk.get(comment)
    walk.patch(comment, {"body": "Here!"})
    walk.react(comment)
    walk.delete(comment)
    walk.get(comment, status=404)


def _reviews(walk: Walker, path: str) -> None:
    note = {key: value for key, value in _spot(walk, path).items() if key != "commit_id"}
    pending = walk.post(f"{path}/reviews", {"comments": [note | {"body": "x"}]}, status=200)
    walk.post(f"{path}/reviews", {}, status=422)
    review = f"{path}/reviews/{pending['id']}"
    walk.get(review)
    walk.get(f"{review}/comments")
    walk.put(review, {"body": "On the whole"})
    walk.delete(review, status=200)
    walk.get(review, status=404)
    pending = walk.post(f"{path}/reviews", {"body": "Good"}, status=200)
    review = f"{path}/reviews/{pending['id']}"
    walk.post(f"{review}/events", {"event": "NONSENSE"}, status=422)
    walk.post(f"{review}/events", {"event": "REQUEST_CHANGES"}, status=200)
    walk.put(f"{review}/dismissals", {}, status=422)
    walk.put(f"{review}/dismissals", {"message": "Mended"})
    walk.delete(review, status=422)
    for event in ("APPROVE", "COMMENT"):
        walk.post(f"{path}/reviews", {"event": event, "body": "So"}, status=200)
    walk.get(f"{path}/reviews")


def _requests(walk: Walker, path: str) -> None:
    people = [one["login"] for one in walk.get(f"{path[: path.index('/pulls/')]}/assignees")]
    other = next(one for one in people if one != walk.person)
    wanted = {"reviewers": [other], "team_reviewers": ["platform"]}
    walk.post(f"{path}/requested_reviewers", wanted)
    walk.post(f"{path}/requested_reviewers", {"reviewers": ["nobody-at-all"]}, status=422)
    walk.get(f"{path}/requested_reviewers")
    walk.get(path)
    walk.delete(f"{path}/requested_reviewers", status=200, json=wanted)


def _merge(walk: Walker, path: str) -> None:
    walk.get(f"{path}/merge", status=404)
    walk.put(f"{path}/merge", {"sha": "0" * 40}, status=409)
    walk.put(f"{path}/merge", {"commit_title": "Merged"})
    walk.put(f"{path}/merge", status=405)
    walk.get(f"{path}/merge", status=204)
    walk.get(path)
    walk.get(path.replace("/pulls/", "/issues/") + "/timeline")
