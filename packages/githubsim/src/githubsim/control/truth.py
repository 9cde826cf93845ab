"""What is really there, from git and the store themselves, for tests to compare with."""

from collections.abc import Callable
from typing import Any

from githubsim.clock import iso
from githubsim.control.desk import Desk
from githubsim.shapes import Json
from githubsim.store import Listing, Repository
from githubsim.store.review_finding import PUBLISHED


def truth(desk: Desk) -> Json:
    """Installations, and per repository the counts and heads; `repository` asks for one, `items=1`
    adds every issue and pull request, `accounts=1` everybody.
    """
    repositories = [desk.repository] if desk.get("repository") else desk.store.repositories()
    with desk.store.lock:
        return {
            "now": iso(desk.store.clock.now()),
            "installations": [
                {
                    "id": one.id,
                    "account_id": one.account_id,
                    "suspended": one.suspended_at is not None,
                    "repository_selection": one.repository_selection,
                    "repository_ids": [
                        other.id for other in desk.store.installation_repositories(one)
                    ],
                }
                for one in desk.store.installations()
            ],
            "repositories": [_repository(desk, one) for one in repositories],
            **({"accounts": _accounts(desk)} if desk.get("accounts") else {}),
        }


# Each a table of the store, and the part of it that strangers see.
_COUNTED = {
    "stars": ("stars", "TRUE"),
    "events": ("issue_events", "TRUE"),
    "reactions": ("reactions", "TRUE"),
    "comments": ("comments", "TRUE"),
    "commit_comments": ("commit_comments", "TRUE"),
    "releases": ("releases", "NOT draft"),
    "reviews": ("reviews", "submitted_at IS NOT NULL"),
    "review_comments": ("review_comments", PUBLISHED),
}


def _accounts(desk: Desk) -> list[Json]:
    return [{"id": one.id, "login": one.login, "type": one.type} for one in desk.store.accounts()]


def _repository(desk: Desk, repository: Repository) -> Json:
    store, git = desk.store, desk.git
    refs = git.refs(repository.id)
    head = refs.get(f"refs/heads/{repository.default_branch}")
    branches = [name for name in refs if name.startswith("refs/heads/")]
    pulls = {
        state: store.count_issues(repository.id, Listing(pulls=True, state=state))
        for state in ("open", "closed")
    }
    issues = {
        state: store.count_issues(repository.id, Listing(pulls=False, state=state))
        for state in ("open", "closed")
    }
    merged = store.value(
        "SELECT count(*) FROM pulls JOIN issues ON issues.id = pulls.issue_id "
        "WHERE repository_id = ? AND merged_at IS NOT NULL",
        (repository.id,),
    )
    found: Json = {
        "id": repository.id,
        "node_id": repository.node_id,
        "full_name": store.full_name(repository),
        "private": repository.private,
        "archived": repository.archived,
        "has_issues": repository.has_issues,
        "default_branch": repository.default_branch,
        "commits": git.count_all(repository.id) if refs else 0,
        "commits_on_default": 0 if head is None else git.count(repository.id, head),
        "branches": len(branches),
        "tags": len(refs) - len(branches),
        "labels": len(store.labels(repository.id)),
        "milestones": len(store.milestones(repository.id)),
        "refs": refs,
        "issues": {"total": sum(issues.values()), **issues},
        "pulls": {"total": sum(pulls.values()), **pulls, "merged": merged},
        **{
            name: store.value(
                f"SELECT count(*) FROM {table} WHERE repository_id = ? AND {condition}",  # noqa: S608
                (repository.id,),
            )
            for name, (table, condition) in _COUNTED.items()
        },
    }
    if desk.get("items"):
        found["items"] = [
            {
                "id": one.id,
                "pull_id": one.pull_id,
                "number": one.number,
                "title": one.title,
                "state": one.state,
                "updated_at": iso(one.updated_at),
            }
            for one in store.issues(repository.id, Listing(order="number", limit=-1))
        ]
    return found


QUESTIONS: dict[str, Callable[[Desk], Any]] = {"truth": truth}
