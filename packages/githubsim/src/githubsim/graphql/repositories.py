"""Repositories with their refs, labels and milestones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from githubsim.clock import iso, iso_or_none
from githubsim.graphql.accounts import shown
from githubsim.graphql.commit_comments import REPOSITORY as COMMENTED
from githubsim.graphql.commits import find_object, target_of
from githubsim.graphql.context import Info
from githubsim.graphql.errors import Problem
from githubsim.graphql.issue_lists import issues, pulls
from githubsim.graphql.languages import REPOSITORY as WRITTEN_IN
from githubsim.graphql.organizations import REPOSITORY as PLANNED
from githubsim.graphql.pages import Page, Resolvers, of_list
from githubsim.graphql.people import REPOSITORY as LIKED
from githubsim.graphql.releases import REPOSITORY as RELEASED
from githubsim.ids import node_id
from githubsim.shapes.licenses import LICENSES
from githubsim.store import Account, Issue, Label, Milestone, Pull, Repository

_COLORS = {
    "C++": "#f34b7d",
    "Go": "#00ADD8",
    "Java": "#b07219",
    "Kotlin": "#A97BFF",
    "Python": "#3572A5",
    "Ruby": "#701516",
    "Rust": "#dea584",
    "TypeScript": "#3178c6",
}


@dataclass(frozen=True, slots=True)
class RefNode:
    """A branch or tag; `full` is its whole name, `sha` what it points at (a tag object too)."""

    repository: Repository
    full: str
    sha: str

    @property
    def prefix(self) -> str:
        return "/".join(self.full.split("/", 2)[:2]) + "/"

    @property
    def name(self) -> str:
        return self.full.removeprefix(self.prefix)


def ref_of(repository: Repository, info: Info, full: str) -> RefNode | None:
    """A ref by its whole name, or None."""
    info.context.need("contents")
    sha = info.context.git.ref(repository.id, full)
    return None if sha is None else RefNode(repository, full, sha)


def _ref(repository: Repository, info: Info, qualifiedName: str) -> RefNode | None:
    names = [qualifiedName]
    if not qualifiedName.startswith("refs/"):
        names = [f"refs/heads/{qualifiedName}", f"refs/tags/{qualifiedName}"]
    found = (ref_of(repository, info, name) for name in names)
    return next((one for one in found if one is not None), None)


def _refs(repository: Repository, info: Info, refPrefix: str, **args: Any) -> Page:
    info.context.need("contents")
    order = args.get("orderBy") or {}
    query = (args.get("query") or "").lower()
    found = [
        RefNode(repository, name, sha)
        for name, sha in info.context.git.refs(repository.id).items()
        if name.startswith(refPrefix) and query in name.lower()
    ]
    if (order.get("direction") or args.get("direction")) == "DESC":
        found.reverse()
    return of_list(info, found, args)


def _default_branch(repository: Repository, info: Info) -> RefNode | None:
    return ref_of(repository, info, f"refs/heads/{repository.default_branch}")


def _labels(repository: Repository, info: Info, **args: Any) -> Page:
    info.context.need("issues|pull_requests")
    found = info.context.store.labels(repository.id)
    query = (args.get("query") or "").lower()
    found = [one for one in found if query in one.name.lower()]
    order = args.get("orderBy") or {}
    if order.get("field") == "NAME":
        found.sort(key=lambda one: one.name.lower())
    if order.get("direction") == "DESC":
        found.reverse()
    return of_list(info, found, args)


def _milestones(repository: Repository, info: Info, **args: Any) -> Page:
    info.context.need("issues|pull_requests")
    states = args.get("states") or ("OPEN", "CLOSED")
    query = (args.get("query") or "").lower()
    found = [
        one
        for one in info.context.store.milestones(repository.id)
        if one.state.upper() in states and query in one.title.lower()
    ]
    order = args.get("orderBy") or {"field": "NUMBER", "direction": "ASC"}
    column = {"DUE_DATE": "due_on"}.get(order["field"], order["field"].lower())
    found.sort(
        key=lambda one: (getattr(one, column) or 0, one.id), reverse=order["direction"] == "DESC"
    )
    return of_list(info, found, args)


def _people(repository: Repository, info: Info, query: str = "", **args: Any) -> Page:
    store = info.context.store
    found = [
        one
        for one in map(store.account, store.access(repository))
        if one is not None and (query or "").lower() in one.login.lower()
    ]
    return of_list(info, found, args)


def _either(repository: Repository, info: Info, number: int) -> Issue | Pull:
    context = info.context
    found = context.store.issue_by_number(repository.id, number)
    if found is None:
        raise _no_number("issue or pull request", number)
    if found.pull_id is None:
        context.need("issues")
        return found
    context.need("pull_requests")
    return context.store.pull_of(found)


def _issue(repository: Repository, info: Info, number: int) -> Issue:
    info.context.need("issues")
    found = info.context.store.issue_by_number(repository.id, number)
    if found is None or found.pull_id is not None:
        raise _no_number("Issue", number)
    return found


def _pull(repository: Repository, info: Info, number: int) -> Pull:
    info.context.need("pull_requests")
    found = info.context.store.pull_by_number(repository.id, number)
    if found is None:
        raise _no_number("PullRequest", number)
    return found


def _no_number(kind: str, number: int) -> Problem:
    article = "a" if kind == "PullRequest" else "an"
    message = f"Could not resolve to {article} {kind} with the number of {number}."
    return Problem("NOT_FOUND", message)


def _milestone(repository: Repository, info: Info, number: int) -> Milestone | None:
    found = info.context.store.milestones(repository.id)
    return next((one for one in found if one.number == number), None)


def _label(repository: Repository, info: Info, name: str) -> Label | None:
    return info.context.store.label_by_name(repository.id, name)


def _owner(repository: Repository, info: Info) -> Account | None:
    return info.context.store.account(repository.owner_id)


def _path(repository: Repository, info: Info) -> str:
    return f"/{info.context.full_name(repository)}"


def _label_path(label: Label, info: Info) -> str:
    home = info.context.home(label.repository_id)
    return f"{_path(home, info)}/labels/{quote(label.name, safe='')}"


def _milestone_path(milestone: Milestone, info: Info) -> str:
    home = info.context.home(milestone.repository_id)
    return f"{_path(home, info)}/milestone/{milestone.number}"


def _in_milestone(lists: Callable[..., Page]) -> Callable[..., Page]:
    """A list of the repository's, of what is in the milestone."""

    def listed(milestone: Milestone, info: Info, **args: Any) -> Page:
        home = info.context.home(milestone.repository_id)
        return lists(home, info, milestone_id=milestone.id, **args)

    return listed


