"""Comments on commits."""

from __future__ import annotations

from typing import Any

from githubsim.clock import iso
from githubsim.graphql.context import CommitNode, Info
from githubsim.graphql.pages import Page, Resolvers, of_list
from githubsim.graphql.reactions import REACTABLE
from githubsim.store import CommitComment, Repository

Parts = tuple[int | str, ...]


def _comments(repository: Repository, info: Info, **args: Any) -> Page:
    return of_list(info, info.context.store.commit_comments(repository.id), args)


def comment_by_id(info: Info, parts: Parts) -> CommitComment | None:
    """`CC_…`."""
    found: CommitComment | None = info.context.store.commit_comment(int(parts[1]))
    return found if found is not None and found.repository_id == parts[0] else None


def _commit(comment: CommitComment, info: Info) -> CommitNode | None:
    commits = info.context.commits(info.context.home(comment.repository_id))
    known = commits.find(comment.commit_sha) is not None
    return CommitNode(comment.commit_sha, commits) if known else None


def _path(comment: CommitComment, info: Info) -> str:
    home = info.context.full_name(info.context.home(comment.repository_id))
    return f"/{home}/commit/{comment.commit_sha}#commitcomment-{comment.id}"


def _viewer_wrote(comment: CommitComment, info: Info) -> bool:
    viewer = info.context.caller.acting_id
    return viewer is not None and viewer == comment.author_id


REPOSITORY: Resolvers = {"commitComments": _comments}
TYPES: dict[str, Resolvers] = {
    "CommitComment": REACTABLE
    | {
        "author": lambda one, info: info.context.store.account(one.author_id),
        "authorAssociation": lambda one, _: one.association,
        "body": lambda one, _: one.body,
        "bodyText": lambda one, _: one.body.strip(),
        "commit": _commit,
        "createdAt": lambda one, _: iso(one.created_at),
        "databaseId": lambda one, _: one.id,
        "id": lambda one, _: one.node_id,
        "path": lambda one, _: one.path,
        "position": lambda one, _: one.position,
        "publishedAt": lambda one, _: iso(one.created_at),
        "repository": lambda one, info: info.context.home(one.repository_id),
        "resourcePath": _path,
        "updatedAt": lambda one, _: iso(one.updated_at),
        "url": lambda one, info: info.context.web + _path(one, info),
        "viewerDidAuthor": _viewer_wrote,
    }
}
