"""Labels and milestones of a repository, and the labels of an issue."""

from githubsim.clock import epoch
from githubsim.errors import ApiError, invalid, not_found
from githubsim.rest.call import Answer, Call, route
from githubsim.rest.issues import at_most, find_issue, label_ids
from githubsim.shapes import Json
from githubsim.store import Issue, Label, Milestone

_EITHER = "issues|pull_requests"


@route("GET", "/repos/{owner}/{repo}/labels", _EITHER)
def list_labels(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/labels#list-labels-for-a-repository"""
    found = sorted(call.store.labels(call.repository.id), key=lambda one: one.name.lower())
    return call.whole(found, lambda one: call.shapes.label(call.repository, one))


@route("POST", "/repos/{owner}/{repo}/labels", f"{_EITHER}:write")
def create_label(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/labels#create-a-label"""
    body = call.json()
    name = body.get("name")
    if not isinstance(name, str) or not name:
        raise invalid("Label", "name")
    try:
        made = call.store.create_label(
            call.repository.id,
            name,
            str(body.get("color") or "ededed").lstrip("#"),
            body.get("description"),
            sender_id=call.acting_id,
        )
    except ValueError as error:
        raise invalid("Label", "name", "already_exists") from error
    return Answer(call.shapes.label(call.repository, made), 201)


@route("GET", "/repos/{owner}/{repo}/labels/{name}", _EITHER)
def show_label(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/labels#get-a-label"""
    return Answer(call.shapes.label(call.repository, _label(call)))


@route("PATCH", "/repos/{owner}/{repo}/labels/{name}", f"{_EITHER}:write")
def edit_label(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/labels#update-a-label"""
    label, body = _label(call), call.json()
    fields: Json = {}
    if body.get("new_name"):
        fields["name"] = str(body["new_name"])
    if body.get("color"):
        fields["color"] = str(body["color"]).lstrip("#")
    if "description" in body:
        fields["description"] = body["description"]
    try:
        new = call.store.edit_label(label.id, sender_id=call.acting_id, **fields)
    except ValueError as error:
        raise invalid("Label", "name", "already_exists") from error
    return Answer(call.shapes.label(call.repository, new))


@route("DELETE", "/repos/{owner}/{repo}/labels/{name}", f"{_EITHER}:write")
def delete_label(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/labels#delete-a-label"""
    call.store.delete_label(_label(call).id, sender_id=call.acting_id)
    return Answer(status=204)


@route("GET", "/repos/{owner}/{repo}/issues/{number}/labels", _EITHER)
def list_issue_labels(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/labels#list-labels-for-an-issue"""
    return _labels(call, find_issue(call))


@route("POST", "/repos/{owner}/{repo}/issues/{number}/labels", f"{_EITHER}:write")
@route("PUT", "/repos/{owner}/{repo}/issues/{number}/labels", f"{_EITHER}:write")
def add_labels(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/labels#add-labels-to-an-issue (PUT: set them)"""
    issue = find_issue(call)
    named = label_ids(call, call.json().get("labels") or ())
    kept = issue.label_ids if call.method == "POST" else ()
    wanted = at_most([*kept, *(one for one in named if one not in kept)])
    return _labels(call, call.store.set_labels(issue.id, wanted, sender_id=call.acting_id))


@route("DELETE", "/repos/{owner}/{repo}/issues/{number}/labels", f"{_EITHER}:write")
def remove_labels(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/labels#remove-all-labels-from-an-issue"""
    call.store.set_labels(find_issue(call).id, (), sender_id=call.acting_id)
    return Answer(status=204)


@route("DELETE", "/repos/{owner}/{repo}/issues/{number}/labels/{name}", f"{_EITHER}:write")
def remove_label(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/labels#remove-a-label-from-an-issue"""
    issue = find_issue(call)
    label = call.store.label_by_name(call.repository.id, call.params["name"])
    if label is None or label.id not in issue.label_ids:
        raise ApiError(404, "Label does not exist")
    left = [one for one in issue.label_ids if one != label.id]
    return _labels(call, call.store.set_labels(issue.id, left, sender_id=call.acting_id))


@route("GET", "/repos/{owner}/{repo}/milestones", _EITHER)
def list_milestones(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/milestones#list-milestones (by due date at first)

    Where those without one stand is documented nowhere; here they come last.
    """
    state = call.query.get("state", "open")
    found = [
        one
        for one in call.store.milestones(call.repository.id)
        if state == "all" or one.state == state
    ]
    if call.query.get("sort", "due_on") == "completeness":
        found.sort(key=lambda one: call.store.completeness(one.id))
    else:
        found.sort(key=lambda one: (one.due_on is None, one.due_on or 0))
    if call.query.get("direction", "asc") == "desc":
        found.reverse()
    return call.whole(found, lambda one: call.shapes.milestone(call.repository, one))


@route("POST", "/repos/{owner}/{repo}/milestones", f"{_EITHER}:write")
def create_milestone(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/milestones#create-a-milestone"""
    body = call.json()
    title = body.get("title")
    if not isinstance(title, str) or not title:
        raise invalid("Milestone", "title")
    made = call.store.create_milestone(
        call.repository.id,
        title,
        description=body.get("description"),
        due_on=_due_on(body),
        sender_id=call.acting_id,
    )
    return Answer(call.shapes.milestone(call.repository, made), 201)


@route("GET", "/repos/{owner}/{repo}/milestones/{number}", _EITHER)
def show_milestone(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/milestones#get-a-milestone"""
    return Answer(call.shapes.milestone(call.repository, _milestone(call)))


@route("PATCH", "/repos/{owner}/{repo}/milestones/{number}", f"{_EITHER}:write")
def edit_milestone(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/milestones#update-a-milestone"""
    milestone, body = _milestone(call), call.json()
    fields: Json = {key: body[key] for key in ("title", "description", "state") if key in body}
    if fields.get("state", "open") not in ("open", "closed"):
        raise invalid("Milestone", "state", "invalid")
    if "title" in fields and not fields["title"]:
        raise invalid("Milestone", "title")
    if "due_on" in body:
        fields["due_on"] = _due_on(body)
    new = call.store.edit_milestone(milestone.id, sender_id=call.acting_id, **fields)
    return Answer(call.shapes.milestone(call.repository, new))


@route("DELETE", "/repos/{owner}/{repo}/milestones/{number}", f"{_EITHER}:write")
def delete_milestone(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/milestones#delete-a-milestone"""
    call.store.delete_milestone(_milestone(call).id, sender_id=call.acting_id)
    return Answer(status=204)


@route("GET", "/repos/{owner}/{repo}/milestones/{number}/labels", _EITHER)
def list_milestone_labels(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/labels#list-labels-for-issues-in-a-milestone"""
    wanted = call.store.values(
        "SELECT DISTINCT value FROM issues, json_each(label_ids) WHERE milestone_id = ?",
        (_milestone(call).id,),
    )
    found = call.store.labels_of(sorted(int(one[0]) for one in wanted))
    return call.whole(found, lambda one: call.shapes.label(call.repository, one))


def _due_on(body: Json) -> int | None:
    try:
        return epoch(str(body["due_on"])) if body.get("due_on") else None
    except ValueError as error:
        raise invalid("Milestone", "due_on", "invalid") from error


def _label(call: Call) -> Label:
    found = call.store.label_by_name(call.repository.id, call.params["name"])
    if found is None:
        raise not_found()
    return found


def _milestone(call: Call) -> Milestone:
    number = call.number("number")
    for one in call.store.milestones(call.repository.id):
        if one.number == number:
            return one
    raise not_found()


def _labels(call: Call, issue: Issue) -> Answer:
    found = call.store.labels_of(issue.label_ids)
    return call.whole(found, lambda one: call.shapes.label(call.repository, one))
