"""Pull requests: listed, shown, opened, edited, merged; their commits and files."""

from collections.abc import Sequence

from githubsim.errors import ApiError, invalid, not_found
from githubsim.gitrepos import MergeConflict
from githubsim.pushes import merge_pull, pull_spec
from githubsim.pushes import open_pull as open_in_git
from githubsim.rest.call import Answer, Call, route
from githubsim.rest.commits import diff_answer
from githubsim.shapes import Json
from githubsim.store import Listing, Pull

# "Lists a maximum of 250 commits", "Responses include a maximum of 3000 files":
# https://docs.github.com/rest/pulls/pulls
_MOST_COMMITS, _MOST_FILES = 250, 3000
_ORDERS = {
    "created": "created_at",
    "updated": "updated_at",
    "popularity": "comments",
    "long-running": "created_at",
}


@route("GET", "/repos/{owner}/{repo}/pulls", "pull_requests")
def list_pulls(call: Call) -> Answer:
    """https://docs.github.com/rest/pulls/pulls#list-pull-requests"""
    call.list_may_fail()
    query = call.query
    state = query.get("state", "open")
    order = _ORDERS.get(query.get("sort", "created"))
    if state not in ("open", "closed", "all") or order is None:
        raise invalid("PullRequest", "sort" if order is None else "state", "invalid")
    wheres, values = [], []
    if query.get("base"):
        wheres.append("base_ref = ?")
        values.append(query["base"])
    if query.get("head"):
        wheres.append("head_ref = ?")
        values.append(query["head"].partition(":")[2] or query["head"])
    default = "desc" if query.get("sort", "created") == "created" else "asc"
    listing = Listing(
        pulls=True,
        state=None if state == "all" else state,
        order=order,
        descending=query.get("direction", default) == "desc",
        limit=call.per_page,
        offset=call.offset,
        where=(
            f"id IN (SELECT issue_id FROM pulls WHERE {' AND '.join(wheres)})"  # noqa: S608
            if wheres
            else ""
        ),
        values=values,
    )
    with call.store.lock:
        found = call.store.issue_keys(call.repository.id, listing)
        total = call.store.count_issues(call.repository.id, listing)
        rows = call.rows("pull", [one for _, one in found], lambda ids: _shapes(call, ids))
    return call.paged(rows, total)


def _shapes(call: Call, ids: Sequence[int]) -> list[Json]:
    """Pull requests by the ids of their issues, as lists have them."""
    issues = call.store.issues_of(ids)
    pulls = call.store.pulls_of([issues[one] for one in ids])
    return [call.shapes.pull_simple(call.repository, one) for one in pulls]


@route("GET", "/repos/{owner}/{repo}/pulls/{number}", "pull_requests")
def show_pull(call: Call) -> Answer:
    """https://docs.github.com/rest/pulls/pulls#get-a-pull-request"""
    pull = find_pull(call)
    if call.wants("diff"):
        part, git, repository_id = pull.part, call.git, call.repository.id
        fork = git.merge_base(repository_id, part.base_sha, part.head_sha) or part.base_sha
        return diff_answer(git.difftext(repository_id, fork, part.head_sha))
    return Answer(call.shapes.pull(call.repository, pull), modified=pull.issue.updated_at)


@route("POST", "/repos/{owner}/{repo}/pulls", "pull_requests:write")
def open_pull(call: Call) -> Answer:
    """https://docs.github.com/rest/pulls/pulls#create-a-pull-request"""
    body = call.json()
    for field in ("title", "head", "base"):
        if not isinstance(body.get(field), str) or not body[field]:
            raise invalid("PullRequest", field)
    head = body["head"].partition(":")[2] or body["head"]
    try:
        spec = pull_spec(
            call.git, call.repository.id, body["base"], head, draft=bool(body.get("draft"))
        )
    except KeyError as error:
        field = "base" if error.args[0] == body["base"] else "head"
        raise invalid("PullRequest", field, "invalid") from error
    if spec.commits == 0:
        message = f"No commits between {body['base']} and {head}"
        raise invalid("PullRequest", "head", "custom", message)
    if any(one.part.base_ref == body["base"] for one in _from(call, head)):
        message = f"A pull request already exists for {body['head']}."
        raise invalid("PullRequest", "head", "custom", message)
    made = open_in_git(
        call.store,
        call.git,
        call.repository.id,
        body["title"],
        body.get("body"),
        spec,
        author_id=call.acting_id,
    )
    return Answer(call.shapes.pull(call.repository, made), 201)


