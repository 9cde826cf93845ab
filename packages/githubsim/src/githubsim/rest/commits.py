"""Commits: listed, single with stats and files, compared."""

from githubsim.errors import ApiError, not_found
from githubsim.gitrepos import EMPTY_TREE, Commit
from githubsim.rest.call import Answer, Call, route
from githubsim.shapes import Json

_FILES_SHOWN = 300
_COMPARED = 250


@route("GET", "/repos/{owner}/{repo}/commits", "contents")
def list_commits(call: Call) -> Answer:
    """https://docs.github.com/rest/commits/commits#list-commits"""
    git, repository = call.git, call.repository
    start = call.query.get("sha") or repository.default_branch
    if not git.refs(repository.id):
        raise ApiError(409, "Git Repository is empty.")
    rev = git.resolve(repository.id, start)
    if rev is None:
        raise not_found()
    author = call.query.get("author", "")
    account = call.store.account_by_login(author) if author else None
    filters: Json = {
        "since": call.when("since"),
        "until": call.when("until"),
        "author": call.store.emails(account.id) if account else [author] if author else (),
        "path": call.query.get("path"),
    }
    found = git.log(repository.id, rev, skip=call.offset, limit=call.per_page, **filters)
    total = git.count_log(repository.id, rev, **filters)
    return call.paged([call.shapes.commit(repository, one) for one in found], total)


@route("GET", "/repos/{owner}/{repo}/commits/{ref...}", "contents")
def show_commit(call: Call) -> Answer:
    """https://docs.github.com/rest/commits/commits#get-a-commit"""
    commit = find_commit(call, call.params["ref"])
    shape = call.shapes.commit(call.repository, commit)
    if call.wants("sha"):
        return Answer(commit.sha, media="application/vnd.github.sha; charset=utf-8")
    git, repository_id = call.git, call.repository.id
    parent = commit.parents[0] if commit.parents else EMPTY_TREE
    if call.wants("diff"):
        return diff_answer(git.difftext(repository_id, parent, commit.sha))
    stats = git.stats(repository_id, [commit.sha])[commit.sha]
    shape["stats"] = {
        "total": stats.additions + stats.deletions,
        "additions": stats.additions,
        "deletions": stats.deletions,
    }
    changes = git.diff(repository_id, parent, commit.sha)[:_FILES_SHOWN]
    shape["files"] = call.shapes.files(call.repository, commit.sha, changes)
    return Answer(shape)


def diff_answer(text: bytes) -> Answer:
    """A diff as git writes it: https://docs.github.com/rest/using-the-rest-api/media-types"""
    return Answer(text, media="application/vnd.github.diff; charset=utf-8")


@route("GET", "/repos/{owner}/{repo}/git/commits/{sha}", "contents")
def show_git_commit(call: Call) -> Answer:
    """https://docs.github.com/rest/git/commits#get-a-commit-object"""
    commit = find_commit(call, call.params["sha"])
    return Answer(call.shapes.git_commit(call.repository, commit))


@route("GET", "/repos/{owner}/{repo}/compare/{basehead...}", "contents")
def compare(call: Call) -> Answer:
    """https://docs.github.com/rest/commits/commits#compare-two-commits"""
    git, repository = call.git, call.repository
    first, dots, second = call.params["basehead"].partition("...")
    base, head = (git.resolve(repository.id, one) for one in (first, second))
    if not dots or base is None or head is None:
        raise not_found()
    fork = git.merge_base(repository.id, base, head)
    if fork is None:
        raise ApiError(404, f"No common ancestor between {first} and {second}.")
    ahead = git.count_log(repository.id, head, exclude=[base])
    behind = git.count_log(repository.id, base, exclude=[head])
    # Oldest first, the newest 250 unless pages are asked for.
    limit = call.per_page if "page" in call.query or "per_page" in call.query else _COMPARED
    skip = max(0, ahead - call.offset - limit)
    shown = (
        git.log(
            repository.id, head, exclude=[base], skip=skip, limit=min(limit, ahead - call.offset)
        )[::-1]
        if ahead > call.offset
        else []
    )
    status = "identical" if base == head else "diverged"
    if status == "diverged" and not (ahead and behind):
        status = "ahead" if ahead else "behind"
    commits = git.commits(repository.id, [base, fork])
    url, page = call.shapes.repo_url(repository), call.shapes.repo_page(repository)
    changes = git.diff(repository.id, fork, head)[:_FILES_SHOWN]
    body = {
        "url": f"{url}/compare/{first}...{second}",
        "html_url": f"{page}/compare/{first}...{second}",
        "permalink_url": f"{page}/compare/{base[:12]}...{head[:12]}",
        "diff_url": f"{page}/compare/{first}...{second}.diff",
        "patch_url": f"{page}/compare/{first}...{second}.patch",
        "base_commit": call.shapes.commit(repository, commits[base]),
        "merge_base_commit": call.shapes.commit(repository, commits[fork]),
        "status": status,
        "ahead_by": ahead,
        "behind_by": behind,
        "total_commits": ahead,
        "commits": [call.shapes.commit(repository, one) for one in shown],
        "files": call.shapes.files(repository, head, changes),
    }
    return call.paged(body, ahead) if limit != _COMPARED else Answer(body)


def find_commit(call: Call, ref: str) -> Commit:
    if not call.git.refs(call.repository.id):
        raise ApiError(409, "Git Repository is empty.")
    sha = call.git.resolve(call.repository.id, ref)
    found = call.git.commits(call.repository.id, [sha]) if sha is not None else {}
    if sha is None or sha not in found:
        raise ApiError(422, f"No commit found for SHA: {ref}")
    return found[sha]
