"""Sub-issues and dependencies of issues: listed, added, ordered, removed."""

from collections.abc import Sequence

from githubsim.errors import ApiError, not_found
from githubsim.rest.call import Answer, Call, route
from githubsim.rest.issues import find_issue
from githubsim.shapes import Json
from githubsim.store import Issue

_ISSUE = "/repos/{owner}/{repo}/issues/{number}"
_BLOCKED_BY = _ISSUE + "/dependencies/blocked_by"


@route("GET", _ISSUE + "/sub_issues", "issues")
def list_sub_issues(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/sub-issues#list-sub-issues"""
    return _listed(call, call.store.sub_issues(find_issue(call).id))


@route("GET", _ISSUE + "/parent", "issues")
def show_parent(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/sub-issues#get-parent-issue"""
    found = call.store.parent_of(find_issue(call).id)
    if found is None or not _seen(call, [found]):
        raise not_found()
    return Answer(_shape(call, found))


@route("POST", _ISSUE + "/sub_issues", "issues:write")
def add_sub_issue(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/sub-issues#add-sub-issue"""
    parent, body = find_issue(call), call.json()
    sub, replace = _named(call, "sub_issue_id"), bool(body.get("replace_parent"))
    try:
        call.store.add_sub_issue(parent.id, sub.id, replace=replace, sender_id=call.acting_id)
    except ValueError as error:
        raise ApiError(422, f"An error occurred while adding the sub-issue. {error}") from error
    return Answer(_shape(call, parent), 201)


@route("DELETE", _ISSUE + "/sub_issue", "issues:write")
def remove_sub_issue(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/sub-issues#remove-sub-issue"""
    parent, sub = find_issue(call), _named(call, "sub_issue_id")
    if sub not in call.store.sub_issues(parent.id):
        raise not_found()
    call.store.remove_sub_issue(parent.id, sub.id, sender_id=call.acting_id)
    return Answer(_shape(call, parent))


@route("PATCH", _ISSUE + "/sub_issues/priority", "issues:write")
def reprioritize(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/sub-issues#reprioritize-sub-issue"""
    parent, sub = find_issue(call), _named(call, "sub_issue_id")
    order = [one.id for one in call.store.sub_issues(parent.id)]
    after, before = (call.json().get(f"{side}_id") for side in ("after", "before"))
    beside = before if after is None else after
    if sub.id not in order or beside not in order or beside == sub.id:
        raise ApiError(422, "The sub-issue, and one to put it after or before, must be given")
    order.remove(sub.id)
    order.insert(order.index(beside) + (after is not None), sub.id)
    call.store.order_sub_issues(parent.id, order)
    return Answer(_shape(call, parent))


@route("GET", _BLOCKED_BY, "issues")
def list_blocked_by(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/issue-dependencies#list-dependencies-an-issue-is-blocked-by"""
    return _listed(call, call.store.blocked_by(find_issue(call).id))


@route("GET", _ISSUE + "/dependencies/blocking", "issues")
def list_blocking(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/issue-dependencies#list-dependencies-an-issue-is-blocking"""
    return _listed(call, call.store.blocking(find_issue(call).id))


@route("POST", _BLOCKED_BY, "issues:write")
def add_dependency(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/issue-dependencies#add-a-dependency-an-issue-is-blocked-by"""
    blocked, blocking = find_issue(call), _named(call, "issue_id")
    try:
        call.store.add_dependency(blocked.id, blocking.id, sender_id=call.acting_id)
    except ValueError as error:
        raise ApiError(422, str(error)) from error
    return Answer(_shape(call, blocking), 201)


@route("DELETE", _BLOCKED_BY + "/{issue_id}", "issues:write")
def remove_dependency(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/issue-dependencies#remove-dependency-an-issue-is-blocked-by"""
    blocked, found = find_issue(call), call.store.issue(call.number("issue_id"))
    if found is None or found not in call.store.blocked_by(blocked.id):
        raise not_found()
    call.store.remove_dependency(blocked.id, found.id, sender_id=call.acting_id)
    return Answer(_shape(call, found))


def _named(call: Call, name: str) -> Issue:
    """The issue whose id is in the body."""
    value = call.json().get(name)
    found = call.store.issue(value) if isinstance(value, int) else None
    if found is None or not _seen(call, [found]):
        raise not_found()
    return found


def _seen(call: Call, found: Sequence[Issue]) -> list[Issue]:
    homes = [(one, call.store.repository(one.repository_id)) for one in found]
    return [one for one, home in homes if home is not None and call.caller.sees(home)]


def _listed(call: Call, found: Sequence[Issue]) -> Answer:
    return call.whole(_seen(call, found), lambda one: _shape(call, one))


def _shape(call: Call, issue: Issue) -> Json:
    home = call.store.repository(issue.repository_id)
    assert home is not None
    return call.shapes.issue(home, issue)
