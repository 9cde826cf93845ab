"""What happened to the branches of a repository, newest first, by cursors alone."""

from githubsim.clock import iso
from githubsim.cursors import decode, encode
from githubsim.errors import ApiError
from githubsim.rest.call import Answer, Call, link_header, route
from githubsim.shapes import Json
from githubsim.store import Activity

_PERIODS = {"day": 1, "week": 7, "month": 30, "quarter": 90, "year": 365}


@route("GET", "/repos/{owner}/{repo}/activity", "contents")
def list_activity(call: Call) -> Answer:
    """https://docs.github.com/rest/repos/repos#list-repository-activities"""
    query, newest_first = call.query, call.query.get("direction", "desc") != "asc"
    found = call.store.activity(call.repository.id)
    if "ref" in query:
        ref = query["ref"] if query["ref"].startswith("refs/") else f"refs/heads/{query['ref']}"
        found = [one for one in found if one.ref == ref]
    if "actor" in query:
        actor = call.store.account_by_login(query["actor"])
        found = [one for one in found if actor is not None and one.actor_id == actor.id]
    if "activity_type" in query:
        found = [one for one in found if one.kind == query["activity_type"]]
    if "time_period" in query:
        if query["time_period"] not in _PERIODS:
            raise _refused("time_period")
        since = call.store.clock.now() - _PERIODS[query["time_period"]] * 86_400
        found = [one for one in found if one.at >= since]
    if newest_first:
        found.reverse()
    start, end = _place(call, found, "after", 0), _place(call, found, "before", len(found))
    if "before" in query:
        start = max(0, end - call.per_page)
    page = found[start : min(end, start + call.per_page)]
    links = {}
    if page and start > 0:
        links["prev"] = call.turned(after=None, before=encode(page[0].id))
    if page and found[-1] != page[-1]:
        links["next"] = call.turned(after=encode(page[-1].id), before=None)
    return Answer([_shape(call, one) for one in page], headers=link_header(links))


def _place(call: Call, found: list[Activity], word: str, otherwise: int) -> int:
    """Where in the list a cursor is: behind what it names, or before it."""
    cursor = call.query.get(word)
    if cursor is None:
        return otherwise
    try:
        (number,) = decode(cursor, 1)
        at = [one.id for one in found].index(int(number))
    except ValueError as error:
        raise _refused(word) from error
    return at + (word == "after")


def _refused(word: str) -> ApiError:
    return ApiError(422, "Validation Failed", errors=[f"{word} is invalid"])


def _shape(call: Call, one: Activity) -> Json:
    """`activity`."""
    return {
        "id": one.id,
        "node_id": one.node_id,
        "before": one.before,
        "after": one.after,
        "ref": one.ref,
        "timestamp": iso(one.at),
        "activity_type": one.kind,
        "actor": call.shapes.user_by_id(one.actor_id),
    }
