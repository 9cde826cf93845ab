"""Seeded reviews: who looked at which pull request of a new world, and what they said of it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from githubsim import words
from githubsim.diffs import spots
from githubsim.gitrepos import GitRepos
from githubsim.store import DiffSpot, Issue, Pull, Repository, ReviewRequest, ReviewSpec, Store

if TYPE_CHECKING:
    from githubsim.world import People

Replies = tuple[tuple[int | None, str, int], ...]
_SUMMARIES = ("", "", "LGTM", "Looks good 👍", "Thanks!", "A few questions below.")


def seed(store: Store, git: GitRepos, repository: Repository, people: People, number: int) -> None:
    """Reviews for a good half of a repository's pull requests, none later than the request's own
    `updated_at`. The draws are separate from those of the rest of the world.
    """
    rng = random.Random(f"{number}/reviews/{repository.name}")
    pulls = store.pulls_of(
        store.rows(
            Issue,
            "WHERE repository_id = ? AND pull_id IS NOT NULL ORDER BY id",
            (repository.id,),
        )
    )
    reviewed = [one for one in pulls if rng.random() < (0.7 if one.merged else 0.4)]
    remarked = [one for one in reviewed if rng.random() < 0.5]
    patches = _patches(git, repository, remarked)
    specs: list[ReviewSpec] = []
    for pull in reviewed:
        specs += _reviews(rng, people, pull, patches.get(pull.id, {}))
    specs.sort(key=lambda spec: (spec.at, spec.pull_id))
    store.bulk_reviews(repository.id, specs)
    asked = [one for one in pulls if one.issue.state == "open" and rng.random() < 0.5]
    first = store.allocate("review_request", len(asked))
    store.insert_all(
        ReviewRequest(
            first + place, repository.id, pull.id, _somebody_else(rng, people, pull), None
        )
        for place, pull in enumerate(asked)
    )


def _patches(
    git: GitRepos, repository: Repository, pulls: Sequence[Pull]
) -> dict[int, Mapping[str, str]]:
    """The patches of pull requests by path, read with one process for all."""
    pairs = []
    for pull in pulls:
        base = pull.part.base_sha
        if pull.part.merge_commit_sha is not None:
            # What was merged: since then the base branch has gone on.
            base = f"{pull.part.merge_commit_sha}^1"
        pairs.append((base, pull.part.head_sha))
    found = git.patches(repository.id, pairs)
    return {pull.id: patch for pull, patch in zip(pulls, found, strict=True)}


def _reviews(
    rng: random.Random, people: People, pull: Pull, patches: Mapping[str, str]
) -> list[ReviewSpec]:
    made = []
    since, until = pull.issue.created_at, pull.issue.updated_at
    if pull.merged:
        until = min(until, pull.part.merged_at or until)
    times = sorted(rng.randint(since, max(since, until)) for _ in range(rng.choice((1, 1, 2, 3))))
    for place, at in enumerate(times):
        last = place == len(times) - 1
        states = ("COMMENTED", "CHANGES_REQUESTED", "DISMISSED", "APPROVED")
        weights = (1, 0.4, 0.1, 8) if last and pull.merged else (5, 2, 0.3, 1)
        (state,) = rng.choices(states, weights)
        notes = []
        for path in sorted(patches)[: rng.choice((0, 1, 1, 2))]:
            spot = _spot(rng, path, patches[path])
            if spot is not None:
                notes.append((spot, words.sentence(rng), _replies(rng, people, at, until)))
        body = rng.choice(_SUMMARIES)
        if state != "APPROVED" and not body and not notes:
            body = words.sentence(rng)
        made.append(
            ReviewSpec(
                pull.id,
                _somebody_else(rng, people, pull),
                state,
                body,
                pull.part.head_sha,
                at,
                tuple(notes),
            )
        )
    return made


def _replies(rng: random.Random, people: People, at: int, until: int) -> Replies:
    times = sorted(rng.randint(at, max(at, until)) for _ in range(rng.choice((0, 0, 1, 2))))
    return tuple((rng.choice(people.users).id, words.sentence(rng), one) for one in times)


def _somebody_else(rng: random.Random, people: People, pull: Pull) -> int:
    return rng.choice([one.id for one in people.users if one.id != pull.issue.author_id])


def _spot(rng: random.Random, path: str, patch: str) -> DiffSpot | None:
    lines = [one for one in spots(patch) if one.new is not None]
    if not lines:
        return None
    chosen = rng.choice(lines)
    return DiffSpot(path, chosen.hunk, chosen.position, chosen.new)
