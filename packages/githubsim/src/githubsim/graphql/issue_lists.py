"""The lists of a repository's issues and pull requests: filtered in SQL, paged by key."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from githubsim.ailments import ailments
from githubsim.graphql.context import Info
from githubsim.graphql.errors import ListFails, Problem, forbidden
from githubsim.graphql.pages import Bounds, Edge, Page, Part, decode, of_list, when
from githubsim.store import Issue, Listing, Pull, Repository

_ORDERS = {"CREATED_AT": "created_at", "UPDATED_AT": "updated_at", "COMMENTS": "comments"}


def issues(
    repository: Repository, info: Info, milestone_id: int | None = None, **args: Any
) -> Page:
    """The issues of a repository; none where they are switched off (desktop/desktop#8811)."""
    info.context.need("issues")
    if not repository.has_issues:
        return of_list(info, (), args)
    wanted = dict(args.get("filterBy") or {})
    states = wanted.get("states") or args.get("states")
    labels = wanted.get("labels") or args.get("labels")
    where = _Where()
    if milestone_id is not None:
        where.add("milestone_id = ?", milestone_id)
    if states and len(set(states)) == 1:
        where.add("state = ?", states[0].lower())
    if wanted.get("since"):
        where.add("updated_at >= ?", when(wanted["since"]))
    if wanted.get("createdBy"):
        where.add("author_id = ?", _login(info, wanted["createdBy"]))
    if "assignee" in wanted:
        _assigned(where, info, wanted["assignee"])
    if "milestoneNumber" in wanted:
        _in_milestone(where, info, repository, wanted["milestoneNumber"])
    _labelled(where, info, repository, labels)
    return _page(repository, info, args, False, where)


def pulls(repository: Repository, info: Info, milestone_id: int | None = None, **args: Any) -> Page:
    """The pull requests of a repository."""
    info.context.need("pull_requests")
    off = ailments(info.context.store, repository).pulls_off
    if off == "forbidden":
        raise forbidden()
    if off == "not_found":
        raise Problem("NOT_FOUND", "Could not resolve to a PullRequestConnection.")
    if off:
        return of_list(info, (), args)
    where = _Where()
    if milestone_id is not None:
        where.add("milestone_id = ?", milestone_id)
    states = set(args.get("states") or ())
    if states and len(states) < 3:
        halves = {
            "OPEN": "state = 'open'",
            "CLOSED": f"state = 'closed' AND NOT {_PART} p.merged_at IS NOT NULL)",
            "MERGED": f"state = 'closed' AND {_PART} p.merged_at IS NOT NULL)",
        }
        where.add(" OR ".join(f"({halves[one]})" for one in sorted(states)))
    for column, name in (("base_ref", "baseRefName"), ("head_ref", "headRefName")):
        if args.get(name) is not None:
            where.add(f"{_PART} p.{column} = ?)", args[name])
    _labelled(where, info, repository, args.get("labels"))
    return _page(repository, info, args, True, where)


_PART = "EXISTS (SELECT 1 FROM pulls p WHERE p.issue_id = issues.id AND"


class _Where:
    """Conditions on the table of issues."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.values: list[Any] = []

    def add(self, part: str, *values: Any) -> None:
        self.parts.append(f"({part})")
        self.values += values

    def but(self, part: str, *values: Any) -> _Where:
        """These, and one more."""
        new = _Where()
        new.parts, new.values = [*self.parts], [*self.values]
        new.add(part, *values)
        return new

    def filters(self) -> dict[str, Any]:
        return {"where": " AND ".join(self.parts), "values": self.values}


def _page(
    repository: Repository, info: Info, args: dict[str, Any], pulls: bool, where: _Where
) -> Page:
    bounds = Bounds.of(info, args)
    order = args.get("orderBy") or {"field": "CREATED_AT", "direction": "ASC"}
    column = _ORDERS[order["field"]]
    descending = order["direction"] == "DESC"
    context, store = info.context, info.context.store
    if context.empty_lists:
        return of_list(info, (), args)
    if bounds.size and ailments(store, repository).lists_fail:
        raise ListFails

    def load() -> Part:
        size = bounds.size or 0
        rest = where
        for cursor, forward in ((bounds.after, True), (bounds.before, False)):
            if cursor is not None:
                sign = ">" if forward != descending else "<"
                rest = rest.but(f"({column}, id) {sign} (?, ?)", *decode(cursor, 2))
        listing = Listing(
            pulls=pulls,
            order=column,
            descending=descending != bounds.backward,
            limit=size + 1,
            **rest.filters(),
        )
        found = store.issues(repository.id, listing)
        more = len(found) > size
        del found[size:]
        if bounds.backward:
            found.reverse()
        nodes: Sequence[Issue | Pull] = store.pulls_of(found) if pulls and found else found
        if pulls:
            _expect_merges(info, repository, nodes)
        edges = [
            Edge((getattr(issue, column), issue.id), node)
            for issue, node in zip(found, nodes, strict=True)
        ]
        before = bounds.after is not None if not bounds.backward else more
        return Part(edges, bounds.before is not None if bounds.backward else more, before)

    context.seen(repository)
    every = Listing(pulls=pulls, **where.filters())
    return Page(load, lambda: store.count_issues(repository.id, every))


def _expect_merges(info: Info, repository: Repository, nodes: Sequence[Any]) -> None:
    merges = [one.part.merge_commit_sha for one in nodes if one.part.merge_commit_sha]
    info.context.commits(repository).want(*merges)


def _labelled(
    where: _Where, info: Info, repository: Repository, names: Sequence[str] | None
) -> None:
    if not names:
        return
    found = [info.context.store.label_by_name(repository.id, name) for name in names]
    wanted = json.dumps([one.id for one in found if one is not None])
    where.add(
        "EXISTS (SELECT 1 FROM json_each(label_ids)"
        " WHERE value IN (SELECT value FROM json_each(?)))",
        wanted,
    )


def _assigned(where: _Where, info: Info, login: str | None) -> None:
    if login is None:
        where.add("assignee_ids = '[]'")
    elif login == "*":
        where.add("assignee_ids <> '[]'")
    else:
        where.add("? IN (SELECT value FROM json_each(assignee_ids))", _login(info, login))


def _in_milestone(where: _Where, info: Info, repository: Repository, number: str | None) -> None:
    if number is None:
        where.add("milestone_id IS NULL")
    elif number == "*":
        where.add("milestone_id IS NOT NULL")
    else:
        found = info.context.store.milestones(repository.id)
        where.add(
            "milestone_id = ?", *[one.id for one in found if str(one.number) == number] or [-1]
        )


def _login(info: Info, login: str) -> int:
    account = info.context.store.account_by_login(login)
    return -1 if account is None else account.id
