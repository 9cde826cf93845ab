"""A seeded storm repeats byte for byte: two worlds of one seed that are asked the same."""

import http.client
import json
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import jwt
import pytest

from githubsim.clock import epoch
from githubsim.receiver import Received, Receiver
from githubsim.testing import Sim

WORLD: dict[str, Any] = {"repositories": 4, "commits": 150, "issues": 80, "pulls": 24}
STORM: dict[str, Any] = {
    "failing": 0.08,
    "truncated": 0.1,
    "resets": 0.08,
    "stale": 8,
    "heavy": 0.15,
    "partial": 0.4,
    "webhooks_lost": 0.15,
    "webhooks_duplicated": 0.2,
    "webhooks_delay": 3,
    "webhooks_jitter": 2,
    "webhooks_reordered": 0.4,
}
CALM = dict.fromkeys(("failing", "truncated", "resets", "stale", "heavy", "partial"), 0)
ISSUES = """
query ($o: String!, $r: String!) { repository(owner: $o, name: $r) {
  issues(first: 30, orderBy: {field: UPDATED_AT, direction: DESC}) {
    totalCount pageInfo { endCursor } nodes { id title updatedAt author { login } } } } }
"""
HISTORY = """
query ($o: String!, $r: String!) { repository(owner: $o, name: $r) {
  defaultBranchRef { target { ... on Commit { history(first: 40) {
    nodes { oid additions committedDate author { user { login } } } } } } } } }
"""
LS_REFS = b"0014command=ls-refs\n0001" + b"0000"


@dataclass
class Heard:
    """All that two sides said: deliveries as they came, and what each request got."""

    deliveries: list[Received] = field(default_factory=list)
    answers: list[tuple[str, bytes]] = field(default_factory=list)
    pack: bytes = b""

    @property
    def guids(self) -> set[str]:
        return {one.guid for one in self.deliveries}

    def first_difference(self, other: "Heard") -> object:
        """What to look at where two that should be the same are not."""
        pairs: Iterator[tuple[object, object]]
        for pairs in (
            zip(self.answers, other.answers, strict=False),
            zip(self.deliveries, other.deliveries, strict=False),
        ):
            for mine, theirs in pairs:
                if mine != theirs:
                    return mine, theirs
        return len(self.answers), len(other.answers), len(self.deliveries), len(other.deliveries)


