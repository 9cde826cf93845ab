"""What people do to a GitHub in a storm: seeded, and harsher than they ever would be."""

from __future__ import annotations

import random
from typing import Any

from githubsim.testing import Sim, SimError
from tests.chaos.talk import TALK, Operation

# What befalls one repository alone for a while, and what ends it.
AILMENTS: list[dict[str, Any]] = [
    {"refused": "saml"}, {"refused": "ip_allow_list"}, {"lists_fail": True}, {"pulls_off": "empty"},
    {"pulls_off": "forbidden"}, {"pulls_off": "not_found"}, {"git_silent": True},
]  # fmt: skip
WELL = {"refused": "", "lists_fail": False, "pulls_off": "", "git_silent": False}
LABELS = ["bug", "documentation", "enhancement", "good first issue", "help wanted", "question"]
# Calls that leave the inventory as it is.
_INSIDE = (
    "issues/", "reviews/", "labels/", "milestones/", "pulls/draft", "pulls/merge", "releases/",
    "commits/comment", "star", "unstar", "react", "watch", "unwatch", "pulls/link",
)  # fmt: skip


class Storm:
    """One seeded sequence of operations; what is refused (already closed, empty) is skipped."""

    def __init__(self, sim: Sim, seed: int) -> None:
        self.sim = sim
        self.random = random.Random(seed)
        self.done: dict[str, int] = {}
        self._inventory: dict[str, Any] | None = None
        self.owners = [one["account"] for one in self.inventory()["installations"]]
        self.people = [_fan(sim, number) for number in range(4)]
        self._serial = 0
        self._most = round(len(self.repositories()) * 1.2)
        # Accounts that took the App away, and after how many operations it comes back.
        self._away: dict[str, int] = {}
        # Repositories that are ill, by id, and after how many operations they are well again.
        self._ill: dict[int, int] = {}
        # Commits whose changes GitHub cannot count.
        self.uncountable: set[str] = set()

    def one(self) -> None:
        """Do one thing, chosen by weight."""
        self._come_back()
        self._get_well()
        names, weights = zip(*WEIGHTS.items(), strict=True)
        name = self.random.choices(names, weights)[0]
        try:
            OPERATIONS[name](self)
        except SimError:
            return
        self.done[name] = self.done.get(name, 0) + 1

    def end(self) -> None:
        """Whoever took the App away installs it again, and nobody is ill any more."""
        self._away = dict.fromkeys(self._away, 0)
        self._come_back()
        self._ill = dict.fromkeys(self._ill, 0)
        self._get_well()

    def _come_back(self) -> None:
        for login, left in list(self._away.items()):
            self._away[login] = left - 1
            if left <= 0:
                del self._away[login]
                self.do("install", {"account": login})

    def _get_well(self) -> None:
        for pk, left in list(self._ill.items()):
            self._ill[pk] = left - 1
            if left <= 0:
                del self._ill[pk]
                for one in self.repositories():
                    if one["id"] == pk:
                        where = {"repository": one["full_name"]}
                        self.do("repositories/ail", where | WELL)
                        self.do("repositories/block", where | {"reason": None})

    # What there is to work on.

    def inventory(self) -> dict[str, Any]:
        """Installations and repositories; asked for again only once they may have changed."""
        if self._inventory is None:
            self._inventory = self.sim.ask("inventory")
        return self._inventory

    def repositories(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.inventory()["repositories"]
        return found

    def repository(self) -> dict[str, Any]:
        """One of them."""
        return self.random.choice(self.repositories())

    def contents(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """One of them; and its `refs`, and the numbers of its `issues` and `pulls`."""
        one = self.repository()
        return one, self.sim.ask("inventory", repository=one["id"])

    def with_issues(self) -> str:
        """The name of a repository that takes issues."""
        found = [one for one in self.repositories() if one["has_issues"]]
        return str(self.random.choice(found)["full_name"])

    def item(self, *, pull: bool | None = None) -> dict[str, Any]:
        """Where an issue or a pull request is: `repository` and `number`."""
        one, inside = self.contents()
        numbers = {
            None: inside["issues"] + inside["pulls"],
            True: inside["pulls"],
            False: inside["issues"],
        }[pull]
        if not numbers:
            raise SimError("nothing there")
        return {"repository": one["full_name"], "number": self.random.choice(numbers)}

    def thing(self, kind: str) -> Any:
        """One of the `comments`, `releases` … of a repository, as the inventory names them."""
        found = self.contents()[1][kind]
        if not found:
            raise SimError("nothing there")
        return self.random.choice(found)

    def words(self, what: str) -> str:
        self._serial += 1
        return f"{what} {self._serial} {self.random.choice(['ünïcode', '🙂', 'plain', '«»'])}"

    def do(self, call: str, body: dict[str, Any]) -> Any:
        if not call.startswith(_INSIDE):
            self._inventory = None
        return self.sim.control(call, body)

    def push(self, *, force: bool = False) -> None:
        one, inside = self.contents()
        refs = inside["refs"]
        branches = [n.removeprefix("refs/heads/") for n in refs if n.startswith("refs/heads/")]
        branch = self.random.choice([*branches, one["default_branch"]])
        body: dict[str, Any] = {"repository": one["full_name"], "branch": branch}
        body["count"] = self.random.randint(1, 4)
        if force and refs:
            body |= {"force": True, "start": self.random.choice(list(refs.values()))}
        self.do("push", body)

    def force_push_pull(self) -> None:
        """The branch of an open pull request is put elsewhere, and work goes on from there."""
        one, inside = self.contents()
        heads = [name for name in inside["heads"] if f"refs/heads/{name}" in inside["refs"]]
        heads = [name for name in heads if name != one["default_branch"]]
        if not heads:
            raise SimError("nothing there")
        start = inside["refs"].get(f"refs/heads/{one['default_branch']}")
        where = {"repository": one["full_name"], "branch": self.random.choice(heads)}
        self.do("push", where | {"force": True, "start": start, "count": self.random.randint(1, 3)})

    def move_tag(self) -> None:
        """To what another ref points at."""
        one, inside = self.contents()
        tags = [name for name in inside["refs"] if name.startswith("refs/tags/")]
        if not tags:
            raise SimError("nothing there")
        where = {"repository": one["full_name"], "ref": self.random.choice(tags)}
        self.do("refs/set", where | {"sha": self.random.choice(list(inside["refs"].values()))})

    def ref(self) -> None:
        one = self.repository()
        kind = self.random.choice(["heads", "tags"])
        self.do(
            "refs/set",
            {"repository": one["full_name"], "ref": f"refs/{kind}/x{self.random.randint(1, 30)}"},
        )

    def delete_ref(self) -> None:
        one, inside = self.contents()
        others = [n for n in inside["refs"] if n != f"refs/heads/{one['default_branch']}"]
        if others:
            where = {"repository": one["full_name"], "ref": self.random.choice(others)}
            self.do("refs/delete", where)

    def edit_files(self) -> None:
        """A readme, a licence or a CODEOWNERS, in one of the places for it, or gone from there."""
        one = self.repository()
        folder = self.random.choice([".github/", "", "docs/"])
        path, text = self.random.choice(
            [
                (f"{folder}README.md", self.words("# Read")),
                (f"{folder}readme", self.words("Read")),
                ("LICENSE", self.random.choice(["MIT License\n", "Apache License\n", "Mine\n"])),
                ("COPYING.md", "GNU General Public License\n"),
                (
                    f"{folder}CODEOWNERS",
                    f"# {self.words('Rules')}\n* @{self.random.choice(self.people)} # all\n"
                    "*.py @acme/core docs@a.example\n!no @x\ndocs/ someone\nnobody/\n",
                ),
            ]
        )
        files = {path: None if self.random.random() < 0.25 else text}
        self.do("push", {"repository": one["full_name"], "commits": [{"files": files}]})

    def annotate(self) -> None:
        """An annotated tag, perhaps where there was another, perhaps of another one."""
        one, inside = self.contents()
        where = {"repository": one["full_name"], "tag": f"a{self.random.randint(1, 8)}"}
        tags = [sha for name, sha in inside["refs"].items() if name.startswith("refs/tags/")]
        if tags and self.random.random() < 0.3:
            where["sha"] = self.random.choice(tags)
        signed = self.random.random() < 0.3
        self.do("tags/create", where | {"message": self.words("Tagged"), "signed": signed})

    def default_branch(self) -> None:
        one, inside = self.contents()
        found = [n for n in inside["refs"] if n.startswith("refs/heads/")]
        if not found:
            raise SimError("an empty repository")
        branch = self.random.choice(found).removeprefix("refs/heads/")
        where = {"repository": one["full_name"], "branch": branch}
        self.do("repositories/default-branch", where)

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
        """Whether comments keep their ids is documented nowhere: the mirror copes with both."""
        moving = self.item(pull=False) | {"to": self.with_issues()}
        self.do("issues/transfer", moving | {"new_comments": self.random.random() < 0.5})

    def transfer_repository(self) -> None:
        """To another account: out of one installation, into another."""
        name = self.repository()["full_name"]
        others = [login for login in self.owners if login != name.partition("/")[0]]
        new_owner = self.random.choice(others)
        self.do("repositories/transfer", {"repository": name, "new_owner": new_owner})

    def membership(self) -> None:
        """A repository leaves the installation, or one that had left comes back."""
        name = self.repository()["full_name"]
        call = self.random.choice(["installation/add", "installation/remove"])
        self.do(call, self._installation_of(name) | {"repositories": [name]})

    def reinstall(self) -> None:
        """An account takes the App away, and installs it again some operations later."""
        login = self.random.choice(self.owners)
        self.do("uninstall", self._installation_of(f"{login}/"))
        self._away[login] = self.random.randint(0, 20)

    def _installation_of(self, full_name: str) -> dict[str, Any]:
        login = full_name.partition("/")[0]
        for one in self.inventory()["installations"]:
            if one["account"] == login:
                return {"installation_id": one["id"]}
        raise SimError(f"{login} took the App away")

    def create_repository(self) -> None:
        if len(self.repositories()) >= self._most:
            raise SimError("enough of them")
        owner = self.random.choice(self.owners)
        name = f"new-{self.random.randint(1, 10**6)}"
        self.do("repositories/create", {"owner": owner, "name": name})
        self.do("push", {"repository": f"{owner}/{name}", "count": 2})

    def fork(self) -> None:
        """By somebody who has no App; as any repository it may be deleted or made private."""
        if len(self.repositories()) >= self._most + 3:
            raise SimError("enough of them")
        where = {"repository": self.repository()["full_name"]}
        self.do("repositories/fork", where | {"sender": self.random.choice(self.people)})

    def reuse_name(self) -> None:
        """A repository is renamed, and a new one takes its name: whoever goes by names reads it."""
        if len(self.repositories()) >= self._most:
            raise SimError("enough of them")
        owner, _, name = self.repository()["full_name"].partition("/")
        old = f"old-{self.random.randint(1, 10**6)}"
        self.do("repositories/edit", {"repository": f"{owner}/{name}", "name": old})
        self.do("repositories/create", {"owner": owner, "name": name})
        self.do("push", {"repository": f"{owner}/{name}", "count": 2})
        self.do("push", {"repository": f"{owner}/{old}"})

    def ail(self) -> None:
        """GitHub refuses a repository, or does not answer for it, for some operations."""
        one = self.repository()
        where = {"repository": one["full_name"]}
        ailment = self.random.choice([*AILMENTS, None])
        if ailment is None:
            self.do("repositories/block", where | {"reason": "dmca"})
        else:
            self.do("repositories/ail", where | ailment)
        self._ill[one["id"]] = self.random.randint(1, 15)

    def push_uncountable(self) -> None:
        """A commit too large for GitHub to count its changes."""
        pushed = self.do("push", {"repository": self.repository()["full_name"]})
        self.uncountable.add(pushed["after"])
        self.do("commits/uncountable", {"shas": sorted(self.uncountable)})

    def many_labels(self) -> None:
        """More than GraphQL's page of old held; an issue has up to a hundred."""
        labels = [f"l{number:02d}" for number in range(self.random.randint(51, 100))]
        where = {"repository": self.with_issues(), "title": self.words("Labelled")}
        self.do("issues/open", where | {"labels": labels})

    def delete_repository(self) -> None:
        found = self.repositories()
        if len(found) <= self._most // 2:
            raise SimError("too few of them")
        self.do("repositories/delete", {"repository": self.random.choice(found)["full_name"]})

    def label_storm(self) -> None:
        """Many changes within a second or two, which a clock of whole seconds cannot order."""
        where = self.item()
        for _ in range(self.random.randint(2, 6)):
            chosen = self.random.sample(LABELS, self.random.randint(0, 3))
            self.do("issues/label", where | {"labels": chosen})

    def assign(self) -> None:
        people = self.random.sample(self.owners, self.random.randint(0, len(self.owners)))
        self.do("issues/assign", self.item() | {"assignees": people})

    def milestone(self) -> None:
        """A new one, given to an issue."""
        where = self.item()
        made = self.do(
            "milestones/create", {"repository": where["repository"], "title": self.words("M")}
        )
        self.do("issues/milestone", where | {"milestone": made["number"]})

    def rename_label(self) -> None:
        """Another name or colour for it, or none at all; no issue's clock moves."""
        where = {"repository": self.repository()["full_name"], "name": self.random.choice(LABELS)}
        change = self.random.choice(
            [
                {"new_name": f"{where['name']} {self.random.randint(1, 10**6)}"},
                {"color": f"{self.random.randrange(16**6):06x}"},
                None,
            ]
        )
        if change is None:
            self.do("labels/delete", where)
        else:
            self.do("labels/edit", where | change)

    def rename_milestone(self) -> None:
        where = {"repository": self.repository()["full_name"], "milestone": 1}
        if self.random.random() < 0.8:
            self.do("milestones/edit", where | {"title": self.words("M")})
        else:
            self.do("milestones/delete", where)

    def suspend(self) -> None:
        """Suspended for an operation or two, of which no webhook tells."""
        which = self._installation_of(self.random.choice(self.owners) + "/")
        self.do("suspend", which)
        try:
            OPERATIONS[self.random.choice(["open", "edit", "close", "push", "comment"])](self)
        except SimError:
            pass  # nothing there
        finally:
            self.do("unsuspend", which)


def _fan(sim: Sim, number: int) -> str:
    """Somebody who stars and reviews; one that an earlier storm made will do."""
    login = f"fan-{number}"
    try:
        sim.control("accounts/create", {"login": login})
    except SimError:
        pass  # there already
    return login


OPERATIONS: dict[str, Operation] = {
    **TALK,
    "open": lambda s: s.do(
        "issues/open", {"repository": s.with_issues(), "title": s.words("Issue")}
    ),
    "edit": lambda s: s.do(
        "issues/edit", s.item() | {"title": s.words("Title"), "body": s.words("B")}
    ),
    "close": lambda s: s.do("issues/close", s.item()),
    "close_as": lambda s: s.do(
        "issues/close",
        s.item(pull=False) | {"reason": s.random.choice(["not_planned", "duplicate"])},
    ),
    "reopen": lambda s: s.do("issues/reopen", s.item()),
    "lock": lambda s: s.do("issues/lock", s.item() | {"locked": s.random.random() < 0.5}),
    "comment": lambda s: s.do("issues/comment", s.item()),
    "delete": lambda s: s.do("issues/delete", s.item(pull=False)),
    "label_storm": Storm.label_storm,
    "assign": Storm.assign,
    "milestone": Storm.milestone,
    "rename_label": Storm.rename_label,
    "rename_milestone": Storm.rename_milestone,
    "transfer_issue": Storm.transfer_issue,
    "open_pull": lambda s: s.do("pulls/open", {"repository": s.repository()["full_name"]}),
    "draft": lambda s: s.do("pulls/draft", s.item(pull=True) | {"draft": s.random.random() < 0.5}),
    "merge": lambda s: s.do("pulls/merge", s.item(pull=True)),
    "push": Storm.push,
    "force_push": lambda s: s.push(force=True),
    "force_push_pull": Storm.force_push_pull,
    "move_tag": Storm.move_tag,
    "ref": Storm.ref,
    "edit_files": Storm.edit_files,
    "annotate": Storm.annotate,
    "delete_ref": Storm.delete_ref,
    "edit_repository": Storm.edit_repository,
    "create_repository": Storm.create_repository,
    "fork": Storm.fork,
    "reuse_name": Storm.reuse_name,
    "ail": Storm.ail,
    "many_labels": Storm.many_labels,
    "push_uncountable": Storm.push_uncountable,
    "delete_repository": Storm.delete_repository,
    "default_branch": Storm.default_branch,
    "transfer_repository": Storm.transfer_repository,
    "reinstall": Storm.reinstall,
    "membership": Storm.membership,
    "suspend": Storm.suspend,
}
WEIGHTS = {
    "open": 14, "edit": 14, "close": 7, "reopen": 4, "lock": 2, "comment": 7, "delete": 4,
    "label_storm": 7, "transfer_issue": 2, "open_pull": 6, "draft": 2, "merge": 4, "push": 16,
    "force_push": 4, "force_push_pull": 2, "move_tag": 1.5, "ref": 5, "delete_ref": 3,
    "edit_repository": 5,
    "create_repository": 1.5, "delete_repository": 1, "membership": 2, "suspend": 0.5,
    "default_branch": 1, "transfer_repository": 1, "reinstall": 0.3, "assign": 2, "milestone": 1,
    "rename_label": 1, "rename_milestone": 0.5, "close_as": 3, "reuse_name": 0.7, "ail": 1,
    "many_labels": 0.5, "push_uncountable": 1,
    "review": 4, "edit_comment": 3, "delete_comment": 2, "edit_review": 1, "dismiss_review": 1,
    "remark": 3, "reply": 2, "edit_remark": 1, "delete_remark": 1, "resolve": 2, "request": 2,
    "unrequest": 1, "release": 3, "publish": 2, "edit_release": 1, "delete_release": 1,
    "unpublish": 0.3, "upload": 1, "delete_asset": 0.5, "star": 3, "unstar": 2, "star_again": 1,
    "react": 1,
    "create_label": 1, "close_milestone": 0.7, "mention": 3, "link": 1, "comment_commit": 2,
    "edit_commit_comment": 0.7, "delete_commit_comment": 0.7, "fork": 1, "watch": 1.5, "unwatch": 1,
    "edit_files": 3, "annotate": 2,
    "split": 4, "block": 3,
}  # fmt: skip
