"""Weather of the service: slow, failing, cut off, behind the times; a seeded storm repeats."""

import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from githubsim.receiver import Receiver
from githubsim.testing import Sim, SimError
from tests.client import as_installation, token

CALM: dict[str, Any] = {
    "latency": 0.0,
    "jitter": 0.0,
    "bandwidth": 0,
    "failing": 0.0,
    "timeouts": 0.0,
    "truncated": 0.0,
    "resets": 0.0,
    "stale": 0.0,
    "heavy": 0.0,
    "heavy_above": 0,
    "partial": 0.0,
    "token_life": 0,
    "garbled": 0.0,
    "hiccups": 0.0,
    "fresh_refused": 0.0,
    "fresh_refused_as": 401,
}
COUNT = """
query ($o: String!, $r: String!) { repository(owner: $o, name: $r) {
  issues(first: 20) { totalCount nodes { number } } } }
"""
Weather = Callable[..., None]


@pytest.fixture
def weather(github: Sim) -> Iterator[Weather]:
    """Sets the weather; calm again afterwards."""

    def change(**fields: Any) -> None:
        github.control("weather", fields)

    yield change
    github.control("weather", CALM)


def graphql(client: httpx.Client, query: str, repository: str) -> httpx.Response:
    owner, name = repository.split("/")
    return client.post("/graphql", json={"query": query, "variables": {"o": owner, "r": name}})


def timed(client: httpx.Client, path: str) -> tuple[float, httpx.Response]:
    started = time.monotonic()
    answer = client.get(path)
    return time.monotonic() - started, answer


def outcome(url: str, path: str) -> str:
    """What a request over a connection of its own meets."""
    try:
        answer = httpx.get(url + path, timeout=10)
    except httpx.HTTPError as error:
        return type(error).__name__
    return f"{answer.status_code}"


def test_latency_and_bandwidth_slow_every_answer(client: httpx.Client, weather: Weather) -> None:
    _, meta = timed(client, "/meta")
    weather(latency=0.3)
    seconds, answer = timed(client, "/meta")
    assert 0.3 <= seconds < 2
    assert answer.status_code == 200
    weather(latency=0.0, bandwidth=len(meta.content) * 2)
    seconds, answer = timed(client, "/meta")
    assert 0.45 <= seconds < 3
    assert answer.content == meta.content


def test_a_fraction_of_requests_fails(github: Sim, weather: Weather) -> None:
    weather(failing=0.4, seed=3)
    statuses = [outcome(github.url, f"/meta?n={n}") for n in range(60)]
    assert set(statuses) == {"200", "502"}
    assert 10 < statuses.count("502") < 40
    assert github.requests()["endpoints"]["failing"] == {"502": statuses.count("502")}


def test_a_connection_is_reset(github: Sim, client: httpx.Client, weather: Weather) -> None:
    weather(resets=1.0)
    with pytest.raises(httpx.NetworkError, match="reset"):
        httpx.get(f"{github.url}/meta")
    weather(resets=0.0)
    assert client.get("/meta").status_code == 200


def test_a_reset_write_may_have_been_carried_out(
    github: Sim, client: httpx.Client, repository: str, weather: Weather
) -> None:
    def count() -> int:
        (truth,) = github.truth(repository=repository)["repositories"]
        return int(truth["issues"]["total"])

    before = count()
    weather(resets=1.0, seed=1)
    for _ in range(12):
        with pytest.raises(httpx.TransportError):
            httpx.post(
                f"{github.url}/repos/{repository}/issues",
                json={"title": "Perhaps"},
                headers={"Authorization": client.headers["authorization"]},
            )
    assert before < count() < before + 12


def test_a_body_ends_half_way(github: Sim, weather: Weather) -> None:
    weather(truncated=1.0)
    with pytest.raises(httpx.RemoteProtocolError, match="complete message body"):
        httpx.get(f"{github.url}/meta")


def test_a_clone_breaks_off_and_works_the_next_time(
    github: Sim, repository: str, weather: Weather, tmp_path: Path
) -> None:
    def clone() -> int:
        url = github.url.replace("://", f"://x-access-token:{access}@")
        command = ["git", "clone", "-q", "--bare", f"{url}/{repository}.git", str(tmp_path / "c")]
        return subprocess.run(command, capture_output=True, check=False, timeout=30).returncode

    access = token(github)
    for fault in ("truncated", "resets", "failing"):
        weather(**CALM | {fault: 1.0})
        assert clone() != 0
    weather(**CALM)
    assert clone() == 0


