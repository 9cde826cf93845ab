"""What lies in git: commits with their history, tags, trees and blobs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import Any

from githubsim.clock import epoch, iso
from githubsim.gitrepos import Commit, GitRepos, Stats
from githubsim.graphql.context import CommitNode, Info, ObjectNode
from githubsim.graphql.errors import Problem
from githubsim.graphql.pages import Bounds, Edge, Page, Part, Resolvers, bad_cursor, of_list
from githubsim.ids import node_id
from githubsim.store import Account, Repository

GitNode = CommitNode | ObjectNode
_SHA = re.compile(r"[0-9a-f]{40}")
_HEADLINE = 72
# GitHub cuts a blob's text (`isTruncated`); at which size is not documented.
_MOST_TEXT = 512_000
_TAGGER = re.compile(r"(.*?) ?<(.*)> (\d+) ([-+]\d{4})")
_CURSOR = re.compile(r"([0-9a-f]{40}) (\d+)")


@dataclass(frozen=True, slots=True)
class Signature:
    """Author or committer as git has them; `date` with its own zone."""

    name: str
    email: str
    date: str


def find_object(
    repository: Repository, info: Info, oid: str | None = None, expression: str | None = None
) -> GitNode | None:
    """An object by its full oid, or by an expression such as `main` or `HEAD:README.md`."""
    context = info.context
    context.need("contents")
    if oid is None:
        oid = _resolve(repository, info, expression or "")
    elif not _SHA.fullmatch(oid):
        raise Problem("INVALID_OID", f"Could not resolve to an object with the oid '{oid}'.")
    if oid is None:
        return None
    commits = context.commits(repository)
    # A query often names a hundred objects: all are read at the first.
    commits.want(*context.oids)
    if commits.find(oid) is not None:
        return CommitNode(oid, commits)
    return of_sha(repository, info, oid)


def _resolve(repository: Repository, info: Info, expression: str) -> str | None:
    git = info.context.git
    if ":" not in expression:
        return git.resolve(repository.id, expression)
    if expression.startswith("-"):
        return None
    path = git.path(repository.id)
    return git.try_run(["rev-parse", "-q", "--verify", expression], path).strip() or None


def of_sha(repository: Repository, info: Info, sha: str) -> GitNode | None:
    """The object with this sha, of any kind."""
    git = info.context.git
    kind = git.object_types(repository.id, [sha]).get(sha)
    if kind == "commit":
        return CommitNode(sha, info.context.commits(repository))
    if kind == "tag":
        text = git.try_run(["cat-file", "tag", sha], git.path(repository.id))
        head, _, message = text.partition("\n\n")
        fields = dict(line.partition(" ")[::2] for line in head.split("\n"))
        target = of_sha(repository, info, fields["object"])
        by = _TAGGER.fullmatch(fields.get("tagger", ""))
        tagger = Signature(by[1], by[2], _offset(by[3], by[4])) if by else None
        return ObjectNode(sha, repository, "Tag", fields["tag"], message, target, tagger)
    if kind in ("tree", "blob"):
        return ObjectNode(sha, repository, kind.capitalize())
    return None


def _offset(at: str, zone: str) -> str:
    """A time of git's with its own zone."""
    minutes = int(zone[1:3]) * 60 + int(zone[3:])
    offset = timedelta(minutes=-minutes if zone[0] == "-" else minutes)
    return datetime.fromtimestamp(int(at), timezone(offset)).isoformat().replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """A name in a tree."""

    repository: Repository
    name: str
    mode: int
    type: str
    sha: str
    size: int


def _entries(tree: ObjectNode, info: Info) -> list[TreeEntry]:
    git = info.context.git
    args = ["ls-tree", "-l", "-z", tree.sha]
    listed = git.try_run(args, git.path(tree.repository.id)).split("\0")
    found = []
    for about, name in (one.split("\t", 1) for one in listed if one):
        mode, kind, sha, size = about.split()
        number = int(size) if size.isdigit() else 0
        found.append(TreeEntry(tree.repository, name, int(mode, 8), kind, sha, number))
    return found


