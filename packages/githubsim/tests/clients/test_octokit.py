"""Octokit, GitHub's own client for JavaScript, with the plugins that its makers recommend."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from githubsim.testing import Sim
from tests.clients.counts import GRAPHQL, REST, Truth, expected
from tests.clients.tools import node_home, read


def test_reads_everything_by_rest_and_by_graphql(access: dict[str, Any], truth: Truth) -> None:
    found = _node("read.mjs", access | {"owner": _owner(truth)})
    assert found["rest"] == expected(truth, *REST)
    assert found["graphql"] == expected(truth, *GRAPHQL)


def test_reads_a_github_enterprise_server_the_same(access: dict[str, Any], truth: Truth) -> None:
    url = f"{access['url']}/api/v3"
    found = _node("read.mjs", access | {"url": url, "owner": _owner(truth)})
    assert found["rest"] == expected(truth, *REST)
    assert found["graphql"] == expected(truth, *GRAPHQL)


def test_corrects_its_clock_by_githubs() -> None:
    with Sim(repositories=1, commits=5, issues=3, pulls=1, install=False) as github:
        github.control("install")
        github.control("clock", {"advance": 7200})
        truth = {one["full_name"]: one for one in github.truth()["repositories"]}
        found = _node("read.mjs", _access(github) | {"owner": _owner(truth)})
    assert found["rest"] == expected(truth, *REST)


def test_the_throttling_plugin_is_told_of_every_limit_and_goes_on() -> None:
    with Sim(repositories=1, commits=5, issues=0, pulls=0, install=False) as github:
        # An hour that ends in seconds: the plugin waits until then.
        github.control("clock", {"advance": -3596})
        given = {"url": github.url, "token": github.control("token")["token"]}
        found = _node("limits.mjs", given)
    assert [(one["kind"], one["url"]) for one in found["told"]] == [
        ("primary", "/meta"),
        ("secondary", "/meta"),
        ("primary", "/graphql"),
        ("secondary", "/graphql"),
    ]
    waits = [one["after"] for one in found["told"]]
    assert all(0 <= wait <= 6 for wait in waits)
    assert waits[1] == waits[3] == 1
    assert found["statuses"] == {"rest": "went on", "graphql": "went on"}


def test_the_retry_plugin_reads_everything_through_a_storm() -> None:
    with Sim(repositories=6, commits=60, issues=60, pulls=20, install=False) as github:
        github.control("install")
        truth = {one["full_name"]: one for one in github.truth()["repositories"]}
        github.control("weather", {"failing": 0.3, "seed": 7})
        found = _node("storm.mjs", _access(github))
        statuses = github.requests()["endpoints"].values()
    failed = sum(one.get("502", 0) for one in statuses)
    assert found["rest"] == expected(truth, *REST)
    assert found["failed"] == failed > 5


def test_the_webhooks_library_verifies_what_is_delivered() -> None:
    with _receiver("a shared secret") as (url, came):
        hook = {"webhook_url": url, "webhook_secret": "a shared secret"}
        with Sim(repositories=2, commits=20, issues=5, pulls=2, install=False, **hook) as github:
            _happenings(github)
            assert github.control("webhooks/wait", {"timeout": 30})["delivered"]
            log = _log(github)
        found = came()
    assert {one["status_code"] for one in log} == {200}
    assert sorted(one["id"] for one in found) == sorted(one["guid"] for one in log)
    assert {one["name"] for one in found} >= {
        "installation.created",
        "issue_comment.created",
        "issues.closed",
        "issues.labeled",
        "issues.opened",
        "ping",
        "pull_request.closed",
        "pull_request.opened",
        "push",
        "repository.created",
    }


def test_the_webhooks_library_refuses_another_secret() -> None:
    with _receiver("the right one") as (url, came):
        hook = {"webhook_url": url, "webhook_secret": "a wrong one"}
        with Sim(repositories=1, commits=5, issues=0, pulls=0, install=False, **hook) as github:
            github.control("ping")
            assert github.control("webhooks/wait", {"timeout": 30})["delivered"]
            (delivery,) = _log(github)
        assert came() == []
    assert delivery["status_code"] == 400


def _happenings(github: Sim) -> None:
    """A little of everything that sends webhooks, with text that a signature must survive."""
    github.control("install")
    here = {"repository": github.truth()["repositories"][0]["full_name"]}
    odd = "Größe 🦊 \u2028 \\ \" ' \x7f"
    issue = here | {"number": github.control("issues/open", here | {"title": odd})["number"]}
    github.control("issues/label", issue | {"labels": ["bug", "größe"]})
    github.control("issues/comment", issue | {"body": odd * 500})
    github.control("issues/close", issue)
    pull = here | {"number": github.control("pulls/open", here | {"title": odd})["number"]}
    github.control("pulls/merge", pull)
    github.control("push", here | {"commits": [{"message": odd}, {}]})
    owner = here["repository"].split("/")[0]
    github.control("repositories/create", {"owner": owner, "name": "fresh"})
    github.control("ping")


def _log(github: Sim) -> list[dict[str, Any]]:
    """The App's delivery log, by Octokit, newest first."""
    found: list[dict[str, Any]] = _node("deliveries.mjs", _access(github))
    return found


def _access(github: Sim) -> dict[str, Any]:
    installations = github.truth()["installations"]
    return {
        "url": github.url,
        "app_id": github.app.id,
        "private_key": github.private_key,
        "installation_id": installations[0]["id"] if installations else None,
    }


@contextmanager
def _receiver(secret: str) -> Iterator[tuple[str, Any]]:
    """A server of @octokit/webhooks: its URL, and a call that ends it and tells what came."""
    process = subprocess.Popen(
        ["node", "webhooks.mjs"],
        cwd=node_home(),
        env={"PATH": os.environ["PATH"], "SECRET": secret},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None

    def came() -> list[dict[str, str]]:
        out, _ = process.communicate(timeout=30)
        found: list[dict[str, str]] = json.loads(out)
        return found

    try:
        yield json.loads(process.stdout.readline())["url"], came
    finally:
        process.kill()
        process.wait()


def _owner(truth: Truth) -> str:
    return next(iter(truth)).split("/")[0]


def _node(script: str, given: dict[str, Any]) -> Any:
    host = given["url"].removesuffix("/api/v3")
    return read(["node", script], given | {"control": host}, cwd=node_home())
