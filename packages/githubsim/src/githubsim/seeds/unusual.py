"""Seeded peculiarities: duplicates, and authors and assignees that are neither person nor App."""

from __future__ import annotations

import random
from dataclasses import replace

from githubsim.store import Account, Issue, Repository, Store


def seed(store: Store, repository: Repository, number: int) -> None:
    """Some issues closed as duplicates, the oldest written by a mannequin (as after a migration),
    some pull requests by Copilot, who is assigned to them. Nothing else of the world changes.
    """
    rng = random.Random(f"{number}/unusual/{repository.name}")
    issues = store.rows(Issue, "WHERE repository_id = ? ORDER BY id", (repository.id,))
    if len(issues) < 20:
        return
    at = repository.created_at
    imported = _account(store, "octo-mannequin", "Mannequin", at)
    copilot = _account(store, "Copilot", "Bot", at)
    with store.writing():
        for place, one in enumerate(issues):
            if one.pull_id is None and one.state_reason == "not_planned" and rng.random() < 0.4:
                one = replace(one, state_reason="duplicate")
            if place < 2:
                one = replace(one, author_id=imported.id)
            elif one.pull_id is not None and rng.random() < 0.08:
                assigned = (*one.assignee_ids, copilot.id)
                one = replace(one, author_id=copilot.id, assignee_ids=assigned)
            store.update(one)


def _account(store: Store, login: str, kind: str, at: int) -> Account:
    return store.account_by_login(login) or store.create_account(login, kind, at=at)
