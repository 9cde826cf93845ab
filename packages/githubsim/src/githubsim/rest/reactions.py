"""Reactions to issues, comments, review comments and releases: listed, added, taken back."""

from collections.abc import Callable

from githubsim.errors import ApiError, invalid, not_found
from githubsim.rest.call import Answer, Call, route
from githubsim.rest.comments import find_comment
from githubsim.rest.commit_comments import find_commit_comment
from githubsim.rest.issues import find_issue
from githubsim.rest.releases import find_release
from githubsim.rest.review_comments import find_review_comment
from githubsim.store.history_rows import CONTENTS

_REPO = "/repos/{owner}/{repo}"
_EITHER = "issues|pull_requests"
# Of each place the subject's kind and how it is found.
_SUBJECTS: dict[str, tuple[str, Callable[[Call], int]]] = {
    "issues/comments": ("comment", lambda call: find_comment(call).id),
    "issues": ("issue", lambda call: find_issue(call).id),
    "pulls/comments": ("review_comment", lambda call: find_review_comment(call).id),
    "comments": ("commit_comment", lambda call: find_commit_comment(call).id),
    "releases": ("release", lambda call: find_release(call).id),
}


@route("GET", _REPO + "/issues/{number}/reactions", _EITHER)
@route("GET", _REPO + "/issues/comments/{comment_id}/reactions", _EITHER)
@route("GET", _REPO + "/pulls/comments/{comment_id}/reactions", "pull_requests")
@route("GET", _REPO + "/releases/{release_id}/reactions", "contents")
@route("GET", _REPO + "/comments/{comment_id}/reactions", "metadata")
def list_reactions(call: Call) -> Answer:
    """https://docs.github.com/rest/reactions/reactions (`content` filters)"""
    content = call.query.get("content")
    if content is not None and content.replace(" ", "+") not in CONTENTS:
        raise invalid("Reaction", "content", "invalid")
    content = content and content.replace(" ", "+")
    found = call.store.reactions(*_subject(call), content)
    return call.whole(found, call.shapes.reaction)


@route("POST", _REPO + "/issues/{number}/reactions", f"{_EITHER}:write")
@route("POST", _REPO + "/issues/comments/{comment_id}/reactions", f"{_EITHER}:write")
@route("POST", _REPO + "/pulls/comments/{comment_id}/reactions", "pull_requests:write")
@route("POST", _REPO + "/releases/{release_id}/reactions", "contents:write")
@route("POST", _REPO + "/comments/{comment_id}/reactions", "contents:write")
def react(call: Call) -> Answer:
    """https://docs.github.com/rest/reactions/reactions (200 where it is there already)"""
    content = call.json().get("content")
    if content is None:
        raise invalid("Reaction", "content")
    if content not in CONTENTS:
        raise invalid("Reaction", "content", "invalid")
    made, new = call.store.react(
        call.repository.id, *_subject(call), content, account_id=call.acting_id
    )
    return Answer(call.shapes.reaction(made), 201 if new else 200)


@route("DELETE", _REPO + "/issues/{number}/reactions/{reaction_id}", f"{_EITHER}:write")
@route(
    "DELETE", _REPO + "/issues/comments/{comment_id}/reactions/{reaction_id}", f"{_EITHER}:write"
)
@route(
    "DELETE",
    _REPO + "/pulls/comments/{comment_id}/reactions/{reaction_id}",
    "pull_requests:write",
)
@route("DELETE", _REPO + "/releases/{release_id}/reactions/{reaction_id}", "contents:write")
@route("DELETE", _REPO + "/comments/{comment_id}/reactions/{reaction_id}", "contents:write")
def unreact(call: Call) -> Answer:
    """https://docs.github.com/rest/reactions/reactions#delete-an-issue-reaction (only one's own)"""
    found = call.store.find_reaction(call.number("reaction_id"))
    if found is None or (found.subject, found.subject_id) != _subject(call):
        raise not_found()
    if found.account_id != call.acting_id:
        raise ApiError(403, "You are not authorized to delete this reaction.")
    call.store.unreact(found.id)
    return Answer(status=204)


def _subject(call: Call) -> tuple[str, int]:
    *_, kind, comments, _ = call.path.rpartition("/reactions")[0].split("/")
    kind, find = _SUBJECTS.get(f"{kind}/{comments}") or _SUBJECTS[comments]
    return kind, find(call)
