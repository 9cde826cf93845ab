"""One repository alone is refused, switched off or sick: each door says so in its own way."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from githubsim.testing import Sim, SimError
from tests.client import as_app, as_installation, token
from tests.plain_git import git

LISTS = """query ($o: String!, $r: String!) { repository(owner: $o, name: $r) {
  hasIssuesEnabled issues(first: 5) { totalCount nodes { number } }
  pullRequests(first: 5) { totalCount nodes { number } } } }"""
COUNTS = """query ($o: String!, $r: String!) { repository(owner: $o, name: $r) {
  issues { totalCount } } }"""
WELL = {"refused": "", "pulls_off": "", "git_silent": False, "lists_fail": False}


@pytest.fixture
def sick(github: Sim, repository: str) -> Iterator[str]:
    yield repository
    github.control("repositories/ail", {"repository": repository, **WELL})


def ask(client: httpx.Client, repository: str, query: str = LISTS) -> httpx.Response:
    owner, name = repository.split("/")
    return client.post("/graphql", json={"query": query, "variables": {"o": owner, "r": name}})


@pytest.mark.parametrize(
    ("refused", "words", "header"),
    [("saml", "SAML enforcement", "required; url="), ("ip_allow_list", "IP allow list", "")],
)
def test_an_organisation_refuses_one_repository(
    github: Sim, client: httpx.Client, sick: str, refused: str, words: str, header: str
) -> None:
    github.control("repositories/ail", {"repository": sick, "refused": refused})
    answer = client.get(f"/repos/{sick}/issues")
    assert answer.status_code == 403
    assert words in answer.json()["message"]
    assert answer.headers.get("x-github-sso", "").startswith(header)
    (error,) = ask(client, sick).json()["errors"]
    assert (error["type"], error["path"]) == ("FORBIDDEN", ["repository"])
    assert error["extensions"] == {"saml_failure": refused == "saml"}
    seen = client.get("/installation/repositories").json()["repositories"]
    assert sick in {one["full_name"] for one in seen}


def test_an_organisation_refuses_the_whole_installation(github: Sim, client: httpx.Client) -> None:
    try:
        github.control("repositories/ail", {"refused": "ip_allow_list"})
        assert client.get("/installation/repositories").status_code == 403
        with as_app(github) as app:
            assert app.get("/app/installations").status_code == 200
        assert client.get("/rate_limit").status_code == 200
    finally:
        github.control("repositories/ail", {"refused": ""})


@pytest.mark.parametrize("graphql", ["empty", "forbidden", "not_found"])
def test_pull_requests_are_switched_off(
    github: Sim, client: httpx.Client, sick: str, graphql: str
) -> None:
    github.control("repositories/ail", {"repository": sick, "pulls_off": graphql})
    assert client.get(f"/repos/{sick}").json()["has_pull_requests"] is False
    assert client.get(f"/repos/{sick}/pulls").status_code == 404
    assert client.get(f"/repos/{sick}/pulls/1").status_code == 404
    assert client.get(f"/repos/{sick}/issues").status_code == 200
    body = ask(client, sick).json()
    if graphql == "empty":
        assert body["data"]["repository"]["pullRequests"]["totalCount"] == 0
        return
    # The connection is not nullable: its null takes the repository with it.
    assert body["data"] == {"repository": None}
    (error,) = body["errors"]
    assert (error["type"], error["path"][-1]) == (graphql.upper(), "pullRequests")


def test_issues_are_switched_off(github: Sim, client: httpx.Client, sick: str) -> None:
    try:
        github.control("repositories/edit", {"repository": sick, "has_issues": False})
        found = ask(client, sick).json()["data"]["repository"]
        assert (found["hasIssuesEnabled"], found["issues"]["totalCount"]) == (False, 0)
        only_issues = {"issues": "read", "metadata": "read"}
        with as_installation(github, permissions=only_issues) as narrow:
            assert narrow.get(f"/repos/{sick}/issues").status_code == 410
    finally:
        github.control("repositories/edit", {"repository": sick, "has_issues": True})


def test_lists_fail_and_counts_do_not(github: Sim, client: httpx.Client, sick: str) -> None:
    github.control("repositories/ail", {"repository": sick, "lists_fail": True})
    assert ask(client, sick).status_code == 502
    assert client.get(f"/repos/{sick}/pulls").status_code == 502
    assert ask(client, sick, COUNTS).json()["data"]["repository"]["issues"]["totalCount"]


def test_git_is_silent(github: Sim, sick: str, tmp_path: Path) -> None:
    github.control("repositories/ail", {"repository": sick, "git_silent": True})
    remote = f"{github.url}/{sick}.git".replace("://", f"://x-access-token:{token(github)}@")
    slow = ("-c", "http.lowSpeedLimit=1", "-c", "http.lowSpeedTime=1")
    assert "too slow" in git(*slow, "ls-remote", remote, cwd=tmp_path, fails=True)


def test_a_permission_that_is_not_granted(github: Sim, client: httpx.Client, sick: str) -> None:
    try:
        github.control("installation/permissions", {"permissions": {"issues": None}})
        with as_installation(github) as without:
            assert without.get("/app").status_code == 401
            (error,) = ask(without, sick, COUNTS).json()["errors"]
            assert (error["type"], error["path"][-1]) == ("FORBIDDEN", "issues")
    finally:
        github.control("installation/permissions", {"permissions": {"issues": "write"}})


def test_an_ailment_that_is_none(github: Sim, sick: str) -> None:
    for wrong in ({"refused": "moon"}, {"headache": True}):
        with pytest.raises(SimError):
            github.control("repositories/ail", {"repository": sick, **wrong})


def test_lists_are_empty_or_end_early(github: Sim, client: httpx.Client, repository: str) -> None:
    path = "/installation/repositories"
    there = client.get(path).json()["total_count"]

    def seen() -> tuple[int, int, Any]:
        found = client.get(path).json()
        return found["total_count"], len(found["repositories"]), client.get(path).links.get("next")

    try:
        github.control("weather", {"empty_lists": 1.0})
        assert seen() == (0, 0, None)
        assert client.get(f"/repos/{repository}/issues").json() == []
        with as_app(github) as app:
            assert app.get("/app/installations").json() == []
        found = ask(client, repository).json()["data"]["repository"]
        assert found["issues"]["totalCount"] == 0
        github.control("weather", {"empty_lists": 0.0, "short_lists": 1.0})
        assert seen() == (there, there // 2, None)
    finally:
        github.control("weather", {"empty_lists": 0.0, "short_lists": 0.0})
