"""Release notes as GitHub writes them: the pull requests merged since the release before."""

from __future__ import annotations

import json

from githubsim.gitrepos import GitRepos
from githubsim.store import Issue, Repository, Store

_MOST = 1000


def notes(
    store: Store,
    git: GitRepos,
    repository: Repository,
    page: str,
    tag: str,
    *,
    head: str,
    previous: str | None,
) -> str:
    """The text for a release of `head` (a sha); `previous` is the tag before it, `page` the
    repository's address.
    """
    before = None if previous is None else git.ref(repository.id, f"refs/tags/{previous}")
    exclude = [] if before is None else [before]
    shas = [one.sha for one in git.log(repository.id, head, limit=_MOST, exclude=exclude)]
    merged = store.rows(
        Issue,
        "WHERE repository_id = ? AND id IN (SELECT issue_id FROM pulls WHERE merged_at IS NOT NULL "
        "AND merge_commit_sha IN (SELECT value FROM json_each(?))) ORDER BY closed_at, id",
        (repository.id, json.dumps(shas)),
    )
    authors = [store.account(one.author_id) for one in merged]
    lines = [
        f"* {one.title} by @{author.login if author else 'ghost'} in {page}/pull/{one.number}"
        for one, author in zip(merged, authors, strict=True)
    ]
    changed = f"compare/{previous}...{tag}" if previous is not None else f"commits/{tag}"
    parts = [f"**Full Changelog**: {page}/{changed}"]
    if lines:
        parts.insert(0, "\n".join(["## What's Changed", *lines]))
    return "\n\n".join(parts)
