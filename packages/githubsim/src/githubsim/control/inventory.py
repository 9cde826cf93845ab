"""What there is to work on, told in a millisecond: for those who change a world all day long."""

from collections.abc import Callable
from typing import Any

from githubsim.control.desk import Desk
from githubsim.shapes import Json
from githubsim.store import Repository


def inventory(desk: Desk) -> Json:
    """Installations and repositories by name, nothing counted; `repository` asks for one, and
    then for its `refs`, its `issues` and its `pulls` (numbers).
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
    }


QUESTIONS: dict[str, Callable[[Desk], Any]] = {"inventory": inventory}