TYPES: dict[str, Resolvers] = {
    "Repository": COMMENTED
    | RELEASED
    | LIKED
    | PLANNED
    | WRITTEN_IN
    | {
        "assignableUsers": _people,
        "createdAt": lambda one, _: iso(one.created_at),
        "databaseId": lambda one, _: one.id,
        "defaultBranchRef": _default_branch,
        "description": lambda one, _: one.description,
        "diskUsage": lambda one, _: one.size,
        "forkCount": lambda one, _: one.forks,
        "forks": lambda one, info, **args: shown(info.context.store.forks(one.id), info, args),
        "hasIssuesEnabled": lambda one, _: one.has_issues,
        "homepageUrl": lambda one, _: one.homepage,
        "id": lambda one, _: one.node_id,
        "isArchived": lambda one, _: one.archived,
        "isDisabled": lambda one, _: False,
        "isEmpty": lambda one, info: not info.context.git.branches(one.id),
        "isFork": lambda one, _: one.fork,
        "isLocked": lambda one, _: False,
        "isPrivate": lambda one, _: one.private,
        "issue": _issue,
        "issueOrPullRequest": _either,
        "issues": issues,
        "label": _label,
        "labels": _labels,
        "licenseInfo": lambda one, _: one.license,
        "milestone": _milestone,
        "milestones": _milestones,
        "name": lambda one, _: one.name,
        "nameWithOwner": lambda one, info: info.context.full_name(one),
        "object": find_object,
        "owner": _owner,
        "parent": lambda one, info: info.context.repository(one.parent_id),
        "primaryLanguage": lambda one, _: one.language,
        "pullRequest": _pull,
        "pullRequests": pulls,
        "pushedAt": lambda one, _: iso(one.pushed_at),
        "ref": _ref,
        "refs": _refs,
        "repositoryTopics": lambda one, info, **args: of_list(info, one.topics, args),
        "resourcePath": _path,
        "stargazerCount": lambda one, _: one.stargazers,
        "updatedAt": lambda one, _: iso(one.updated_at),
        "url": lambda one, info: info.context.web + _path(one, info),
        "visibility": lambda one, _: "PRIVATE" if one.private else "PUBLIC",
    },
    "Ref": {
        "id": lambda ref, _: node_id("REF", ref.repository.id, ref.full),
        "name": lambda ref, _: ref.name,
        "prefix": lambda ref, _: ref.prefix,
        "repository": lambda ref, _: ref.repository,
        "target": target_of,
    },
    "Label": {
        "color": lambda label, _: label.color,
        "createdAt": lambda label, _: iso_or_none(label.created_at),
        "description": lambda label, _: label.description,
        "id": lambda label, _: label.node_id,
        "isDefault": lambda label, _: label.is_default,
        "name": lambda label, _: label.name,
        "repository": lambda label, info: info.context.home(label.repository_id),
        "resourcePath": _label_path,
        "updatedAt": lambda label, _: iso_or_none(label.updated_at),
        "url": lambda label, info: info.context.web + _label_path(label, info),
    },
    "Milestone": {
        "closed": lambda one, _: one.state == "closed",
        "closedAt": lambda one, _: iso_or_none(one.closed_at),
        "createdAt": lambda one, _: iso(one.created_at),
        "creator": lambda one, info: info.context.store.account(one.creator_id),
        "description": lambda one, _: one.description,
        "dueOn": lambda one, _: iso_or_none(one.due_on),
        "id": lambda one, _: one.node_id,
        "issues": _in_milestone(issues),
        "number": lambda one, _: one.number,
        "progressPercentage": lambda one, info: 100 * info.context.store.completeness(one.id),
        "pullRequests": _in_milestone(pulls),
        "repository": lambda one, info: info.context.home(one.repository_id),
        "resourcePath": _milestone_path,
        "state": lambda one, _: one.state.upper(),
        "title": lambda one, _: one.title,
        "updatedAt": lambda one, _: iso(one.updated_at),
        "url": lambda one, info: info.context.web + _milestone_path(one, info),
    },
    "License": {
        "id": lambda key, _: node_id("L", key),
        "key": lambda key, _: key,
        "name": lambda key, _: LICENSES[key][0],
        "pseudoLicense": lambda key, _: key == "other",
        "spdxId": lambda key, _: LICENSES[key][1],
        "url": lambda key, _: (
            None if key == "other" else f"http://choosealicense.com/licenses/{key}/"
        ),
    },
    "Language": {
        "color": lambda name, _: _COLORS.get(name),
        "id": lambda name, _: node_id("LAN", name),
        "name": lambda name, _: name,
    },
    "RepositoryTopic": {
        "id": lambda topic, _: node_id("RT", topic),
        "resourcePath": lambda topic, _: f"/topics/{topic}",
        "topic": lambda topic, _: topic,
        "url": lambda topic, info: f"{info.context.web}/topics/{topic}",
    },
    "Topic": {
        "id": lambda topic, _: node_id("T", topic),
        "name": lambda topic, _: topic,
    },
}