def test_a_request_is_held_and_then_dropped(github: Sim, weather: Weather) -> None:
    weather(timeouts=1.0, timeout_after=0.5)
    started = time.monotonic()
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        httpx.get(f"{github.url}/meta")
    assert 0.5 <= time.monotonic() - started < 3
    weather(timeout_after=30)
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(f"{github.url}/meta", timeout=0.5)


def test_lists_lag_while_webhooks_go_out_at_once(
    github: Sim, receiver: Receiver, client: httpx.Client, repository: str, weather: Weather
) -> None:
    def listed() -> tuple[set[int], set[int]]:
        rest = client.get(f"/repos/{repository}/issues?sort=created&direction=desc").json()
        owner, name = repository.split("/")
        query = """
        query ($o: String!, $r: String!) { repository(owner: $o, name: $r) {
          issues(last: 20) { nodes { number } } } }
        """
        answer = client.post(
            "/graphql", json={"query": query, "variables": {"o": owner, "r": name}}
        )
        nodes = answer.json()["data"]["repository"]["issues"]["nodes"]
        return {one["number"] for one in rest}, {one["number"] for one in nodes}

    receiver.clear()
    weather(stale=1.5)
    number = github.control("issues/open", {"repository": repository})["number"]
    opened = time.monotonic()
    receiver.wait_for("issues.opened")
    assert all(number not in one for one in listed())
    # One thing by its number is never behind.
    assert client.get(f"/repos/{repository}/issues/{number}").status_code == 200
    github.control("issues/edit", {"repository": repository, "number": number, "title": "Later"})
    edited = time.monotonic()
    while time.monotonic() < opened + 1.0:
        assert all(number not in one for one in listed())
        time.sleep(0.1)
    time.sleep(max(0.0, edited + 1.8 - time.monotonic()))
    assert all(number in one for one in listed())
    rest = client.get(f"/repos/{repository}/issues?sort=created&direction=desc").json()
    assert "Later" in {one["title"] for one in rest}


def test_what_was_deleted_stays_in_lists_for_a_while(
    github: Sim, client: httpx.Client, repository: str, weather: Weather
) -> None:
    number = github.control("issues/open", {"repository": repository})["number"]
    weather(stale=1.0)
    github.control("issues/delete", {"repository": repository, "number": number})
    path = f"/repos/{repository}/issues?sort=created&direction=desc"
    assert number in {one["number"] for one in client.get(path).json()}
    assert client.get(f"/repos/{repository}/issues/{number}").status_code == 410
    time.sleep(1.2)
    assert number not in {one["number"] for one in client.get(path).json()}


def test_a_token_dies_early(github: Sim, weather: Weather) -> None:
    weather(token_life=2)
    with as_installation(github) as client:
        assert client.get("/installation/repositories").status_code == 200
        github.control("clock", {"advance": 2})
        dead = client.get("/installation/repositories")
        assert (dead.status_code, dead.json()["message"]) == (401, "Bad credentials")
    assert httpx.get(
        f"{github.url}/installation/repositories",
        headers={"Authorization": f"Bearer {token(github)}"},
    )


def test_a_query_that_is_too_heavy_is_502_and_costs_more(
    github: Sim, client: httpx.Client, repository: str, weather: Weather
) -> None:
    used = "{ rateLimit { used } }"
    weather(heavy_above=10, heavy_points=7)
    before = graphql(client, used, repository).json()["data"]["rateLimit"]["used"]
    answer = graphql(client, COUNT, repository)
    assert answer.status_code == 502
    assert answer.json()["data"] is None
    assert "Something went wrong" in answer.json()["errors"][0]["message"]
    after = graphql(client, used, repository).json()["data"]["rateLimit"]["used"]
    assert after == before + 1 + 7 + 1
    # Half the page is not too heavy.
    smaller = graphql(client, COUNT.replace("20", "10"), repository)
    assert smaller.status_code == 200


def test_a_query_may_be_answered_in_part(
    client: httpx.Client, repository: str, weather: Weather
) -> None:
    whole = graphql(client, COUNT, repository).json()["data"]["repository"]["issues"]
    weather(partial=1.0)
    found = graphql(client, COUNT, repository).json()
    part = found["data"]["repository"]["issues"]
    half = len(whole["nodes"]) // 2
    assert part["totalCount"] == whole["totalCount"]
    assert part["nodes"] == [*whole["nodes"][:half], *[None] * half]
    (error,) = found["errors"]
    assert error["type"] == "RESOURCE_LIMITS_EXCEEDED"
    assert error["path"] == ["repository", "issues", "nodes", half]


