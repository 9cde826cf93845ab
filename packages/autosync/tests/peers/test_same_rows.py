"""What tap-github and Airbyte's GitHub source read is what the mirror has, row by row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from githubsim.testing import Sim
from tests.peers.streams import CONNECTORS, LEFT_OUT, Key, Same, access, catalogue, home, read
from tests.service import SECRET, Service, free_port, hook_url
from tests.waiting import eventually

WORLD: dict[str, Any] = {"repositories": 4, "commits": 120, "issues": 130, "pulls": 25}
# Those that are off by default.
ADDED = "+repository_language,+reaction"


@pytest.fixture(scope="module")
def scene() -> Iterator[tuple[Sim, Service]]:
    """A world that people have worked in, and its mirror, complete."""
    port = free_port()
    with (
        Sim(
            seed=5, install=False, webhook_url=hook_url(port), webhook_secret=SECRET, **WORLD
        ) as sim,
        Service(sim, port, AUTOSYNC_KINDS=ADDED) as service,
    ):
        for one in sim.truth()["repositories"]:
            if one["commits"]:
                name = {"repository": one["full_name"]}
                sim.control("commits/comment", name)
                sim.control("releases/create", name | {"tag": "v9.9", "assets": ["a.tar.gz"]})
        sim.control("install")
        known = "SELECT count(*) FROM repositories WHERE imported_at IS NOT NULL"
        eventually(lambda: service.query(known) == [[4]], "all are imported", 180)
        yield sim, service


@pytest.mark.parametrize("connector", CONNECTORS)
def test_each_stream_has_the_rows_of_its_table(scene: tuple[Sim, Service], connector: str) -> None:
    sim, service = scene
    names = {one["id"]: one["full_name"] for one in sim.truth()["repositories"]}
    streams = CONNECTORS[connector]
    records = read(connector, access(sim), list(names.values()), list(streams))
    differ = {
        stream: (sorted(ours - theirs, key=str)[:5], sorted(theirs - ours, key=str)[:5])
        for stream, same in streams.items()
        if (ours := _ours(service, same)) != (theirs := _theirs(same, records[stream], names))
    }
    assert not differ, f"stream: (only in the mirror, only in {connector})"
    empty = {stream for stream in streams if not records[stream]}
    assert not empty, "streams without a row prove nothing"


@pytest.mark.parametrize("connector", CONNECTORS)
def test_no_stream_of_theirs_is_unnamed(scene: tuple[Sim, Service], connector: str) -> None:
    sim, service = scene
    name = service.query("SELECT full_name FROM repositories LIMIT 1")[0][0]
    compared, left_out = CONNECTORS[connector].keys(), LEFT_OUT[connector].keys()
    assert not compared & left_out
    assert catalogue(connector, access(sim), [name]) == compared | left_out


def _theirs(same: Same, records: list[dict[str, Any]], names: dict[int, str]) -> Counter[Key]:
    keys = [
        (home(one, names), *key) for one in records if same.only(one) for key in same.keys_of(one)
    ]
    return Counter(set(keys) if same.many else keys)


def _ours(service: Service, same: Same) -> Counter[Key]:
    repository = "github_id" if same.table == "repositories" else "repository_id"
    rows = service.query(
        f"SELECT r.full_name, t.* FROM (SELECT {repository} AS home, {same.columns} "
        f"FROM {same.table} rows WHERE {same.where}) t JOIN repositories r ON r.github_id = t.home"
    )
    keys = [(name, *key) for name, _, *key in rows]
    return Counter(set(keys) if same.many else keys)
