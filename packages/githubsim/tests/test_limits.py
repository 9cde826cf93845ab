"""Quota counts down, ends, and comes back; secondary limits and outages say when to retry."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from githubsim.testing import Sim
from tests.client import as_installation


def test_the_quota_counts_down_and_comes_back(github: Sim, client: httpx.Client) -> None:
    first = client.get("/installation/repositories")
    second = client.get("/installation/repositories?page=1")
    left = int(first.headers["x-ratelimit-remaining"])
    assert int(second.headers["x-ratelimit-remaining"]) == left - 1
    assert first.headers["x-ratelimit-limit"] == "5000"
    assert first.headers["x-ratelimit-resource"] == "core"
    free = client.get("/rate_limit").json()["resources"]["core"]
    assert free["remaining"] == left - 1
    assert free["used"] == 5000 - free["remaining"]
    github.control("quota", {"remaining": 1})
    try:
        assert client.get("/installation/repositories").status_code == 200
        over = client.get("/installation/repositories")
        assert over.status_code == 403
        assert over.json()["message"].startswith("API rate limit exceeded for installation ID")
        assert over.headers["x-ratelimit-remaining"] == "0"
        assert client.get("/rate_limit").status_code == 200
        github.control("clock", {"advance": 3600})
    finally:
        github.control("quota")
    # The token has expired with the hour; the window is a new one all the same.
    assert client.get("/installation/repositories").status_code == 401


def test_answers_that_cost_nothing_do_not_say_meanwhile_that_one_did() -> None:
    with (
        Sim(repositories=2, commits=4, issues=0, pulls=0) as github,
        as_installation(github) as client,
    ):
        first = client.get("/installation/repositories")
        same = {"If-None-Match": first.headers["etag"]}
        with ThreadPoolExecutor(8) as pool:
            answers = list(
                pool.map(
                    lambda _: client.get("/installation/repositories", headers=same), range(80)
                )
            )
    assert {one.status_code for one in answers} == {304}
    used = {one.headers["x-ratelimit-used"] for one in answers}
    assert used == {first.headers["x-ratelimit-used"]}


def test_more_repositories_give_more_quota() -> None:
    with Sim(repositories=30, commits=60, issues=0, pulls=0) as github:
        with as_installation(github) as client:
            seen = client.get("/installation/repositories")
        extra = seen.json()["total_count"] - 20
        assert int(seen.headers["x-ratelimit-limit"]) == 5000 + 50 * extra


def test_without_limits_there_are_no_headers() -> None:
    with Sim(repositories=1, commits=1, issues=0, pulls=0, limits=False) as github:
        answer = httpx.get(github.url + "/meta")
        assert answer.status_code == 200
        assert not [name for name in answer.headers if name.startswith("x-ratelimit")]


def test_too_many_at_once_are_told_to_wait() -> None:
    with Sim(repositories=2, commits=40, issues=0, pulls=0) as github:
        github.control("limits", {"points_per_minute": 10, "retry_after": 7})
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: httpx.get(github.url + "/meta"), range(40)))
        refused = [one for one in answers if one.status_code == 403]
        assert refused
        assert {one.headers["retry-after"] for one in refused} == {"7"}
        assert "secondary rate limit" in refused[0].json()["message"]


def test_an_outage_is_502_and_control_still_answers() -> None:
    with Sim(repositories=1, commits=1, issues=0, pulls=0) as github:
        github.control("weather", {"outage": 600})
        assert httpx.get(github.url + "/meta").status_code == 502
        github.control("weather", {"outage": -1})
        assert httpx.get(github.url + "/meta").status_code == 200
        assert github.requests()["endpoints"]["outage"] == {"502": 1}


def test_rest_and_graphql_have_a_minutes_points_of_their_own() -> None:
    options: dict[str, Any] = {"points_per_minute": 6, "graphql_points_per_minute": 3}
    world: dict[str, Any] = {"repositories": 1, "commits": 2, "issues": 0, "pulls": 0}
    # The clock stands almost still, so that no minute ends in between.
    with (
        Sim(**world, **options, retry_after=9, clock_speed=0.001) as github,
        as_installation(github) as client,
    ):
        for _ in range(3):
            asked = client.post("/graphql", json={"query": "{ id }"})
            assert asked.status_code == 200
        over = client.post("/graphql", json={"query": "{ id }"})
        assert (over.status_code, over.headers["retry-after"]) == (403, "9")
        assert "secondary rate limit" in over.json()["message"]
        # A POST takes five points of REST, a GET one.
        repository = github.truth()["repositories"][0]["full_name"]
        made = client.post(f"/repos/{repository}/issues", json={"title": "One"})
        assert made.status_code == 201
        assert client.get(f"/repos/{repository}").status_code == 200
        over = client.get(f"/repos/{repository}")
        assert (over.status_code, over.headers["retry-after"]) == (403, "9")
        # Over a secondary limit the hour still has requests left.
        assert int(over.headers["x-ratelimit-remaining"]) > 0
        githubs = github.control("limits", {"githubs": True})
        assert githubs["points_per_minute"] == 900
        assert githubs["graphql_points_per_minute"] == 2000
        assert client.get(f"/repos/{repository}").status_code == 200


def test_requests_on_their_way_count_as_running() -> None:
    world: dict[str, Any] = {"repositories": 1, "commits": 2, "issues": 0, "pulls": 0}
    with Sim(**world) as github, as_installation(github) as client:
        repository = github.truth()["repositories"][0]["full_name"]
        assert client.get(f"/repos/{repository}").status_code == 200
        github.control("limits", {"concurrent": 2, "retry_after": 3})
        github.control("weather", {"latency": 1})
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(lambda _: client.get(f"/repos/{repository}"), range(6)))
        refused = [one for one in answers if one.status_code == 403]
        assert refused
        assert {one.headers["retry-after"] for one in refused} == {"3"}
        github.control("weather", {"latency": 0})
        assert client.get(f"/repos/{repository}").status_code == 200


def test_each_node_takes_its_time() -> None:
    world: dict[str, Any] = {"repositories": 1, "commits": 2, "issues": 20, "pulls": 0}
    with Sim(**world) as github, as_installation(github) as client:
        repository = github.truth()["repositories"][0]["full_name"]
        owner, name = repository.split("/")
        github.control("weather", {"latency_per_node": 40})

        def seconds(method: str, path: str, **body: Any) -> float:
            answer = client.request(method, path, **body)
            assert answer.status_code == 200
            return answer.elapsed.total_seconds()

        assert seconds("GET", f"/repos/{repository}/issues?state=all&per_page=20") >= 0.8
        query = (
            f'{{ repository(owner: "{owner}", name: "{name}") '
            "{ issues(first: 10) { nodes { number assignedActors(first: 1) { nodes "
            "{ __typename } } labels(first: 1) { nodes { name } } } } } }"
        )
        nodes = client.post("/graphql", json={"query": query}).json()["data"]["repository"]
        inner = sum(
            len(one[field]["nodes"])
            for one in nodes["issues"]["nodes"]
            for field in ("assignedActors", "labels")
        )
        assert inner
        # Also if the rows were rendered before.
        assert seconds("POST", "/graphql", json={"query": query}) >= 0.04 * (10 + inner)


def test_ninety_seconds_of_cpu_a_minute_and_sixty_for_graphql() -> None:
    options: dict[str, Any] = {"cpu_per_minute": 1.5, "graphql_cpu_per_minute": 1}
    world: dict[str, Any] = {"repositories": 1, "commits": 2, "issues": 0, "pulls": 0}
    with (
        Sim(**world, **options, retry_after=9, clock_speed=0.001) as github,
        as_installation(github) as client,
    ):
        github.control("weather", {"latency": 0.5})
        for _ in range(2):
            assert client.post("/graphql", json={"query": "{ id }"}).status_code == 200
        over = client.post("/graphql", json={"query": "{ id }"})
        assert (over.status_code, over.headers["retry-after"]) == (403, "9")
        assert "secondary rate limit" in over.json()["message"]
        # REST has what GraphQL may not take.
        repository = github.truth()["repositories"][0]["full_name"]
        assert client.get(f"/repos/{repository}").status_code == 200
        over = client.get(f"/repos/{repository}")
        assert (over.status_code, over.headers["retry-after"]) == (403, "9")
        # A refused request takes none.
        github.control("limits", {"cpu_per_minute": 2})
        assert client.get(f"/repos/{repository}").status_code == 200
        githubs = github.control("limits", {"githubs": True})
        assert (githubs["cpu_per_minute"], githubs["graphql_cpu_per_minute"]) == (90, 60)
        assert client.get(f"/repos/{repository}").status_code == 200