def test_graphql_hiccups_without_a_type(
    client: httpx.Client, repository: str, weather: Weather
) -> None:
    weather(hiccups=1.0)
    answer = graphql(client, COUNT, repository)
    assert answer.status_code == 200
    assert set(answer.json()["data"]["repository"]["issues"]["nodes"]) == {None}
    (error,) = answer.json()["errors"]
    assert error.keys() == {"message"}
    assert error["message"].startswith("Something went wrong while executing your query. ")


def test_what_is_not_json_comes_whole_and_with_200(
    github: Sim, client: httpx.Client, weather: Weather
) -> None:
    whole = client.get("/meta").content
    weather(garbled=1.0, seed=2)
    found = [client.get(f"/meta?n={n}") for n in range(20)]
    assert {answer.status_code for answer in found} == {200}
    assert all(int(answer.headers["content-length"]) == len(answer.content) for answer in found)
    page = next(one for one in found if one.headers["content-type"].startswith("text/html"))
    assert page.content.startswith(b"<!DOCTYPE html>")
    assert {one.content for one in found} == {page.content, b"", whole[: len(whole) // 2]}
    # Refusals and git pass.
    assert client.get("/no/such/thing").json()["message"] == "Not Found"
    assert github.requests()["endpoints"]["garbled"] == {"200": 20}


def test_a_token_just_made_is_refused_for_a_while(
    github: Sim, repository: str, weather: Weather
) -> None:
    weather(fresh_refused=60)
    client = as_installation(github)
    assert client.get("/installation/repositories").status_code == 401
    assert client.post("/graphql", json={"query": "{ viewer { login } }"}).status_code == 401
    weather(fresh_refused_as=403)
    answer = client.get(f"/repos/{repository}/pulls")
    assert answer.status_code == 403
    assert answer.json()["message"] == "Resource not accessible by integration"
    (error,) = graphql(client, COUNT, repository).json()["errors"]
    assert (error["type"], error["message"]) == (
        "FORBIDDEN",
        "Resource not accessible by integration",
    )
    weather(fresh_refused=0)
    assert client.get(f"/repos/{repository}/pulls").status_code == 200


def test_tokens_are_of_the_long_form(github: Sim) -> None:
    made = token(github)
    assert len(made) > 500
    assert made.startswith(f"ghs_{github.app.id}_")
    assert made.count(".") == 2


def test_weather_that_is_none_is_refused(github: Sim) -> None:
    for wrong in (
        {"failing": 2},
        {"wind": 1},
        {"latency": "much"},
        {"resets": 0.6, "failing": 0.6},
        {"fresh_refused_as": 404},
    ):
        with pytest.raises(SimError):
            github.control("weather", wrong)


# The same seed, the same storm.


def storm(github: Sim, seed: int) -> list[str]:
    """What each of many requests meets, sent from several threads in no order."""
    github.control(
        "weather",
        {"failing": 0.2, "resets": 0.1, "truncated": 0.1, "timeouts": 0.1, "timeout_after": 0.05}
        | {"jitter": 0.01, "seed": seed},
    )
    # Each path is asked three times: the second time is another throw than the first.
    paths = [f"/meta?n={n}" for n in range(25)]
    with ThreadPoolExecutor(6) as pool:
        found = pool.map(lambda path: [outcome(github.url, path) for _ in range(3)], paths)
        return [one for three in found for one in three]


def test_a_seeded_storm_repeats_exactly(github: Sim, weather: Weather) -> None:
    github.control("quota", {"limit": 5000})
    first, again, other = storm(github, 7), storm(github, 7), storm(github, 8)
    assert first == again
    assert first != other
    github.control("quota")
    assert set(first) == {"200", "502", "ReadError", "RemoteProtocolError"}


def test_weather_is_an_option_too() -> None:
    world: dict[str, Any] = {"repositories": 1, "commits": 2, "issues": 0, "pulls": 0}
    with Sim(**world, failing=1.0, weather_seed=5, webhooks_lost=0.5, suspended=True) as github:
        assert outcome(github.url, "/meta") == "502"
        now = github.ask("status")
        assert (now["weather"]["failing"], now["weather"]["seed"]) == (1.0, 5)
        assert now["webhooks"]["lost"] == 0.5
        for _ in range(50):
            installed = github.truth()["installations"]
            if installed and installed[0]["suspended"]:
                break
            time.sleep(0.1)
        assert installed[0]["suspended"]
