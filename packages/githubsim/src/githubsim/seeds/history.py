"""The seeded past of issues and pull requests: what their rows say must have happened, and the
reactions that people left.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from githubsim.store import Comment, Issue, IssueEvent, Reaction, Release, Repository, Store
from githubsim.store.history_rows import CONTENTS

if TYPE_CHECKING:
    from githubsim.world import People

_WEIGHTS = (10, 1, 2, 2, 1, 4, 2, 3)
Moment = tuple[int, int, int | None, str, dict[str, Any]]  # time, issue, actor, event, detail


def seed(store: Store, repository: Repository, people: People, number: int, until: int) -> None:
    """Events for every label, assignee, milestone, request and ending; reactions to a part."""
    rng = random.Random(f"{number}/history/{repository.name}")
    issues = store.rows(Issue, "WHERE repository_id = ? ORDER BY id", (repository.id,))
    moments = sorted(_moments(store, repository, issues), key=lambda one: one[:2])
    first = store.allocate("issue_event", len(moments))
    store.insert_all(
        IssueEvent(first + place, repository.id, issue_id, actor_id, event, at, detail)
        for place, (at, issue_id, actor_id, event, detail) in enumerate(moments)
    )
    _react(store, repository, people, rng, issues, until)


def _moments(store: Store, repository: Repository, issues: list[Issue]) -> Iterator[Moment]:
    labels = {one.id: one for one in store.labels(repository.id)}
    milestones = {one.id: one for one in store.milestones(repository.id)}
    merged = {
        int(issue_id): str(sha)
        for issue_id, sha in store.values(
            "SELECT issue_id, merge_commit_sha FROM pulls WHERE merged_at IS NOT NULL "
            "AND issue_id IN (SELECT id FROM issues WHERE repository_id = ?)",
            (repository.id,),
        )
    }
    for one in issues:
        at, author = one.created_at, one.author_id
        for label in (labels[label_id] for label_id in one.label_ids if label_id in labels):
            detail: dict[str, Any] = {"label": {"name": label.name, "color": label.color}}
            yield at, one.id, author, "labeled", detail
        for assignee_id in one.assignee_ids:
            yield at, one.id, author, "assigned", {"assignee_id": assignee_id}
        if one.milestone_id in milestones:
            title = milestones[one.milestone_id].title
            yield at, one.id, author, "milestoned", {"milestone": {"title": title}}
        if one.closed_at is None:
            continue
        if one.id in merged:
            commit = {"commit_id": merged[one.id]}
            yield one.closed_at, one.id, one.closed_by_id, "merged", commit
        reason = {} if one.pull_id is not None else {"state_reason": one.state_reason}
        yield one.closed_at, one.id, one.closed_by_id, "closed", reason
    for issue_id, created_at, author_id, reviewer_id in store.values(
        "SELECT i.id, i.created_at, i.author_id, r.account_id FROM review_requests r "
        "JOIN issues i ON i.pull_id = r.pull_id WHERE i.repository_id = ?",
        (repository.id,),
    ):
        detail = {"reviewer_id": reviewer_id, "team_id": None}
        yield created_at, issue_id, author_id, "review_requested", detail


def _react(
    store: Store,
    repository: Repository,
    people: People,
    rng: random.Random,
    issues: list[Issue],
    until: int,
) -> None:
    subjects: list[tuple[str, int, int, float]] = [
        ("issue", one.id, one.created_at, 0.3) for one in issues
    ]
    for kind, row_type, share in (("comment", Comment, 0.15), ("release", Release, 0.4)):
        rows: list[Any] = store.rows(
            row_type, "WHERE repository_id = ? ORDER BY id", (repository.id,)
        )
        subjects += [(kind, one.id, one.created_at, share) for one in rows]
    made: list[tuple[str, int, int, str, int]] = []
    for kind, subject_id, since, share in subjects:
        if rng.random() > share:
            continue
        for user in rng.sample(people.users, min(len(people.users), rng.choice((1, 1, 2, 3, 7)))):
            (content,) = rng.choices(CONTENTS, _WEIGHTS)
            made.append((kind, subject_id, user.id, content, rng.randint(since, max(since, until))))
    made.sort(key=lambda one: one[-1])
    first = store.allocate("reaction", len(made))
    store.insert_all(
        Reaction(first + place, repository.id, kind, subject_id, account_id, content, at)
        for place, (kind, subject_id, account_id, content, at) in enumerate(made)
    )
