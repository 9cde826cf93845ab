"""Reactions, and the fields of all that can be reacted to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from githubsim.clock import iso
from githubsim.graphql.context import Info
from githubsim.graphql.errors import Problem
from githubsim.graphql.pages import Bounds, Page, Part, Resolvers, of_list
from githubsim.store import (
    Account,
    Comment,
    CommitComment,
    Issue,
    Pull,
    Reaction,
    Release,
    Review,
    ReviewComment,
)

Reactable = Issue | Pull | Comment | CommitComment | Review | ReviewComment | Release
# In the order that GitHub lists them.
_CONTENTS = {
    "THUMBS_UP": "+1",
    "THUMBS_DOWN": "-1",
    "LAUGH": "laugh",
    "HOORAY": "hooray",
    "CONFUSED": "confused",
    "HEART": "heart",
    "ROCKET": "rocket",
    "EYES": "eyes",
}
_NAMES = {text: name for name, text in _CONTENTS.items()}
_KINDS: dict[type[Any], str] = {
    Comment: "comment",
    CommitComment: "commit_comment",
    Issue: "issue",
    Release: "release",
    Review: "review",
    ReviewComment: "review_comment",
}


@dataclass(frozen=True, slots=True)
class Group:
    """The reactions of one content to one thing, oldest first; perhaps none."""

    subject: Reactable
    content: str
    reactions: list[Reaction]


def _key(subject: Reactable) -> tuple[str, int]:
    if isinstance(subject, Pull):
        return "issue", subject.issue.id
    return _KINDS[type(subject)], subject.id


def _reactions(subject: Reactable, info: Info, content: str | None = None, **args: Any) -> Page:
    bounds = Bounds.of(info, args)
    store, key = info.context.store, _key(subject)
    wanted = None if content is None else _CONTENTS[content]
    if bounds.size is None:
        counts = store.count_reactions(*key)
        total = sum(counts.values()) if wanted is None else counts.get(wanted, 0)
        return Page(lambda: Part((), False, False), lambda: total)
    found = store.reactions(*key, wanted)
    if (args.get("orderBy") or {}).get("direction") == "DESC":
        found.reverse()
    return of_list(info, found, args)


def groups(subject: Reactable, info: Info) -> list[Group]:
    """All eight, also those that nobody chose."""
    found = info.context.store.reactions(*_key(subject))
    return [
        Group(subject, text, [one for one in found if one.content == text])
        for text in _CONTENTS.values()
    ]


def _reactors(group: Group, info: Info, **args: Any) -> Page:
    accounts = [info.context.store.account(one.account_id) for one in group.reactions]
    return of_list(info, [one for one in accounts if one is not None], args)


def _users(group: Group, info: Info, **args: Any) -> Page:
    accounts = [info.context.store.account(one.account_id) for one in group.reactions]
    users = [one for one in accounts if one is not None and one.type == "User"]
    return of_list(info, users, args)


def _user(reaction: Reaction, info: Info) -> Account | None:
    found = info.context.store.account(reaction.account_id)
    return found if found is not None and found.type == "User" else None


def _subject(reaction: Reaction, info: Info) -> Any:
    store = info.context.store
    found: Any = None
    match reaction.subject:
        case "issue":
            issue = store.issue(reaction.subject_id)
            found = store.pull_of(issue) if issue and issue.pull_id is not None else issue
        case "comment":
            found = store.issue_comment(reaction.subject_id)
        case "commit_comment":
            found = store.commit_comment(reaction.subject_id)
        case "review":
            found = store.find_review(reaction.subject_id)
        case "review_comment":
            found = store.find_review_comment(reaction.subject_id)
        case "release":
            found = store.find_release(reaction.subject_id)
    if found is None:
        raise Problem("NOT_FOUND", "Could not resolve to a Reactable.")
    return found


def _can_react(subject: Reactable, info: Info) -> bool:
    return info.context.caller.covers(info.context.home(subject.repository_id))


def reacted(info: Info, subject: Any, content: str, add: bool) -> dict[str, Any]:
    """What the mutations addReaction and removeReaction do; their payload."""
    context = info.context
    who = context.caller.acting_id
    if not isinstance(subject, Reactable) or who is None or not _can_react(subject, info):
        raise Problem("FORBIDDEN", "Resource not accessible by integration")
    permission = "issues|pull_requests"
    if isinstance(subject, (Release, CommitComment)):
        permission = "contents"
    elif not isinstance(subject, (Issue, Comment)):
        permission = "pull_requests"
    context.need(permission, "write")
    key, text = _key(subject), _CONTENTS[content]
    if add:
        reaction, _ = context.store.react(subject.repository_id, *key, text, account_id=who)
    else:
        mine = [one for one in context.store.reactions(*key, text) if one.account_id == who]
        if not mine:
            raise Problem("NOT_FOUND", "Could not find that reaction.")
        reaction = mine[0]
        context.store.unreact(reaction.id)
    return {
        "reaction": reaction,
        "reactionGroups": groups(subject, info),
        "subject": subject,
    }


REACTABLE: Resolvers = {
    "reactionGroups": groups,
    "reactions": _reactions,
    "viewerCanReact": _can_react,
}
TYPES: dict[str, Resolvers] = {
    "Reaction": {
        "content": lambda one, _: _NAMES[one.content],
        "createdAt": lambda one, _: iso(one.created_at),
        "databaseId": lambda one, _: one.id,
        "id": lambda one, _: one.node_id,
        "reactable": _subject,
        "user": _user,
    },
    "ReactionGroup": {
        "content": lambda group, _: _NAMES[group.content],
        "createdAt": lambda group, _: (
            iso(group.reactions[0].created_at) if group.reactions else None
        ),
        "reactors": _reactors,
        "subject": lambda group, _: group.subject,
        "users": _users,
        "viewerHasReacted": lambda group, info: (
            info.context.caller.acting_id in {one.account_id for one in group.reactions}
        ),
    },
}