def _blob(node: ObjectNode, info: Info) -> bytes:
    return _content(info.context.git, node.repository.id, node.sha)


# Queries ask for several fields of the same blob.
@lru_cache(maxsize=16)
def _content(git: GitRepos, repository_id: int, sha: str) -> bytes:
    return git.read(repository_id, sha)


def _is_binary(content: bytes) -> bool:
    """As git: there is NUL in its beginning."""
    return b"\0" in content[:8000]


def _text_of(node: ObjectNode, info: Info) -> str | None:
    content = _blob(node, info)
    return None if _is_binary(content) else content[:_MOST_TEXT].decode(errors="replace")


def target_of(ref: Any, info: Info) -> GitNode | None:
    """What a ref points at: a branch always at a commit."""
    if ref.full.startswith("refs/heads/"):
        return CommitNode(ref.sha, info.context.commits(ref.repository))
    return of_sha(ref.repository, info, ref.sha)


def _history(node: CommitNode, info: Info, **args: Any) -> Page:
    bounds = Bounds.of(info, args)
    if bounds.backward or bounds.before:
        raise Problem(
            "INVALID_PAGINATION_BOUNDARIES", "The `history` connection is only paged forward."
        )
    git, repository = info.context.git, node.repository
    filters: dict[str, Any] = {
        "since": _when(args.get("since")),
        "until": _when(args.get("until")),
        "author": _emails(info, args.get("author")),
        "path": args.get("path"),
    }
    # A page that follows goes on from the commit that the first page began at.
    head, skip = node.sha, 0
    if bounds.after is not None:
        found = _CURSOR.fullmatch(bounds.after)
        if found is None:
            raise bad_cursor(bounds.after)
        head, skip = found[1], int(found[2]) + 1

    def load() -> Part:
        size = bounds.size or 0
        found = git.log(repository.id, head, skip=skip, limit=size + 1, **filters)
        commits = info.context.commits(repository)
        commits.keep(found[:size])
        edges = [
            Edge(f"{head} {skip + place}", CommitNode(one.sha, commits))
            for place, one in enumerate(found[:size])
        ]
        return Part(edges, len(found) > size, skip > 0)

    return Page(load, lambda: git.count_log(repository.id, head, **filters))


def _when(text: str | None) -> int | None:
    try:
        return None if text is None else epoch(text)
    except ValueError as error:
        raise Problem("INVALID_TIMESTAMP", f"'{text}' is not a valid timestamp.") from error


def _emails(info: Info, author: dict[str, Any] | None) -> list[str]:
    if author is None:
        return []
    emails = list(author.get("emails") or ())
    for account in info.context.store.accounts() if author.get("id") else ():
        if account.node_id == author["id"]:
            emails += info.context.store.emails(account.id)
    return emails


def _parents(node: CommitNode, info: Info, **args: Any) -> Page:
    return of_list(info, node.commits.parents(node.sha), args)


def _author(node: CommitNode, info: Info) -> Signature:
    commit = node.commit
    return Signature(commit.author_name, commit.author_email, commit.author_date)


def _committer(node: CommitNode, info: Info) -> Signature:
    commit = node.commit
    return Signature(commit.committer_name, commit.committer_email, commit.committer_date)


def _user(signature: Signature, info: Info) -> Account | None:
    return info.context.account_by_email(signature.email)


def _avatar(signature: Signature, info: Info, size: int | None = None) -> str:
    account = _user(signature, info)
    return f"{info.context.web}/avatars/u/{account.id if account else 0}?v=4"


def _counted(node: CommitNode, name: str) -> Stats:
    """A commit's counts. GitHub gives up on some commits: as no count may be null, all that the
    query says of such a commit is.

    Source: change-metrics/monocle#222 and #1093, liatrio/liatrio-otel-collector#186 (the words and
    the path; of the type nothing is reported).
    """
    if node.sha in node.commits.uncountable:
        raise Problem("SERVICE_UNAVAILABLE", f"The {name} count for this commit is unavailable.")
    return node.commits.stats(node.sha)


