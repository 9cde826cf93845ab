"""What there is to work on, told in a millisecond: for those who change a world all day long."""

from collections.abc import Callable
from typing import Any

from githubsim.control.desk import Desk
from githubsim.shapes import Json
from githubsim.store import Repository
from githubsim.store.review_finding import PUBLISHED


def inventory(desk: Desk) -> Json:
    """Installations and repositories by name, nothing counted; `repository` asks for one, and
    then for its `refs`, its `issues`, `pulls` and `milestones` (numbers), its `labels` and `heads`
    (names; the branches of open pull requests), and its `releases`, `assets`, `comments`,
    `commit_comments`, `reviews` and `threads` (ids; of threads the first comment's).
    """
    store = desk.store
    one = desk.repository if desk.get("repository") else None
    found = [one] if one else store.repositories()
    return {
        "installations": [
            {
                "id": installation.id,
                "account": account.login,
                "suspended": installation.suspended_at is not None,
            }
            for installation in store.installations()
            if (account := store.account(installation.account_id))
        ],
        "repositories": [_light(desk, repository) for repository in found],
        **(_contents(desk, one) if one else {}),
    }


def _light(desk: Desk, repository: Repository) -> Json:
    return {
        "id": repository.id,
        "full_name": desk.store.full_name(repository),
        "private": repository.private,
        "archived": repository.archived,
        "has_issues": repository.has_issues,
        "default_branch": repository.default_branch,
    }


def _contents(desk: Desk, repository: Repository) -> Json:
    rows = desk.store.values(
        "SELECT number, pull_id IS NOT NULL FROM issues WHERE repository_id = ? ORDER BY number",
        (repository.id,),
    )
    return {
        "refs": desk.git.refs(repository.id),
        "issues": [number for number, pull in rows if not pull],
        "pulls": [number for number, pull in rows if pull],
        "labels": [one.name for one in desk.store.labels(repository.id)],
        **{name: _column(desk, sql, repository) for name, sql in _INSIDE.items()},
    }


_INSIDE = {
    "heads": "SELECT DISTINCT p.head_ref FROM pulls p JOIN issues i ON i.pull_id = p.id "
    "WHERE i.repository_id = ? AND i.state = 'open' ORDER BY 1",
    "milestones": "SELECT number FROM milestones WHERE repository_id = ? ORDER BY number",
    "releases": "SELECT id FROM releases WHERE repository_id = ? ORDER BY id",
    "assets": "SELECT id FROM release_assets WHERE repository_id = ? ORDER BY id",
    "comments": "SELECT id FROM comments WHERE repository_id = ? ORDER BY id",
    "commit_comments": "SELECT id FROM commit_comments WHERE repository_id = ? ORDER BY id",
    "reviews": "SELECT id FROM reviews WHERE repository_id = ? AND submitted_at > 0 ORDER BY id",
    "threads": "SELECT id FROM review_comments WHERE repository_id = ? AND reply_to_id IS NULL "  # noqa: S608
    f"AND {PUBLISHED} ORDER BY id",
}


def _column(desk: Desk, sql: str, repository: Repository) -> list[Any]:
    return [one[0] for one in desk.store.values(sql, (repository.id,))]


QUESTIONS: dict[str, Callable[[Desk], Any]] = {"inventory": inventory}
