"""Signing in as an App and as an installation, and what GitHub says when it goes wrong."""

import time
from email.utils import parsedate_to_datetime

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from githubsim.testing import Sim
from tests.client import app_jwt, as_app, as_installation, token


def ask(github: Sim, path: str, credentials: str | None) -> httpx.Response:
    headers = {} if credentials is None else {"Authorization": f"Bearer {credentials}"}
    return httpx.get(github.url + path, headers=headers)


def test_a_jwt_by_app_id_or_client_id_is_accepted(github: Sim) -> None:
    for issuer in (str(github.app.id), github.app.client_id):
        answer = ask(github, "/app", app_jwt(github, iss=issuer))
        assert answer.status_code == 200
        assert answer.json()["slug"] == github.app.slug


@pytest.mark.parametrize(
    ("claims", "status", "message"),
    [
        ({"exp": 1}, 401, "must be a numeric value representing the future"),
        ({"exp": int(time.time()) + 3600}, 401, "too far in the future"),
        ({"iat": int(time.time()) + 3600}, 401, "'Issued at' claim"),
        ({"iss": "999"}, 404, "Integration not found"),
    ],
)
def test_a_jwt_with_bad_claims_is_refused(
    github: Sim, claims: dict[str, object], status: int, message: str
) -> None:
    answer = ask(github, "/app", app_jwt(github, **claims))
    assert answer.status_code == status
    assert message in answer.json()["message"]


def test_a_jwt_by_another_key_or_algorithm_is_refused(github: Sim) -> None:
    claims = {"iat": int(time.time()), "exp": int(time.time()) + 60, "iss": str(github.app.id)}
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    forged = jwt.encode(claims, other, algorithm="RS256")
    symmetric = jwt.encode(claims, "x" * 32, algorithm="HS256")
    unsigned = jwt.encode(claims, "", algorithm="none")
    for text in (forged, symmetric, unsigned, "eyJ.no.jwt"):
        answer = ask(github, "/app", text)
        assert answer.status_code == 401
        assert answer.json()["message"] == "A JSON web token could not be decoded"


def test_a_token_opens_what_a_jwt_does_not(github: Sim) -> None:
    assert ask(github, "/installation/repositories", token(github)).status_code == 200
    assert ask(github, "/installation/repositories", app_jwt(github)).status_code == 401
    assert ask(github, "/app", token(github)).status_code == 401
    assert ask(github, "/installation/repositories", None).status_code == 401
    wrong = ask(github, "/installation/repositories", "ghs_wrong")
    assert (wrong.status_code, wrong.json()["message"]) == (401, "Bad credentials")
    assert wrong.json()["status"] == "401"


def test_a_token_is_long_and_lasts_an_hour_of_the_simulators_clock() -> None:
    with Sim(repositories=1, commits=2, issues=0, pulls=0) as github:
        text = token(github)
        assert text.startswith(f"ghs_{github.app.id}_")
        assert len(text) > 200
        assert ask(github, "/installation/repositories", text).status_code == 200
        github.control("clock", {"advance": 3601})
        assert ask(github, "/installation/repositories", text).status_code == 401


def test_a_narrowed_token_sees_only_what_it_was_given(github: Sim) -> None:
    with as_installation(github) as client:
        repositories = client.get("/installation/repositories").json()["repositories"]
    chosen = repositories[0]
    narrowed = {"repository_ids": [chosen["id"]], "permissions": {"issues": "read"}}
    with as_installation(github, **narrowed) as client:
        seen = client.get("/installation/repositories").json()
        assert [one["id"] for one in seen["repositories"]] == [chosen["id"]]
        assert client.get(f"/repositories/{chosen['id']}/issues").status_code == 200
        refused = client.get(f"/repositories/{chosen['id']}/commits")
        assert refused.status_code == 403
        assert refused.json()["message"] == "Resource not accessible by integration"
    with as_app(github) as app:
        (installation,) = app.get("/app/installations").json()
        path = f"/app/installations/{installation['id']}/access_tokens"
        assert app.post(path, json={"repository_ids": [1]}).status_code == 422
        assert app.post(path, json={"permissions": {"secrets": "write"}}).status_code == 422


def test_a_private_repository_is_not_there_for_strangers(github: Sim) -> None:
    owner = github.truth()["repositories"][0]["full_name"].split("/")[0]
    name = "hidden"
    github.control("repositories/create", {"owner": owner, "name": name, "private": True})
    assert ask(github, f"/repos/{owner}/{name}", token(github)).status_code == 200
    assert ask(github, f"/repos/{owner}/{name}", None).status_code == 404


def test_a_suspended_installation_gets_no_token(github: Sim) -> None:
    old = token(github)
    github.control("suspend")
    try:
        with as_app(github) as app:
            (installation,) = app.get("/app/installations").json()
            assert installation["suspended_at"] is not None
            made = app.post(f"/app/installations/{installation['id']}/access_tokens")
            assert made.status_code == 403
        assert ask(github, "/installation/repositories", old).status_code == 403
    finally:
        github.control("unsuspend")
    assert ask(github, "/installation/repositories", token(github)).status_code == 200


def test_a_client_without_a_name_is_refused(github: Sim) -> None:
    assert httpx.get(github.url + "/meta", headers={"User-Agent": ""}).status_code == 403
    unknown = httpx.get(github.url + "/meta", headers={"X-GitHub-Api-Version": "1999-01-01"})
    assert unknown.status_code == 400


def test_answers_tell_the_time_of_the_simulators_clock(github: Sim) -> None:
    github.control("clock", {"advance": 7200})
    try:
        for path, method in (("/meta", "GET"), ("/graphql", "POST")):
            answer = httpx.request(method, github.url + path, content=b"{}")
            (date,) = answer.headers.get_list("date")
            ahead = parsedate_to_datetime(date).timestamp() - time.time()
            assert 7190 < ahead < 7210
    finally:
        github.control("clock", {"advance": -7200})
