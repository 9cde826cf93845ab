"""Asks githubsim for things and has each answer judged by GitHub's description."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Self

import httpx

from githubsim import rest
from githubsim.store.history_rows import CONTENTS
from githubsim.testing import Sim
from tests.client import app_jwt, token
from tests.description import VERSIONS, judged, operation

ROUTER = rest.router()


@dataclass
class Record:
    """What was found out so far: the statuses by route and API version, what was wrong by route."""

    statuses: dict[tuple[str, str], set[int]] = field(default_factory=lambda: defaultdict(set))
    wrong: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def valid(self, route: str) -> bool:
        """Whether it succeeded (or said no where it cannot) and was right, in both versions."""
        reached = all(self.statuses.get((route, version)) for version in VERSIONS)
        return reached and not self.wrong.get(route)


class Walker:
    """`walk.get("/repos/…")`, `walk.put(…)`: each checks the status and judges the body.

    `who` is app, installation, user or nobody; `like` names the operation that describes the
    answer where GitHub's description has the path under another name.
    """

    def __init__(self, github: Sim, version: str, record: Record) -> None:
        self.github = github
        self.version = version
        self.record = record
        headers = {"X-GitHub-Api-Version": version}
        self._client = httpx.Client(base_url=github.url, timeout=60, headers=headers)
        self.person = next(
            one["login"] for one in github.truth(accounts=1)["accounts"] if one["type"] == "User"
        )
        personal = github.control("token", {"login": self.person})["token"]
        self._tokens = {"user": personal, "app": app_jwt(github), "installation": token(github)}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def control(self, path: str, **body: Any) -> Any:
        """A control action."""
        return self.github.control(path, body)

    def renew(self) -> None:
        """Take a fresh token, after the one before was revoked."""
        self._tokens["installation"] = token(self.github)

    def get(self, path: str, **how: Any) -> Any:
        return self.ask("GET", path, **how)

    def post(self, path: str, json: Any = None, status: int = 201, **how: Any) -> Any:
        return self.ask("POST", path, json=json, status=status, **how)

    def put(self, path: str, json: Any = None, status: int = 200, **how: Any) -> Any:
        return self.ask("PUT", path, json=json, status=status, **how)

    def patch(self, path: str, json: Any = None, status: int = 200, **how: Any) -> Any:
        return self.ask("PATCH", path, json=json, status=status, **how)

    def delete(self, path: str, status: int = 204, **how: Any) -> Any:
        return self.ask("DELETE", path, status=status, **how)

    def react(self, path: str) -> None:
        """React to something in every way there is, and take it back."""
        for content in CONTENTS:
            made = self.post(f"{path}/reactions", {"content": content})
            self.post(f"{path}/reactions", {"content": content}, status=200)
            self.get(f"{path}/reactions", params={"content": content})
            self.delete(f"{path}/reactions/{made['id']}")
        self.get(f"{path}/reactions")
        self.post(f"{path}/reactions", {"content": "nonsense"}, status=422)

    def ask(
        self,
        method: str,
        path: str,
        *,
        status: int = 200,
        who: str = "installation",
        like: str = "",
        headers: dict[str, str] | None = None,
        **sent: Any,
    ) -> Any:
        """The answer's JSON, or its text; everything that is wrong goes into the record."""
        headers = dict(headers or {})
        if who != "nobody":
            headers["Authorization"] = f"Bearer {self._tokens[who]}"
        sent = {key: value for key, value in sent.items() if value is not None}
        answer = self._client.request(method, path, headers=headers, **sent)
        assert answer.status_code == status, (method, path, answer.status_code, answer.text)
        route, _ = ROUTER.find(method, path.partition("?")[0])
        name = f"{route.method} {route.path}"
        what = operation(like or name, self.version)
        found = ["no operation describes it"]
        if what is not None:
            found = judged(what, answer, self.version)
        self.record.wrong[name] += [f"{method} {path} {self.version}: {one}" for one in found]
        self.record.statuses[name, self.version].add(status)
        text = answer.headers.get("content-type", "").startswith("text/")
        return answer.text if text or not answer.content else answer.json()
