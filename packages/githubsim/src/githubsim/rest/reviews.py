"""Reviews of pull requests: listed, written, submitted, dismissed; and who is asked for one."""

from typing import Any

from githubsim.errors import ApiError, not_found
from githubsim.rest.call import Answer, Call, route
from githubsim.rest.pulls import find_pull
from githubsim.rest.review_comments import read_note
from githubsim.shapes import Json
from githubsim.store import Pull, Review

_PULL = "/repos/{owner}/{repo}/pulls/{number}"
_EVENTS = {"APPROVE": "APPROVED", "REQUEST_CHANGES": "CHANGES_REQUESTED", "COMMENT": "COMMENTED"}


@route("GET", _PULL + "/reviews", "pull_requests")
def list_reviews(call: Call) -> Answer:
    """https://docs.github.com/rest/pulls/reviews#list-reviews-for-a-pull-request (by time)"""
    pull = find_pull(call)
    found = call.store.reviews(pull.id, call.caller.acting_id)
    return call.whole(found, lambda one: call.shapes.review(call.repository, one, pull))


@route("POST", _PULL + "/reviews", "pull_requests:write")
def create_review(call: Call) -> Answer:
    """https://docs.github.com/rest/pulls/reviews#create-a-review-for-a-pull-request"""
    pull, body, who = find_pull(call), call.json(), call.acting_id
    notes = body.get("comments") or []
    if not isinstance(notes, list):
        raise _refused("Variable $comments of type [DraftPullRequestReviewComment] is invalid")
    event = body.get("event")
    state = "PENDING" if event is None else _state(call, pull, event, body, bool(notes))
    if any(one.pending and one.author_id == who for one in call.store.reviews(pull.id, who)):
        raise _refused("User can only have one pending review per pull request")
    commit = body.get("commit_id") or pull.part.head_sha
    made = call.store.review(
        pull.id,
        state,
        str(body.get("body") or ""),
        author_id=who,
        notes=[read_note(call, pull, one) for one in notes],
        commit_sha=str(commit),
    )
    return _answer(call, made, pull)


@route("GET", _PULL + "/reviews/{review_id}", "pull_requests")
def show_review(call: Call) -> Answer:
    """https://docs.github.com/rest/pulls/reviews#get-a-review-for-a-pull-request"""
    pull = find_pull(call)
    return _answer(call, _review(call, pull), pull)


@route("PUT", _PULL + "/reviews/{review_id}", "pull_requests:write")
def edit_review(call: Call) -> Answer:
    """https://docs.github.com/rest/pulls/reviews#update-a-review-for-a-pull-request"""
    pull = find_pull(call)
    review, text = _review(call, pull), call.json().get("body")
    if not isinstance(text, str):
        raise _refused("Variable $body of type String! was provided invalid value")
    new = call.store.edit_review(review.id, text, sender_id=call.acting_id)
    return _answer(call, new, pull)


@route("DELETE", _PULL + "/reviews/{review_id}", "pull_requests:write")
def delete_review(call: Call) -> Answer:
    """https://docs.github.com/rest/pulls/reviews#delete-a-pending-review-for-a-pull-request"""
    pull = find_pull(call)
    review = _review(call, pull)
    if not review.pending:
        raise _refused("Can not delete a non-pending pull request review")
    call.store.delete_review(review.id)
    return _answer(call, review, pull)


@route("POST", _PULL + "/reviews/{review_id}/events", "pull_requests:write")
def submit_review(call: Call) -> Answer:
    """https://docs.github.com/rest/pulls/reviews#submit-a-review-for-a-pull-request"""
    pull, body = find_pull(call), call.json()
    review = _review(call, pull)
    if not review.pending:
        raise _refused("Could not submit pull request review.")
    notes = bool(call.store.comments_of_review(review.id))
    text = body.get("body")
    state = _state(call, pull, body.get("event"), {"body": text or review.body}, notes)
    new = call.store.submit_review(review.id, state, None if text is None else str(text))
    return _answer(call, new, pull)


