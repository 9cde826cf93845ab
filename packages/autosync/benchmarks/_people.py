"""Deliveries as GitHub sends them: what simulated people do, in the payloads that githubsim makes.

Nothing is sent: each delivery is kept with the moment at which it would have arrived.
"""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import msgspec

from githubsim.gitrepos import GitError
from githubsim.lanes import Outgoing
from githubsim.people import Person
from githubsim.service import Options, open_world
from githubsim.shapes import Shapes
from githubsim.webhooks import Webhooks

_WORLD: dict[str, Any] = {"repositories": 20, "commits": 600, "issues": 400, "pulls": 200}
_SEED = 7


class Kept(msgspec.Struct):
    """A delivery; `at` in seconds since 1970."""

    guid: str
    event: str
    action: str
    installation_id: int
    repository_id: int
    full_name: str
    body: bytes
    at: float


class _Keeping(Webhooks):
    """Keeps what it would send."""

    kept: list[Kept]

    def accept(self, outgoing: Outgoing) -> None:
        if outgoing.repository_id is None or outgoing.installation_id is None:
            return
        repository = self.store.repository(outgoing.repository_id)
        assert repository is not None
        self.kept.append(
            Kept(
                outgoing.guid,
                outgoing.event,
                outgoing.action or "",
                outgoing.installation_id,
                outgoing.repository_id,
                self.store.full_name(repository),
                outgoing.body,
                time.time(),
            )
        )


def deliveries(count: int, folder: Path) -> list[Kept]:
    """So many, of 20 repositories, in the order in which they came to be."""
    folder.mkdir(parents=True)
    store, git, _ = open_world(
        Options(folder, **_WORLD, webhook_url="http://127.0.0.1:9/", webhook_secret="of nobody")
    )
    hooks = _Keeping(store, Shapes(store, api="https://api.github.com", web="https://github.com"))
    hooks.kept = []
    store.on_event(hooks.hear)
    for owner in sorted({one.owner_id for one in store.repositories()}):
        store.install(owner)
    person = Person(store, git, random.Random(_SEED))
    while len(hooks.kept) < count:
        try:
            person.act()
        except (GitError, KeyError, ValueError):
            pass  # as in githubsim: an action did not work out
    store.close()
    return hooks.kept[:count]