@route("PATCH", "/repos/{owner}/{repo}/pulls/{number}", "pull_requests:write")
def edit_pull(call: Call) -> Answer:
    """https://docs.github.com/rest/pulls/pulls#update-a-pull-request"""
    pull, body, who = find_pull(call), call.json(), call.acting_id
    store = call.store
    if "title" in body or "body" in body:
        store.edit_issue(
            pull.issue.id, title=body.get("title"), body=body.get("body"), sender_id=who
        )
    base = body.get("base")
    if base is not None and base != pull.part.base_ref:
        sha = call.git.ref(call.repository.id, f"refs/heads/{base}")
        if sha is None:
            raise invalid("PullRequest", "base", "invalid")
        store.retarget_pull(pull.id, base, sha, sender_id=who)
    if body.get("state") == "closed":
        store.close_issue(pull.issue.id, sender_id=who)
    elif body.get("state") == "open":
        if pull.merged:
            raise invalid("PullRequest", "state", "invalid")
        store.reopen_issue(pull.issue.id, sender_id=who)
    return Answer(call.shapes.pull(call.repository, find_pull(call)))


@route("GET", "/repos/{owner}/{repo}/pulls/{number}/merge", "pull_requests")
def is_merged(call: Call) -> Answer:
    """https://docs.github.com/rest/pulls/pulls#check-if-a-pull-request-has-been-merged"""
    if not find_pull(call).merged:
        raise not_found()
    return Answer(status=204)


@route("PUT", "/repos/{owner}/{repo}/pulls/{number}/merge", "contents:write")
def merge(call: Call) -> Answer:
    """https://docs.github.com/rest/pulls/pulls#merge-a-pull-request"""
    pull, body = find_pull(call), call.json()
    if pull.issue.state == "closed" or pull.part.draft:
        raise ApiError(405, "Pull Request is not mergeable")
    if body.get("sha") not in (None, pull.part.head_sha):
        raise ApiError(409, "Head branch was modified. Review and try the merge again.")
    message = body.get("commit_title")
    if message and body.get("commit_message"):
        message += f"\n\n{body['commit_message']}"
    try:
        merged = merge_pull(
            call.store,
            call.git,
            pull.id,
            sender_id=call.acting_id,
            squash=body.get("merge_method") == "squash",
            message=message,
        )
    except (MergeConflict, KeyError) as error:
        raise ApiError(405, "Pull Request is not mergeable") from error
    return Answer(
        {
            "sha": merged.part.merge_commit_sha,
            "merged": True,
            "message": "Pull Request successfully merged",
        }
    )


@route("GET", "/repos/{owner}/{repo}/pulls/{number}/commits", "pull_requests")
def list_commits(call: Call) -> Answer:
    """https://docs.github.com/rest/pulls/pulls#list-commits-on-a-pull-request (oldest first)"""
    part = find_pull(call).part
    shas = call.git.existing(call.repository.id, [part.head_sha, part.base_sha])
    if len(set(shas)) < len({part.head_sha, part.base_sha}):
        return Answer([])
    found = call.git.log(
        call.repository.id, part.head_sha, exclude=[part.base_sha], limit=_MOST_COMMITS
    )
    return call.whole(found[::-1], lambda one: call.shapes.commit(call.repository, one))


@route("GET", "/repos/{owner}/{repo}/pulls/{number}/files", "pull_requests")
def list_files(call: Call) -> Answer:
    """https://docs.github.com/rest/pulls/pulls#list-pull-requests-files"""
    part = find_pull(call).part
    fork = call.git.merge_base(call.repository.id, part.base_sha, part.head_sha)
    if fork is None:
        return Answer([])
    changes = call.git.diff(call.repository.id, fork, part.head_sha)[:_MOST_FILES]
    return call.paged(
        call.shapes.files(
            call.repository,
            part.head_sha,
            changes[call.offset : call.offset + call.per_page],
        ),
        len(changes),
    )


def find_pull(call: Call) -> Pull:
    """The pull request in the path, or 404."""
    found = call.store.pull_by_number(call.repository.id, call.number("number"))
    if found is None:
        raise not_found()
    return found


def _from(call: Call, head: str) -> list[Pull]:
    return call.store.pulls_from(call.repository.id, head)