def _files_if_counted(node: CommitNode, info: Info) -> int | None:
    uncountable = node.sha in node.commits.uncountable
    return None if uncountable else node.commits.stats(node.sha).files


def _headline(commit: Commit) -> str:
    first = commit.message.partition("\n")[0]
    return first if len(first) <= _HEADLINE else f"{first[: _HEADLINE - 3]}..."


def _body(commit: Commit) -> str:
    first, _, rest = commit.message.partition("\n")
    if len(first) > _HEADLINE:
        return f"...{first[_HEADLINE - 3 :]}\n{rest}".rstrip("\n")
    return rest.lstrip("\n")


def _path(node: GitNode, info: Info) -> str:
    return f"/{info.context.full_name(node.repository)}/commit/{node.sha}"


def _tree_path(node: CommitNode, info: Info) -> str:
    return f"/{info.context.full_name(node.repository)}/tree/{node.sha}"


def _url(node: GitNode, info: Info) -> str:
    return info.context.web + _path(node, info)


_PREFIXES = {"Tag": "TA", "Tree": "T", "Blob": "B"}
_OBJECT: Resolvers = {
    "abbreviatedOid": lambda node, _: node.sha[:7],
    "commitResourcePath": _path,
    "commitUrl": _url,
    "id": lambda node, _: node_id(_PREFIXES[node.kind], node.repository.id, node.sha),
    "oid": lambda node, _: node.sha,
    "repository": lambda node, _: node.repository,
}
TYPES: dict[str, Resolvers] = {
    "Commit": _OBJECT
    | {
        "additions": lambda node, _: _counted(node, "additions").additions,
        "author": _author,
        "authoredDate": lambda node, _: iso(node.commit.author_at),
        "changedFiles": lambda node, _: _counted(node, "changedFiles").files,
        "changedFilesIfAvailable": _files_if_counted,
        "committedDate": lambda node, _: iso(node.commit.committer_at),
        "committer": _committer,
        "deletions": lambda node, _: _counted(node, "deletions").deletions,
        "history": _history,
        "id": lambda node, _: node_id("C", node.repository.id, node.sha),
        "message": lambda node, _: node.commit.message,
        "messageBody": lambda node, _: _body(node.commit),
        "messageHeadline": lambda node, _: _headline(node.commit),
        "parents": _parents,
        "resourcePath": _path,
        "tree": lambda node, _: ObjectNode(node.commit.tree, node.repository, "Tree"),
        "treeResourcePath": _tree_path,
        "treeUrl": lambda node, info: info.context.web + _tree_path(node, info),
        "url": _url,
    },
    "Tag": _OBJECT
    | {
        "message": lambda node, _: node.message,
        "name": lambda node, _: node.name,
        "tagger": lambda node, _: node.tagger,
        "target": lambda node, _: node.target,
    },
    "Tree": _OBJECT | {"entries": _entries},
    "TreeEntry": {
        "mode": lambda one, _: one.mode,
        "name": lambda one, _: one.name,
        "object": lambda one, info: of_sha(one.repository, info, one.sha),
        "oid": lambda one, _: one.sha,
        "path": lambda one, _: one.name,
        "repository": lambda one, _: one.repository,
        "size": lambda one, _: one.size,
        "type": lambda one, _: one.type,
    },
    "Blob": _OBJECT
    | {
        "byteSize": lambda node, info: len(_blob(node, info)),
        "isBinary": lambda node, info: _is_binary(_blob(node, info)),
        "isTruncated": lambda node, info: len(_blob(node, info)) > _MOST_TEXT,
        "text": _text_of,
    },
    "GitActor": {
        "avatarUrl": _avatar,
        "date": lambda signature, _: signature.date,
        "email": lambda signature, _: signature.email,
        "name": lambda signature, _: signature.name,
        "user": _user,
    },
}