@route("PUT", _PULL + "/reviews/{review_id}/dismissals", "pull_requests:write")
def dismiss_review(call: Call) -> Answer:
    """https://docs.github.com/rest/pulls/reviews#dismiss-a-review-for-a-pull-request"""
    pull, message = find_pull(call), call.json().get("message")
    review = _review(call, pull)
    if not isinstance(message, str) or not message:
        raise _refused("Message can't be blank")
    try:
        new = call.store.dismiss_review(review.id, message, sender_id=call.acting_id)
    except ValueError as error:
        raise _refused("Can not dismiss a " + review.state.lower() + " review") from error
    return _answer(call, new, pull)


@route("GET", _PULL + "/reviews/{review_id}/comments", "pull_requests")
def list_comments(call: Call) -> Answer:
    """https://docs.github.com/rest/pulls/reviews#list-comments-for-a-pull-request-review"""
    pull = find_pull(call)
    found = call.store.comments_of_review(_review(call, pull).id)
    return call.whole(found, lambda one: call.shapes.comment_of_review(call.repository, one, pull))


@route("GET", _PULL + "/requested_reviewers", "pull_requests")
def list_requested(call: Call) -> Answer:
    """https://docs.github.com/rest/pulls/review-requests"""
    users, teams = call.shapes.requested(find_pull(call))
    return Answer({"users": users, "teams": teams})


@route("POST", _PULL + "/requested_reviewers", "pull_requests:write")
def request_reviewers(call: Call) -> Answer:
    """https://docs.github.com/rest/pulls/review-requests#request-reviewers-for-a-pull-request"""
    pull = find_pull(call)
    users, teams = _named(call)
    if pull.issue.author_id in users:
        raise ApiError(422, "Review cannot be requested from pull request author.")
    new = call.store.request_reviewers(pull.id, users, teams, sender_id=call.acting_id)
    return Answer(call.shapes.pull_simple(call.repository, new), 201)


@route("DELETE", _PULL + "/requested_reviewers", "pull_requests:write")
def remove_reviewers(call: Call) -> Answer:
    """https://docs.github.com/rest/pulls/review-requests#remove-requested-reviewers"""
    pull = find_pull(call)
    users, teams = _named(call)
    new = call.store.remove_reviewers(pull.id, users, teams, sender_id=call.acting_id)
    return Answer(call.shapes.pull_simple(call.repository, new))


def _named(call: Call) -> tuple[list[int], list[int]]:
    """Ids of the reviewers in the body; 422 where one may not review here."""
    body = call.json()
    users = []
    for login in body.get("reviewers") or ():
        account = call.store.account_by_login(str(login))
        if account is None or account.type == "Organization":
            raise _no_collaborator(call)
        users.append(account.id)
    teams = []
    for slug in body.get("team_reviewers") or ():
        team = call.store.team_by_slug(call.repository.owner_id, str(slug))
        if team is None:
            raise _no_collaborator(call)
        teams.append(team.id)
    return users, teams


def _no_collaborator(call: Call) -> ApiError:
    return ApiError(
        422,
        "Reviews may only be requested from collaborators. One or more of the users or teams you "
        f"specified is not a collaborator of the {call.store.full_name(call.repository)} "
        "repository.",
    )


def _state(call: Call, pull: Pull, event: Any, body: Json, notes: bool) -> str:
    """The state that an event gives a review; 422 for what GitHub does not take."""
    if event not in _EVENTS:
        raise _refused(f"Variable $event of type PullRequestReviewEvent was invalid: {event}")
    if event != "COMMENT" and pull.issue.author_id == call.acting_id:
        verb = "approve" if event == "APPROVE" else "request changes on"
        raise _refused(f"Can not {verb} your own pull request")
    if event != "APPROVE" and not body.get("body") and not notes:
        raise _refused("Body can't be blank")
    return _EVENTS[event]


def _review(call: Call, pull: Pull) -> Review:
    found = call.store.find_review(call.number("review_id"))
    if found is None or found.pull_id != pull.id:
        raise not_found()
    if found.pending and found.author_id != call.caller.acting_id:
        raise not_found()
    return found


def _answer(call: Call, review: Review, pull: Pull) -> Answer:
    return Answer(call.shapes.review(call.repository, review, pull))


def _refused(message: str) -> ApiError:
    """How GitHub words the errors of reviews: a plain text in `errors`."""
    return ApiError(422, "Unprocessable Entity", errors=[message])
