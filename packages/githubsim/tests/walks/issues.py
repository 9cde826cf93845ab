"""Issues: opened, edited, talked about, labelled, assigned, locked; labels and milestones."""

from tests.walker import Walker


def walk(walk: Walker, repository: str) -> None:
    here = f"/repos/{repository}"
    for query in ("?state=all&per_page=100", "?labels=bug", "?assignee=*", "?sort=updated"):
        walk.get(f"{here}/issues{query}")
    walk.get(f"{here}/issues?state=nonsense", status=422)
    _labels(walk, here)
    _milestones(walk, here)
    path = _issue(walk, here)
    _comments(walk, here, path)
    walk.react(path)
    _links(walk, here, path)
    _events(walk, here, path)
    _leave(walk, here, repository)


def _issue(walk: Walker, here: str) -> str:
    milestone = walk.get(f"{here}/milestones")[0]["number"]
    who = walk.get(f"{here}/assignees")[0]["login"]
    made = walk.post(
        f"{here}/issues",
        {
            "title": "Walked",
            "body": "By the schema tests",
            "labels": ["bug"],
            "assignees": [who],
            "milestone": milestone,
        },
    )
    walk.post(f"{here}/issues", {}, status=422)
    walk.post(f"{here}/issues", {"title": "x", "milestone": 9999}, status=422)
    path = f"{here}/issues/{made['number']}"
    walk.get(path)
    walk.get(f"{here}/issues/999999", status=404)
    walk.patch(path, {"title": "Walked on", "body": None})
    walk.patch(path, {"state": "nonsense"}, status=422)
    walk.delete(f"{path}/assignees", status=200, json={"assignees": [who]})
    walk.post(f"{path}/assignees", {"assignees": [who]})
    walk.get(f"{path}/labels")
    walk.post(f"{path}/labels", {"labels": ["a walked label"]}, status=200)
    walk.delete(f"{path}/labels/bug", status=200)
    walk.delete(f"{path}/labels/bug", status=404)
    walk.put(f"{path}/labels", {"labels": ["bug"]})
    walk.get(f"{here}/milestones/{milestone}/labels")
    walk.delete(f"{path}/labels")
    walk.put(f"{path}/lock", {"lock_reason": "resolved"}, status=204)
    walk.get(path)
    walk.put(f"{path}/lock", {"lock_reason": "nonsense"}, status=422)
    walk.delete(f"{path}/lock")
    for reason in ("completed", "not_planned", "duplicate"):
        walk.patch(path, {"state": "closed", "state_reason": reason})
        walk.patch(path, {"state": "open"})
    walk.patch(path, {"milestone": None, "labels": [], "assignees": []})
    return path


def _links(walk: Walker, here: str, whole: str) -> None:
    one, other = (walk.post(f"{here}/issues", {"title": title})["id"] for title in "ab")
    walk.get(f"{whole}/parent", status=404)
    for part in (one, other):
        walk.post(f"{whole}/sub_issues", {"sub_issue_id": part})
    walk.post(f"{whole}/sub_issues", {"sub_issue_id": one}, status=422)
    walk.post(f"{whole}/sub_issues", {"sub_issue_id": 1}, status=404)
    walk.patch(f"{whole}/sub_issues/priority", {"sub_issue_id": other, "before_id": one})
    walk.patch(f"{whole}/sub_issues/priority", {"sub_issue_id": other}, status=422)
    listed = walk.get(f"{whole}/sub_issues")
    assert [part["id"] for part in listed] == [other, one]
    walk.get(f"{here}/issues/{listed[0]['number']}/parent")
    walk.delete(f"{whole}/sub_issue", status=200, json={"sub_issue_id": one})
    walk.delete(f"{whole}/sub_issue", status=404, json={"sub_issue_id": one})
    walk.post(f"{whole}/dependencies/blocked_by", {"issue_id": one})
    walk.post(f"{whole}/dependencies/blocked_by", {"issue_id": one}, status=422)
    walk.get(f"{whole}/dependencies/blocked_by")
    walk.get(f"{whole}/dependencies/blocking")
    walk.delete(f"{whole}/dependencies/blocked_by/{one}", status=200)
    walk.delete(f"{whole}/dependencies/blocked_by/{one}", status=404)


def _comments(walk: Walker, here: str, issue: str) -> None:
    said = walk.post(f"{issue}/comments", {"body": "Well, like #1"})
    walk.post(f"{issue}/comments", {}, status=422)
    walk.get(f"{issue}/comments")
    walk.get(f"{here}/issues/comments?sort=updated&per_page=100")
    path = f"{here}/issues/comments/{said['id']}"
    walk.get(path)
    walk.patch(path, {"body": "Very well"})
    walk.react(path)
    walk.delete(path)
    walk.get(path, status=404)


def _events(walk: Walker, here: str, issue: str) -> None:
    walk.get(f"{issue}/events?per_page=100")
    walk.get(f"{issue}/timeline?per_page=100")
    seen = {}
    for page in range(1, 6):
        for one in walk.get(f"{here}/issues/events?per_page=100&page={page}"):
            seen[one["event"]] = one["id"]
    # One of every kind.
    for event_id in seen.values():
        walk.get(f"{here}/issues/events/{event_id}")
    walk.get(f"{here}/issues/events/1", status=404)


def _labels(walk: Walker, here: str) -> None:
    walk.get(f"{here}/labels")
    walk.post(f"{here}/labels", {"name": "walked", "color": "abcdef", "description": "x"})
    walk.post(f"{here}/labels", {"name": "walked"}, status=422)
    walk.get(f"{here}/labels/walked")
    walk.patch(f"{here}/labels/walked", {"new_name": "walked on", "color": "123456"})
    walk.patch(f"{here}/labels/walked%20on", {"new_name": "bug"}, status=422)
    walk.delete(f"{here}/labels/walked%20on")
    walk.get(f"{here}/labels/walked", status=404)


def _milestones(walk: Walker, here: str) -> None:
    due = {"due_on": "2027-01-01T00:00:00Z"}
    made = walk.post(f"{here}/milestones", {"title": "Walked", "description": "x"} | due)
    walk.post(f"{here}/milestones", {}, status=422)
    path = f"{here}/milestones/{made['number']}"
    walk.get(path)
    walk.patch(path, {"state": "closed", "title": "Walked on"})
    walk.patch(path, {"state": "open"})
    walk.patch(path, {"state": "nonsense"}, status=422)
    walk.get(f"{here}/milestones?state=all")
    walk.delete(path)
    walk.get(path, status=404)


def _leave(walk: Walker, here: str, repository: str) -> None:
    """An issue that is deleted answers 410, one that is transferred 301."""
    number = walk.post(f"{here}/issues", {"title": "Soon gone"})["number"]
    walk.control("issues/delete", repository=repository, number=number)
    walk.get(f"{here}/issues/{number}", status=410)
    number = walk.post(f"{here}/issues", {"title": "Soon elsewhere"})["number"]
    owner = repository.split("/")[0]
    name = f"elsewhere-{walk.version}"
    walk.control("repositories/create", owner=owner, name=name)
    walk.control("issues/transfer", repository=repository, number=number, to=f"{owner}/{name}")
    walk.get(f"{here}/issues/{number}", status=301)
    walk.get(f"/repos/{owner}/{name}/issues/1/timeline")
    walk.control("repositories/delete", repository=f"{owner}/{name}")
