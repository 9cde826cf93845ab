"""Issues (and the issue half of pull requests): listed, shown, opened, edited, locked."""

from collections.abc import Sequence
from typing import Any

from githubsim.cursors import decode, encode
from githubsim.errors import DOCS, ApiError, Moved, forbidden, invalid, not_found
from githubsim.rest.call import Answer, Call, link_header, route
from githubsim.shapes import Json
from githubsim.store import MOST_LABELS, Issue, Listing

# As many issues as can be paged through by number.
_BY_NUMBER = 10_000
# More are left out (kubernetes/test-infra#10391).
_MOST_ASSIGNEES = 10
_ORDERS = {"created": "created_at", "updated": "updated_at", "comments": "comments"}
_REASONS = ("completed", "not_planned", "duplicate", "reopened")
_LOCK_REASONS = ("off-topic", "too heated", "resolved", "spam")


@route("GET", "/repos/{owner}/{repo}/issues", "issues|pull_requests")
def list_issues(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/issues#list-repository-issues (pull requests too)

    Where issues are disabled the pull requests are still listed. It pages by cursor, with the
    neighbours and no `last` in `Link`; by number only the first ten thousand can be reached
    (google/go-github#3565, ossf/criticality_score#829).
    """
    call.list_may_fail()
    query = call.query
    state = query.get("state", "open")
    order = _ORDERS.get(query.get("sort", "created"))
    if state not in ("open", "closed", "all") or order is None:
        raise invalid("Issue", "sort" if order is None else "state", "invalid")
    wheres, values = _filters(call)
    if not (call.repository.has_issues or call.caller.allows("pull_requests")):
        raise disabled()
    before, after = _cursor(call, "before"), _cursor(call, "after")
    cursor = before or after
    if cursor is None and call.offset + call.per_page >= _BY_NUMBER and call.page > 1:
        raise ApiError(
            422,
            "Pagination with the page parameter is not supported for large datasets, please use "
            "cursor based pagination (after/before)",
            docs=f"{DOCS}/issues/issues#list-repository-issues",
        )
    descending = query.get("direction", "desc") != "asc"
    listing = Listing(
        pulls=_halves(call),
        state=None if state == "all" else state,
        since=call.when("since"),
        order=order,
        descending=descending == (before is None),
        after=cursor,
        limit=call.per_page + 1,
        offset=call.offset if cursor is None else 0,
        where=" AND ".join(wheres),
        values=values,
    )
    with call.store.lock:
        found = call.store.issue_keys(call.repository.id, listing)
        more = len(found) > call.per_page
        del found[call.per_page :]
        if before is not None:
            found.reverse()
        rows = call.rows("issue", [one for _, one in found], lambda ids: _shapes(call, ids))
    links = {}
    if found and (more if before is not None else after is not None or call.page > 1):
        key = encode(*found[0])
        links["prev"] = call.beside(max(1, call.page - 1), before=key)
    if found and (more or before is not None):
        key = encode(*found[-1])
        links["next"] = call.beside(call.page + 1, after=key)
    return Answer(rows, headers=link_header(links))


@route("GET", "/repos/{owner}/{repo}/issues/{number}", "issues|pull_requests")
def show_issue(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/issues#get-an-issue"""
    issue = find_issue(call)
    return Answer(_shape(call, issue), modified=issue.updated_at)


@route("POST", "/repos/{owner}/{repo}/issues", "issues:write")
def open_issue(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/issues#create-an-issue"""
    if not call.repository.has_issues:
        raise disabled()
    body = call.json()
    title = body.get("title")
    if not isinstance(title, str) or not title.strip():
        raise invalid("Issue", "title")
    issue = call.store.open_issue(
        call.repository.id,
        title,
        _text(body.get("body")),
        author_id=call.acting_id,
        label_ids=label_ids(call, body.get("labels") or ()),
        assignee_ids=assignee_ids(call, body.get("assignees") or ()),
        milestone_id=milestone_id(call, body.get("milestone")),
    )
    return Answer(_shape(call, issue), 201)


@route("PATCH", "/repos/{owner}/{repo}/issues/{number}", "issues|pull_requests:write")
def edit_issue(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/issues#update-an-issue"""
    issue = find_issue(call)
    body = call.json()
    state, reason = body.get("state"), body.get("state_reason")
    if state not in (None, "open", "closed") or reason not in (None, *_REASONS):
        raise invalid("Issue", "state", "invalid")
    who = call.acting_id
    store = call.store
    with store.writing():
        if "title" in body or "body" in body:
            store.edit_issue(
                issue.id,
                title=_text(body.get("title")),
                body=_text(body["body"]) or "" if "body" in body else None,
                sender_id=who,
            )
        if "labels" in body:
            store.set_labels(issue.id, label_ids(call, body["labels"] or ()), sender_id=who)
        if "assignees" in body:
            wanted = assignee_ids(call, body["assignees"] or ())
            store.set_assignees(issue.id, wanted, sender_id=who)
        if "milestone" in body:
            store.set_milestone(issue.id, milestone_id(call, body["milestone"]), sender_id=who)
        if state == "closed":
            store.close_issue(issue.id, reason=reason or "completed", sender_id=who)
        elif state == "open":
            try:
                store.reopen_issue(issue.id, sender_id=who)
            except ValueError as error:
                raise invalid("Issue", "state", "invalid", str(error)) from error
    return Answer(_shape(call, find_issue(call)))


@route("PUT", "/repos/{owner}/{repo}/issues/{number}/lock", "issues|pull_requests:write")
def lock(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/issues#lock-an-issue"""
    reason = call.json().get("lock_reason")
    if reason not in (None, *_LOCK_REASONS):
        raise invalid("Issue", "lock_reason", "invalid")
    call.store.lock_issue(find_issue(call).id, reason=reason, sender_id=call.acting_id)
    return Answer(status=204)


@route("DELETE", "/repos/{owner}/{repo}/issues/{number}/lock", "issues|pull_requests:write")
def unlock(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/issues#unlock-an-issue"""
    call.store.lock_issue(find_issue(call).id, locked=False, sender_id=call.acting_id)
    return Answer(status=204)


@route("GET", "/repos/{owner}/{repo}/assignees", "issues|pull_requests")
def list_assignees(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/assignees#list-assignees"""
    found = list(call.store.access(call.repository))
    return call.whole(found, call.shapes.user_by_id)


@route("GET", "/repos/{owner}/{repo}/assignees/{username}", "issues|pull_requests")
def may_be_assigned(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/assignees: 204 or 404"""
    account = call.store.account_by_login(call.params["username"])
    if account is None or account.id not in call.store.access(call.repository):
        raise not_found()
    return Answer(status=204)


@route("POST", "/repos/{owner}/{repo}/issues/{number}/assignees", "issues|pull_requests:write")
@route("DELETE", "/repos/{owner}/{repo}/issues/{number}/assignees", "issues|pull_requests:write")
def change_assignees(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/assignees#add-assignees-to-an-issue"""
    issue = find_issue(call)
    named = assignee_ids(call, call.json().get("assignees") or ())
    if call.method == "POST":
        more = [one for one in named if one not in issue.assignee_ids]
        wanted = [*issue.assignee_ids, *more[: max(0, _MOST_ASSIGNEES - len(issue.assignee_ids))]]
    else:
        wanted = [one for one in issue.assignee_ids if one not in named]
    new = call.store.set_assignees(issue.id, wanted, sender_id=call.acting_id)
    return Answer(_shape(call, new), 201 if call.method == "POST" else 200)


def find_issue(call: Call) -> Issue:
    """The issue in the path; 301 for a transferred one, 410 for a deleted one, else 404.

    What lies under a transferred one is not redirected (Systemorph/MeshWeaver#4629).
    """
    number = call.number("number")
    found = call.store.issue_by_number(call.repository.id, number)
    if found is not None:
        needed = "issues" if found.pull_id is None else "issues|pull_requests"
        level = "read" if call.method in ("GET", "HEAD") else "write"
        if not call.caller.allows(needed, level):
            raise forbidden()
        if found.pull_id is None and not call.repository.has_issues:
            raise disabled()
        return found
    gone, moved = call.store.gone_issue(call.repository.id, number)
    target = None if moved is None else call.store.repository(moved.repository_id)
    itself = call.path.endswith(f"/issues/{number}")
    if itself and moved is not None and target is not None and call.caller.sees(target):
        raise Moved(f"{call.shapes.api}/repositories/{target.id}/issues/{moved.number}")
    if gone and moved is None:
        raise ApiError(410, "This issue was deleted")
    raise not_found()


def disabled() -> ApiError:
    """410 where the repository's owner has switched issues off."""
    return ApiError(410, "Issues has been disabled in this repository.")


def label_ids(call: Call, named: Sequence[Any]) -> list[int]:
    """Ids of labels by name (or {"name": …}); an unknown one is made, as GitHub does."""
    found = []
    for one in named:
        name = str(one.get("name", "")) if isinstance(one, dict) else str(one)
        label = call.store.label_by_name(call.repository.id, name)
        if label is None:
            label = call.store.create_label(call.repository.id, name, sender_id=call.acting_id)
        if label.id not in found:
            found.append(label.id)
    return at_most(found)


def at_most(labels: list[int]) -> list[int]:
    """These labels; 422 if they are more than an issue may have."""
    if len(labels) > MOST_LABELS:
        message = f"Issues cannot have more than {MOST_LABELS} labels"
        raise invalid("Issue", "labels", "custom", message)
    return labels


def assignee_ids(call: Call, logins: Sequence[Any]) -> list[int]:
    """Ids of accounts by login; the unknown are left out, as GitHub does, and bots, which REST does
    not assign (Songmu/ghsummon#8).
    """
    accounts = [call.store.account_by_login(str(one)) for one in logins]
    return [one.id for one in accounts if one is not None and one.type == "User"]


def milestone_id(call: Call, number: Any) -> int | None:
    """The id of a milestone by number; 422 if there is none."""
    if number is None:
        return None
    for one in call.store.milestones(call.repository.id):
        if one.number == number:
            return one.id
    raise invalid("Issue", "milestone", "invalid")


def _shapes(call: Call, ids: Sequence[int]) -> list[Json]:
    """Issues and pull requests, as the list of issues has both."""
    issues = call.store.issues_of(ids)
    halves = [one for one in issues.values() if one.pull_id is not None]
    pulls = {one.issue.id: one for one in call.store.pulls_of(halves)}
    shape, repository = call.shapes.issue, call.repository
    return [shape(repository, issues[one], pull=pulls.get(one)) for one in ids]


def _halves(call: Call) -> bool | None:
    """What the caller gets to see: True only pull requests, False only issues, None both."""
    pulls = call.caller.allows("pull_requests")
    issues = call.repository.has_issues and call.caller.allows("issues")
    return None if pulls and issues else pulls


def _cursor(call: Call, name: str) -> tuple[int, int] | None:
    text = call.query.get(name)
    if not text:
        return None
    try:
        value, issue_id = decode(text, 2)
    except ValueError as error:
        raise ApiError(422, f"Invalid cursor: {name}") from error
    return value, issue_id


def _filters(call: Call) -> tuple[list[str], list[Any]]:
    query, store = call.query, call.store
    wheres: list[str] = []
    values: list[Any] = []
    for name in filter(None, query.get("labels", "").split(",")):
        label = store.label_by_name(call.repository.id, name)
        wheres.append("? IN (SELECT value FROM json_each(label_ids))")
        values.append(-1 if label is None else label.id)
    for key, column in (("creator", "author_id"), ("assignee", "")):
        login = query.get(key)
        if not login:
            continue
        account = store.account_by_login(login)
        if column:
            wheres.append(f"{column} = ?")
            values.append(-1 if account is None else account.id)
        elif login in ("*", "none"):
            wheres.append(f"assignee_ids {'=' if login == 'none' else '<>'} '[]'")
        else:
            wheres.append("? IN (SELECT value FROM json_each(assignee_ids))")
            values.append(-1 if account is None else account.id)
    milestone = query.get("milestone")
    if milestone in ("*", "none"):
        wheres.append(f"milestone_id IS {'' if milestone == 'none' else 'NOT '}NULL")
    elif milestone:
        number = int(milestone) if milestone.isdecimal() else -1
        wheres.append("milestone_id = ?")
        values.append(milestone_id(call, number))
    return wheres, values


def _shape(call: Call, issue: Issue) -> Json:
    pull = None if issue.pull_id is None else call.store.pull_of(issue)
    return call.shapes.issue(call.repository, issue, pull=pull, closed_by=True)


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