def raw(github: Sim, method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
    """All bytes of an answer, and how the connection ended where it ended badly."""
    lines = [f"{method} {path} HTTP/1.1", "Host: github.test", "User-Agent: test"]
    lines += ["Connection: close", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    got = b""
    with socket.create_connection(("127.0.0.1", github.port), timeout=30) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        try:
            while piece := connection.recv(65_536):
                got += piece
        except ConnectionResetError:
            return got + b"<reset>"
    return got


class Storm:
    """One world, what happens to it, and what is heard of it."""

    def __init__(self, github: Sim) -> None:
        self.github = github
        self.heard = Heard()
        self.names = [one["full_name"] for one in github.truth()["repositories"]]

    def control(self, path: str, **body: Any) -> Any:
        answer = self.github.control(path, body)
        self.heard.answers.append((path, json.dumps(answer).encode()))
        return answer

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> bytes:
        got = raw(self.github, method, path, body, **headers)
        self.heard.answers.append((f"{method} {path}", got))
        return got

    def as_app(self, method: str, path: str) -> bytes:
        """Asked until it arrives; a JWT is the caller's own and signed with a key of its own."""
        while True:
            now = epoch(self.github.ask("status")["now"])
            claims = {"iat": now, "exp": now + 300, "iss": str(self.github.app.id)}
            signed = jwt.encode(claims, self.github.private_key, algorithm="RS256")
            got = self.ask(method, path, Authorization=f"Bearer {signed}")
            if got.startswith(b"HTTP/1.1 2") and not got.endswith(b"<reset>"):
                head, _, text = got.partition(b"\r\n\r\n")
                if f"content-length: {len(text)}".encode() in head.lower():
                    return text

    def act(self, turn: int) -> None:
        """One of many kinds of things that happen, in turn."""
        name = self.names[turn % len(self.names)]
        here = {"repository": name}
        match turn % 9:
            case 0 | 5:
                self.control("push", **here, count=1 + turn % 3)
            case 1 | 6:
                made = self.control("issues/open", **here, title=f"Storm {turn}", labels=["bug"])
                self.control("issues/comment", **here, number=made["number"], body="Seen too")
            case 2:
                made = self.control("pulls/open", **here, title=f"Change {turn}")
                self.control("reviews/submit", **here, number=made["number"], comments=1)
                self.control("pulls/merge", **here, number=made["number"])
            case 3:
                self.control("refs/set", **here, ref=f"refs/tags/storm-{turn}")
            case 4:
                self.control("star", **here)
                self.control("unstar", **here)
            case 7:
                made = self.control("issues/open", **here)
                self.control("issues/close", **here, number=made["number"])
                self.control("issues/delete", **here, number=made["number"])
            case 8:
                self.control("repositories/edit", **here, description=f"Turn {turn}")

    def read(self, turn: int, token: str) -> None:
        name = self.names[turn % len(self.names)]
        signed = {"Authorization": f"Bearer {token}"}
        for path in ("issues?state=all&per_page=20", "commits?per_page=10", "issues/1", "pulls"):
            self.ask("GET", f"/repos/{name}/{path}", **signed)
        self.ask("POST", f"/repos/{name}/issues", b'{"title": "By REST"}', **signed)
        owner, short = name.split("/")
        for query in (ISSUES, HISTORY):
            asked = {"query": query, "variables": {"o": owner, "r": short}}
            self.ask("POST", "/graphql", json.dumps(asked).encode(), **signed)
        self.ask("GET", f"/{name}.git/info/refs?service=git-upload-pack", **signed)
        self.ask(
            "POST",
            f"/{name}.git/git-upload-pack",
            LS_REFS,
            **signed,
            Git_Protocol="version=2",
            Content_Type="application/x-git-upload-pack-request",
        )

    def fetch(self, token: str) -> bytes:
        """A whole repository as git packs it, without the frames that git cuts it into."""
        heads = self.github.truth()["repositories"][0]["refs"]
        lines = [f"want {sha}\n" for sha in sorted(set(heads.values()))] + [
            "no-progress\n",
            "done\n",
        ]
        frames = [f"{len(line) + 4:04x}{line}" for line in ("command=fetch\n", *lines)]
        body = (frames[0] + "0001" + "".join(frames[1:]) + "0000").encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.github.port, timeout=60)
        headers = {"Authorization": f"Bearer {token}", "Git-Protocol": "version=2"}
        headers["Content-Type"] = "application/x-git-upload-pack-request"
        connection.request("POST", f"/{self.names[0]}.git/git-upload-pack", body, headers)
        said, pack = connection.getresponse().read(), b""
        connection.close()
        while said:
            size = int(said[:4], 16) or 4
            if said[4:5] == b"\x01":
                pack += said[5:size]
            said = said[max(size, 4) :]
        return pack


def storm(receiver: Receiver, seed: int) -> Heard:
    receiver.clear()
    hook = {"webhook_url": receiver.url, "public_url": "http://github.test", "install": False}
    seeds = {"seed": seed, "weather_seed": seed, "webhooks_seed": seed}
    clock = {"clock": "2026-11-20T08:00:00Z", "stepped": True}
    with Sim(**WORLD, **STORM, **hook, **seeds, **clock) as github:
        one = Storm(github)
        installation = one.control("install")["id"]
        one.control("clock", advance=5)
        made = one.as_app("POST", f"/app/installations/{installation}/access_tokens")
        token = json.loads(made)["token"]
        for turn in range(36):
            one.act(turn)
            one.read(turn, token)
            one.control("clock", advance=2)
        # What was late until now may be held from now on.
        while not one.control("webhooks/wait")["delivered"]:
            one.control("clock", advance=6)
        log = json.loads(one.as_app("GET", "/app/hook/deliveries?per_page=100"))
        one.as_app("POST", f"/app/hook/deliveries/{log[3]['id']}/attempts")
        one.control("webhooks/wait")
        again = json.loads(one.as_app("GET", "/app/hook/deliveries?per_page=100"))
        # Sent again: an id of its own, the GUID of the first.
        assert again[0]["id"] not in {entry["id"] for entry in log}
        assert again[0]["guid"] == log[3]["guid"]
        one.as_app("GET", f"/app/hook/deliveries/{again[0]['id']}")
        one.control("weather", **CALM)
        one.heard.pack = one.fetch(token)
        one.heard.answers.append(("truth", json.dumps(github.truth(items=1)).encode()))
        one.heard.deliveries = receiver.received
        return one.heard


@pytest.fixture(scope="module")
def storms(receiver: Receiver) -> tuple[Heard, Heard, Heard]:
    return storm(receiver, 7), storm(receiver, 7), storm(receiver, 8)


def test_the_same_seed_sends_and_answers_the_same_bytes(
    storms: tuple[Heard, Heard, Heard],
) -> None:
    one, two, _ = storms
    assert one == two, one.first_difference(two)


def test_what_repeats_was_a_storm(storms: tuple[Heard, Heard, Heard]) -> None:
    one, _, _ = storms
    bytes_got = [got for _, got in one.answers]
    assert any(got.startswith(b"HTTP/1.1 502") for got in bytes_got)
    assert any(b"Something went wrong while executing your query" in got for got in bytes_got)
    assert any(b"RESOURCE_LIMITS_EXCEEDED" in got for got in bytes_got)
    assert any(got.endswith(b"<reset>") for got in bytes_got)
    assert any(cut_short(got) for got in bytes_got)
    assert struct.unpack(">4sII", one.pack[:12])[:2] == (b"PACK", 2)
    assert len(one.deliveries) > len(one.guids) > 60
    opened = [it.payload["issue"]["id"] for it in one.deliveries if it.name == "issues.opened"]
    assert opened != sorted(opened)


def test_another_seed_is_another_storm(storms: tuple[Heard, Heard, Heard]) -> None:
    one, _, other = storms
    assert not one.guids & other.guids
    assert one.pack != other.pack
    assert [len(got) for _, got in one.answers] != [len(got) for _, got in other.answers]
    assert [it.name for it in one.deliveries] != [it.name for it in other.deliveries]


def cut_short(got: bytes) -> bool:
    """Whether an answer is shorter than it said."""
    head, _, body = got.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length: "):
            return len(body) < int(line.split()[1])
    return False
