"""One repository: shown, edited, transferred, deleted; its languages, topics and contributors."""

from collections import Counter
from functools import lru_cache

from githubsim.community import license_key
from githubsim.errors import ApiError, invalid
from githubsim.gitrepos import GitRepos
from githubsim.languages import languages_of
from githubsim.rest.call import Answer, Call, route
from githubsim.shapes import Json
from githubsim.shapes.repositories import READ_ONLY

# Of this many distinct emails GitHub links the accounts; the rest are anonymous.
LINKED_EMAILS = 500


@route("GET", "/repos/{owner}/{repo}", "metadata")
def show(call: Call) -> Answer:
    """https://docs.github.com/rest/repos/repos#get-a-repository"""
    write = call.caller.covers(call.repository) and call.caller.allows("contents", "write")
    everything = call.caller.kind == "user"
    permissions = dict.fromkeys(READ_ONLY, everything) | {
        "pull": True,
        "push": write or everything,
    }
    shape = call.shapes.full_repository(call.repository, permissions)
    return Answer(shape, modified=call.repository.updated_at)


@route("PATCH", "/repos/{owner}/{repo}", "administration:write")
def edit(call: Call) -> Answer:
    """https://docs.github.com/rest/repos/repos#update-a-repository"""
    body = call.json()
    fields: Json = {
        key: body[key]
        for key in ("name", "description", "homepage", "private", "archived", "has_issues")
        if key in body
    }
    if body.get("visibility") in ("public", "private"):
        fields["private"] = body["visibility"] == "private"
    branch = body.get("default_branch")
    if branch is not None:
        if branch not in call.git.branches(call.repository.id):
            raise invalid("Repository", "default_branch", "invalid")
        call.git.set_default_branch(call.repository.id, branch)
        fields["default_branch"] = branch
        fields["license"] = license_key(call.git, call.repository.id, branch)
    try:
        new = call.store.edit_repository(call.repository.id, sender_id=call.acting_id, **fields)
    except ValueError as error:
        raise invalid("Repository", "name", "custom", str(error)) from error
    return Answer(call.shapes.full_repository(new))


@route("DELETE", "/repos/{owner}/{repo}", "administration:write")
def delete(call: Call) -> Answer:
    """https://docs.github.com/rest/repos/repos#delete-a-repository"""
    call.store.delete_repository(call.repository.id, sender_id=call.acting_id)
    return Answer(status=204)


@route("POST", "/repos/{owner}/{repo}/transfer", "administration:write")
def transfer(call: Call) -> Answer:
    """https://docs.github.com/rest/repos/repos#transfer-a-repository"""
    owner = call.store.account_by_login(str(call.json().get("new_owner", "")))
    if owner is None:
        raise invalid("Repository", "new_owner", "invalid")
    new = call.store.transfer_repository(call.repository.id, owner.id, sender_id=call.acting_id)
    return Answer(call.shapes.repository(new), 202)


@route("GET", "/repos/{owner}/{repo}/forks", "metadata")
def list_forks(call: Call) -> Answer:
    """https://docs.github.com/rest/repos/forks#list-forks (newest first, unless `sort` says)"""
    found = [one for one in call.store.forks(call.repository.id) if call.caller.sees(one)]
    order = call.query.get("sort", "newest")
    if order in ("newest", "stargazers", "watchers"):
        found.reverse()
    if order in ("stargazers", "watchers"):
        found.sort(key=lambda one: -one.stargazers)
    return call.whole(found, call.shapes.repository)


@route("POST", "/repos/{owner}/{repo}/forks", "administration:write")
def fork(call: Call) -> Answer:
    """https://docs.github.com/rest/repos/forks#create-a-fork"""
    body = call.json()
    owner = call.acting_id
    if body.get("organization") is not None:
        found = call.store.account_by_login(str(body["organization"]))
        if found is None:
            raise invalid("Repository", "organization", "invalid")
        owner = found.id
    try:
        made = call.store.fork_repository(call.repository.id, owner, body.get("name"))
    except ValueError as error:
        raise invalid("Repository", "name", "custom", str(error)) from error
    call.git.copy(made.id, call.repository.id)
    return Answer(call.shapes.full_repository(made), 202)


@route("GET", "/repos/{owner}/{repo}/topics", "metadata")
def list_topics(call: Call) -> Answer:
    """https://docs.github.com/rest/repos/repos#get-all-repository-topics"""
    return Answer({"names": list(call.repository.topics)})


@route("PUT", "/repos/{owner}/{repo}/topics", "administration:write")
def replace_topics(call: Call) -> Answer:
    """https://docs.github.com/rest/repos/repos#replace-all-repository-topics"""
    names = call.json().get("names")
    if not isinstance(names, list):
        raise ApiError(422, "Validation Failed", errors=["names is missing"])
    new = call.store.edit_repository(
        call.repository.id, topics=tuple(map(str, names)), sender_id=call.acting_id
    )
    return Answer({"names": list(new.topics)})


@route("GET", "/repos/{owner}/{repo}/languages", "metadata")
def languages(call: Call) -> Answer:
    """https://docs.github.com/rest/repos/repos#list-repository-languages (bytes by name)"""
    head = call.git.ref(call.repository.id, f"refs/heads/{call.repository.default_branch}")
    if head is None:
        return Answer({})
    return Answer(dict(languages_of(call.git, call.repository.id, head)))


@route("GET", "/repos/{owner}/{repo}/contributors", "metadata")
def contributors(call: Call) -> Answer:
    """https://docs.github.com/rest/repos/repos#list-repository-contributors"""
    head = call.git.ref(call.repository.id, f"refs/heads/{call.repository.default_branch}")
    if head is None:
        return Answer(status=204)
    linked: Counter[int] = Counter()
    anonymous: Counter[tuple[str, str]] = Counter()
    emails = set()
    for commits, name, email in _authors(call.git, call.repository.id, head):
        emails.add(email)
        account = call.store.account_by_email(email)
        if account is not None and len(emails) <= LINKED_EMAILS:
            linked[account.id] += commits
        else:
            anonymous[name, email] += commits
    found: list[Json] = [
        call.shapes.user_by_id(account_id) | {"contributions": commits}
        for account_id, commits in linked.items()
    ]
    if call.query.get("anon") in ("1", "true"):
        found += [
            {"type": "Anonymous", "name": name, "email": email, "contributions": commits}
            for (name, email), commits in anonymous.items()
        ]
    found.sort(key=lambda one: (-one["contributions"], one.get("login", one.get("email"))))
    return call.whole(found, lambda one: one)


@route("GET", "/repos/{owner}/{repo}/events", "metadata")
def nothing_there(call: Call) -> Answer:
    """Lists that are empty in every world so far."""
    return Answer([])


@lru_cache(maxsize=512)
def _authors(git: GitRepos, repository_id: int, head: str) -> tuple[tuple[int, str, str], ...]:
    return tuple(git.authors(repository_id, head))
