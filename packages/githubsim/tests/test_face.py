"""The face at /_sim/: a page for people, which no client's traffic can break."""

import re

import httpx

from githubsim.receiver import Receiver
from githubsim.testing import Sim


def face(github: Sim) -> str:
    answer = httpx.get(f"{github.url}/_sim/")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    return answer.text


def test_it_shows_the_world_as_it_is(github: Sim) -> None:
    page = face(github)
    for one in github.truth()["repositories"]:
        row = re.search(rf"<tr><td class=name>{one['full_name']} .*?</tr>", page)
        assert row
        found = [int(n.replace(",", "")) for n in re.findall(r">([\d,]+)</td>", row[0])]
        opened = one["issues"]["open"] + one["pulls"]["open"]
        counts = (one["issues"]["total"], one["pulls"]["total"], opened)
        assert found == [one["commits_on_default"], *counts]


def test_it_shows_requests_and_deliveries_with_their_results(
    github: Sim, receiver: Receiver, client: httpx.Client, repository: str
) -> None:
    client.get(f"/repos/{repository}/issues/comments")
    client.get("/repos/<script>/x")
    receiver.status = 500
    try:
        github.control("issues/open", {"repository": repository})
        github.control("webhooks/wait")
    finally:
        receiver.status = 202
    page = face(github)
    assert f"GET /repos/{repository}/issues/comments" in page
    assert re.search(r"[\d]+ of [\d]+ core", page)
    assert "Invalid HTTP Response: 500" in page
    assert "<script" not in page


def test_it_shows_the_weather_and_stands_outside_it(github: Sim) -> None:
    assert "Calm" in face(github)
    github.control("weather", {"failing": 1.0, "latency": 0.25})
    github.control("webhooks", {"lost": 0.5})
    try:
        page = face(github)
        for words in ("failing", "0.25", "webhooks lost"):
            assert words in page
    finally:
        github.control("weather", {"failing": 0.0, "latency": 0.0})
        github.control("webhooks", {"lost": 0.0})
