"""Seeded belonging: members and teams of the organisation, stargazers and watchers."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from githubsim import words
from githubsim.store import (
    Account,
    Member,
    Repository,
    Star,
    Store,
    TeamMember,
    TeamRepository,
    Watcher,
)

if TYPE_CHECKING:
    from githubsim.world import People

_TEAMS = (
    ("Maintainers", None, "maintain"),
    ("Platform", None, "push"),
    ("Security 🔒", "Platform", "triage"),
    ("Docs", None, "pull"),
)


def seed_organization(
    store: Store, owner: Account, people: People, number: int, since: int
) -> None:
    """Everybody is a member, a few are owners; four teams share them and the repositories."""
    rng = random.Random(f"{number}/people")
    store.insert_all(
        Member(owner.id, user.id, "admin" if place < 2 else "member", rng.random() < 0.3)
        for place, user in enumerate(people.users)
    )
    made: dict[str, int] = {}
    repositories = store.repositories(owner.id)
    for name, parent, level in _TEAMS:
        team = store.create_team(
            owner.id,
            name,
            description=words.sentence(rng),
            parent_id=made.get(parent or ""),
            at=since,
            quiet=True,
        )
        made[name] = team.id
        chosen = sorted(rng.sample(people.users, rng.randint(3, 12)), key=lambda one: one.id)
        store.insert_all(
            TeamMember(team.id, user.id, "maintainer" if place == 0 else "member")
            for place, user in enumerate(chosen)
        )
        share = [one for one in repositories if rng.random() < 0.6]
        store.insert_all(TeamRepository(team.id, one.id, level) for one in share)


def seed_stars(store: Store, people: People, number: int, since: int, until: int) -> None:
    """As many stargazers as each repository counts; beyond the people here, fans from outside."""
    repositories = store.repositories()
    most = max((one.stargazers for one in repositories), default=0)
    fans = [*people.users, *_outsiders(store, number, most - len(people.users), since)]
    for repository in repositories:
        rng = random.Random(f"{number}/stars/{repository.name}")
        _star(store, repository, rng.sample(fans, repository.stargazers), rng, until)
        watching = sorted(one.id for one in people.users if rng.random() < 0.15)
        store.insert_all(Watcher(repository.id, account_id) for account_id in watching)


def _star(
    store: Store, repository: Repository, fans: list[Account], rng: random.Random, until: int
) -> None:
    since = repository.created_at
    store.insert_all(
        Star(repository.id, fan.id, rng.randint(since, max(since, until))) for fan in fans
    )


def _outsiders(store: Store, number: int, count: int, since: int) -> list[Account]:
    """Accounts that only star. They come last, so that nobody else's id depends on them."""
    if count <= 0:
        return []
    rng = random.Random(f"{number}/fans")
    first = store.allocate("account", count)
    fans = []
    for place in range(count):
        name, login = words.person(rng)
        fans.append(
            Account(first + place, f"{login}-{place}", "User", name, None, False, since, since)
        )
    store.insert_all(fans)
    return fans
