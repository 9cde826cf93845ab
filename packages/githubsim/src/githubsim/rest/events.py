"""What was done to issues: the events of one, of all, and the timeline that mixes in the talk."""

from githubsim.errors import not_found
from githubsim.rest.call import Answer, Call, route
from githubsim.rest.issues import find_issue
from githubsim.shapes import Json
from githubsim.store import IssueEvent

_EITHER = "issues|pull_requests"
# The timeline alone has these: octokit/octokit.rb#1444.
_CROSS = "cross-referenced"
_SHOWN = f"event <> '{_CROSS}'"


@route("GET", "/repos/{owner}/{repo}/issues/events", _EITHER)
def list_all(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/events#list-issue-events-for-a-repository"""
    store, repository = call.store, call.repository
    found = store.rows(
        IssueEvent,
        f"WHERE repository_id = ? AND {_SHOWN} ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?",
        (repository.id, call.per_page, call.offset),
    )
    total = store.value(
        f"SELECT count(*) FROM issue_events WHERE repository_id = ? AND {_SHOWN}",  # noqa: S608
        (repository.id,),
    )
    issues = store.issues_of(list({one.issue_id for one in found}))
    shapes = [
        call.shapes.issue_event_of_repository(repository, one, issues[one.issue_id])
        for one in found
    ]
    return call.paged(shapes, total)


@route("GET", "/repos/{owner}/{repo}/issues/events/{event_id}", _EITHER)
def show(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/events#get-an-issue-event"""
    found = call.store.issue_event(call.number("event_id"))
    if found is None or found.event == _CROSS or found.repository_id != call.repository.id:
        raise not_found()
    issue = call.store.issue(found.issue_id)
    if issue is None:
        raise not_found()
    return Answer(call.shapes.issue_event_of_repository(call.repository, found, issue))


@route("GET", "/repos/{owner}/{repo}/issues/{number}/events", _EITHER)
def list_of_issue(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/events#list-issue-events (oldest first)"""
    events = call.store.issue_events(find_issue(call).id)
    found = [one for one in events if one.event != _CROSS]
    return call.whole(found, lambda one: call.shapes.issue_event(call.repository, one))


@route("GET", "/repos/{owner}/{repo}/issues/{number}/timeline", _EITHER)
def timeline(call: Call) -> Answer:
    """https://docs.github.com/rest/issues/timeline: events, comments, reviews, commits by time"""
    issue, repository, store = find_issue(call), call.repository, call.store
    found: list[tuple[int, Json]] = []
    for one in store.issue_events(issue.id):
        if one.event != _CROSS:
            found.append((one.created_at, call.shapes.timeline_event(repository, one)))
            continue
        source = store.issue(one.detail["source_id"])
        home = source and store.repository(source.repository_id)
        # Of a repository that the caller may not see, nothing is shown.
        if source and home and call.caller.covers(home):
            found.append((one.created_at, call.shapes.cross_referenced(home, one, source)))
    found += [
        (one.created_at, call.shapes.commented(repository, one, issue))
        for one in store.comments(issue.id)
    ]
    if issue.pull_id is not None:
        pull = store.pull_of(issue)
        found += [
            (one.submitted_at, call.shapes.reviewed(repository, one, pull))
            for one in store.reviews(pull.id)
            if one.submitted_at is not None
        ]
        if call.caller.allows("contents"):
            found += _commits(call, pull.part.head_sha, pull.part.base_sha)
    # What happened in one second stays in the order above.
    found.sort(key=lambda one: one[0])
    return call.whole(found, lambda one: one[1])


def _commits(call: Call, head: str, base: str) -> list[tuple[int, Json]]:
    git, repository = call.git, call.repository
    if len(git.existing(repository.id, [head, base])) < 2:
        return []
    found = git.log(repository.id, head, exclude=[base], limit=250)[::-1]
    return [
        (one.committer_at, call.shapes.git_commit(repository, one) | {"event": "committed"})
        for one in found
    ]
