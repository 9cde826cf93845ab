"""What people do to a GitHub in a storm: seeded, and harsher than they ever would be."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from githubsim.testing import Sim, SimError

LABELS = ["bug", "documentation", "enhancement", "good first issue", "help wanted", "question"]


class Storm:
    """One seeded sequence of operations; what is refused (already closed, empty) is skipped."""

    def __init__(self, sim: Sim, seed: int) -> None:
        self.sim = sim
        self.random = random.Random(seed)
        self.done: dict[str, int] = {}
        self._serial = 0

    def one(self) -> None:
        """Do one thing, chosen by weight."""
        names, weights = zip(*_WEIGHTS.items(), strict=True)
        name = self.random.choices(names, weights)[0]
        try:
            _OPERATIONS[name](self)
        except SimError:
            return
        self.done[name] = self.done.get(name, 0) + 1

    # What there is to work on.

    def repository(self) -> dict[str, Any]:
        found: list[dict[str, Any]] = self.sim.truth()["repositories"]
        return self.random.choice(found)

    def with_issues(self) -> str:
        """The name of a repository that takes issues."""
        found = [one for one in self.sim.truth()["repositories"] if one["has_issues"]]
        return str(self.random.choice(found)["full_name"])

    def item(self, *, pull: bool | None = None) -> dict[str, Any]:
        """Where an issue or a pull request is: `repository` and `number`."""
        name = self.repository()["full_name"]
        items = self.sim.truth(repository=name, items=1)["repositories"][0]["items"]
        items = [i for i in items if pull is None or (i["pull_id"] is not None) == pull]
        if not items:
            raise SimError("nothing there")
        return {"repository": name, "number": self.random.choice(items)["number"]}

    def words(self, what: str) -> str:
        self._serial += 1
        return f"{what} {self._serial} {self.random.choice(['ünïcode', '🙂', 'plain', '«»'])}"

    def do(self, call: str, body: dict[str, Any]) -> Any:
        return self.sim.control(call, body)

    def push(self, *, force: bool = False) -> None:
        one = self.repository()
        branches = [
            n.removeprefix("refs/heads/") for n in one["refs"] if n.startswith("refs/heads/")
        ]
        branch = self.random.choice([*branches, one["default_branch"]])
        body: dict[str, Any] = {"repository": one["full_name"], "branch": branch}
        body["count"] = self.random.randint(1, 4)
        if force and one["refs"]:
            body |= {"force": True, "start": self.random.choice(list(one["refs"].values()))}
        self.do("push", body)

    def ref(self) -> None:
        one = self.repository()
        kind = self.random.choice(["heads", "tags"])
        self.do(
            "refs/set",
            {"repository": one["full_name"], "ref": f"refs/{kind}/x{self.random.randint(1, 30)}"},
        )

    def delete_ref(self) -> None:
        one = self.repository()
        others = [n for n in one["refs"] if n != f"refs/heads/{one['default_branch']}"]
        if others:
            where = {"repository": one["full_name"], "ref": self.random.choice(others)}
            self.do("refs/delete", where)

    def edit_repository(self) -> None:
        one = self.repository()
        change = self.random.choice(
            [
                {"name": f"renamed-{self.random.randint(1, 10**6)}"},
                {"description": self.words("About")},
                {"private": not one["private"]},
                {"archived": not one["archived"]},
            ]
        )
        self.do("repositories/edit", {"repository": one["full_name"], **change})

    def transfer_issue(self) -> None:
        self.do("issues/transfer", self.item(pull=False) | {"to": self.with_issues()})

    def membership(self) -> None:
        """A repository leaves the installation, or one that had left comes back."""
        name = self.repository()["full_name"]
        call = self.random.choice(["installation/add", "installation/remove"])
        self.do(call, {"repositories": [name]})

    def create_repository(self) -> None:
        owner = self.repository()["full_name"].partition("/")[0]
        name = f"new-{self.random.randint(1, 10**6)}"
        self.do("repositories/create", {"owner": owner, "name": name})
        self.do("push", {"repository": f"{owner}/{name}", "count": 2})

    def delete_repository(self) -> None:
        found = self.sim.truth()["repositories"]
        if len(found) > 4:
            self.do("repositories/delete", {"repository": self.random.choice(found)["full_name"]})

    def label_storm(self) -> None:
        """Many changes within a second or two, which a clock of whole seconds cannot order."""
        where = self.item()
        for _ in range(self.random.randint(2, 6)):
            chosen = self.random.sample(LABELS, self.random.randint(0, 3))
            self.do("issues/label", where | {"labels": chosen})

    def suspend(self) -> None:
        self.do("suspend", {})
        self.do("unsuspend", {})


Operation = Callable[[Storm], Any]
_OPERATIONS: dict[str, Operation] = {
    "open": lambda s: s.do(
        "issues/open", {"repository": s.with_issues(), "title": s.words("Issue")}
    ),
    "edit": lambda s: s.do(
        "issues/edit", s.item() | {"title": s.words("Title"), "body": s.words("B")}
    ),
    "close": lambda s: s.do("issues/close", s.item()),
    "reopen": lambda s: s.do("issues/reopen", s.item()),
    "lock": lambda s: s.do("issues/lock", s.item() | {"locked": s.random.random() < 0.5}),
    "comment": lambda s: s.do("issues/comment", s.item()),
    "delete": lambda s: s.do("issues/delete", s.item(pull=False)),
    "label_storm": Storm.label_storm,
    "transfer_issue": Storm.transfer_issue,
    "open_pull": lambda s: s.do("pulls/open", {"repository": s.repository()["full_name"]}),
    "draft": lambda s: s.do("pulls/draft", s.item(pull=True) | {"draft": s.random.random() < 0.5}),
    "merge": lambda s: s.do("pulls/merge", s.item(pull=True)),
    "review": lambda s: s.do(
        "reviews/submit", s.item(pull=True) | {"state": "COMMENTED", "body": s.words("Review")}
    ),
    "push": Storm.push,
    "force_push": lambda s: s.push(force=True),
    "ref": Storm.ref,
    "delete_ref": Storm.delete_ref,
    "edit_repository": Storm.edit_repository,
    "create_repository": Storm.create_repository,
    "delete_repository": Storm.delete_repository,
    "membership": Storm.membership,
    "suspend": Storm.suspend,
}
_WEIGHTS = {
    "open": 14, "edit": 14, "close": 7, "reopen": 4, "lock": 2, "comment": 7, "delete": 4,
    "label_storm": 7, "transfer_issue": 2, "open_pull": 6, "draft": 2, "merge": 4, "push": 16,
    "review": 4, "force_push": 4, "ref": 5, "delete_ref": 3, "edit_repository": 5,
    "create_repository": 1.5, "delete_repository": 1, "membership": 2, "suspend": 0.5,
}  # fmt: skip
