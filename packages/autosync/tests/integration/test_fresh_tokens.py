"""A token just made is refused for some seconds: the same one is tried again, everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from autosync.github import (
    AppCredentials,
    Forbidden,
    GitReader,
    InstallationClient,
    LocalBudget,
    Priority,
    Unauthorized,
    tokens,
)
from autosync.github.tokens import token_cache
from githubsim.testing import Sim

QUERY = "query($id: ID!) { node(id: $id) { ... on Repository { issues { totalCount } } } }"


@pytest.fixture(scope="module")
def sim() -> Iterator[Sim]:
    with Sim(repositories=1, commits=2, issues=1, pulls=1, install=False) as sim:
        sim.control("install")
        name = sim.truth()["repositories"][0]["full_name"]
        sim.control("repositories/edit", {"repository": name, "private": True})
        yield sim


@pytest.fixture
def client(sim: Sim) -> Iterator[InstallationClient]:
    """One that has no token yet."""
    credentials = AppCredentials(sim.app.id, private_key=sim.private_key, api_url=sim.url)
    installation = sim.truth()["installations"][0]["id"]
    token_cache(credentials).refuse(installation, _value(credentials, installation))
    sim.ask("requests", clear=1)
    yield InstallationClient(credentials, installation, LocalBudget(), Priority.LIVE)
    sim.control("weather", {"fresh_refused": 0.0, "fresh_refused_as": 401, "token_life": 0})


def _value(credentials: AppCredentials, installation: int) -> str:
    kept = token_cache(credentials)._kept.get(installation)
    return kept.value if kept else ""


def made(sim: Sim) -> int:
    """How many tokens were asked for."""
    route = "POST /app/installations/{installation_id}/access_tokens"
    return int(sum(sim.requests()["endpoints"].get(route, {}).values()))


@pytest.mark.parametrize("status", [401, 403])
def test_it_is_tried_again_by_rest_graphql_and_git(
    sim: Sim, client: InstallationClient, status: int, tmp_path: Path
) -> None:
    there = sim.truth()["repositories"][0]
    name = there["full_name"]
    reader = GitReader(
        tmp_path / "c.git",
        f"{sim.url}/{name}.git",
        *(client.token, client.refuse_token, client.may_be_too_fresh),
    )
    for ask in (
        lambda: client.get(f"/repos/{name}/pulls?state=all").items(),
        lambda: client.graphql(QUERY, {"id": there["node_id"]}).data["node"],
        reader.ls_remote,
    ):
        client.refuse_token(client.token())
        sim.control("weather", {"fresh_refused": 2.5, "fresh_refused_as": status})
        before = made(sim)
        assert ask()
        assert made(sim) == before + 1


def test_one_that_stays_refused_is_replaced_and_then_the_key_is_wrong(
    sim: Sim, client: InstallationClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "FRESH", 0.5)
    monkeypatch.setattr(tokens, "FRESH_PERMISSIONS", 0.5)
    sim.control("weather", {"fresh_refused": 3600.0})
    with pytest.raises(Unauthorized):
        client.get("/installation/repositories")
    assert made(sim) == 2
    sim.control("weather", {"fresh_refused_as": 403})
    with pytest.raises(Forbidden, match="not accessible by integration"):
        client.get(f"/repos/{sim.truth()['repositories'][0]['full_name']}/pulls")


def test_one_that_was_good_and_is_refused_is_replaced_at_once(
    sim: Sim, client: InstallationClient
) -> None:
    client.get("/installation/repositories")
    bearer = {"Authorization": f"Bearer {client.token()}"}
    assert httpx.delete(f"{sim.url}/installation/token", headers=bearer).status_code == 204
    assert client.get("/installation/repositories").status == 200
    assert made(sim) == 2


def test_tokens_of_the_long_form_are_used_everywhere(client: InstallationClient) -> None:
    assert len(client.token()) > 500
