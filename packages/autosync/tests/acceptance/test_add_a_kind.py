"""A stranger follows docs/how-to/add-a-kind.md word for word, in a copy of the tree: three kinds
are imported, heard of, deleted, seen again, audited and shown, and no other file was touched.
"""

from __future__ import annotations

import hmac
import json
import re
import shlex
import shutil
import subprocess
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from githubsim.testing import Sim
from tests import template
from tests.commands import shared
from tests.service import ROOT, SECRET, Service, free_port, hook_url, let_audits_be
from tests.waiting import Told, eventually

PAGE = "docs/how-to/add-a-kind.md"
_FILE = re.compile(r"`(packages/\S+\.py)`:\n\n```python\n(.*?)^```$", re.M | re.S)
_COMMANDS = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)
KINDS = "packages/autosync/src/autosync/kinds"
MIGRATIONS = "packages/autosync/src/autosync/mirror/migrations"
NAMES = ("repository_collaborator", "team", "team_member")
GENERATED = ("docs/openapi.json", "docs/reference/kinds.md")


def files() -> dict[str, str]:
    """The files that the page shows, by path, in its order."""
    return dict(_FILE.findall((ROOT / PAGE).read_text()))


def commands() -> list[str]:
    """What the page says to type, in its order."""
    blocks = _COMMANDS.findall((ROOT / PAGE).read_text())
    return [line for block in blocks for line in block.splitlines() if line.strip()]


class Copy(Service):
    """AutoSync from a copy of the tree."""

    def __init__(self, sim: Sim, port: int, tree: Path) -> None:
        packages = [tree / "packages" / name / "src" for name in ("autosync", "githubsim")]
        path = ":".join(map(str, packages))
        super().__init__(
            sim, port, AUTOSYNC_SYNC_INTERVAL="59", AUTOSYNC_PURGE_AFTER="30", PYTHONPATH=path
        )
        self.tree = tree

    def type(self, command: str) -> str:
        """Run a line of the page as a shell does, with this environment's programs."""
        line, _, file = command.partition(" > ")
        program, *arguments = shlex.split(line)
        if program == ".venv/bin/python":
            assert arguments.pop(0) == "-m"
            program = arguments.pop(0)
        elif program == "./manage.py":
            program = f"{self.tree}/manage.py"
        done = shared()(program.removeprefix("./"), arguments, self.tree, self.environment)
        if file:
            (self.tree / file).write_text(done.out)
        said = done.out + done.err
        # The doctor's word is not its exit code: this machine's GitHub lacks what it names.
        assert done.code == 0 or "doctor" in command, f"{command}: {said}"
        assert "Traceback" not in said, said
        return said


@dataclass
class Stage:
    """The copy with its three kinds, running against a GitHub."""

    sim: Sim
    service: Copy
    tree: Path
    repository: str
    token: str

    @property
    def organization(self) -> str:
        return self.repository.split("/")[0]

    def act(self, path: str, **body: Any) -> Any:
        """Do something at GitHub; its webhooks are sent before this returns."""
        body = {"organization": self.organization, "repository": self.repository, **body}
        found = self.sim.control(path, body)
        assert self.sim.control("webhooks/wait", {"timeout": 60})["delivered"]
        return found

    def github(self, path: str) -> Any:
        """What GitHub has there, for one of the organisation's people."""
        asked = urllib.request.Request(
            self.sim.url + path, headers={"Authorization": f"Bearer {self.token}"}
        )
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return json.loads(answer.read())

    def becomes(self, sql: str, wanted: list[list[Any]]) -> None:
        said = Told(lambda: f"{sql}: {wanted}, not {self.service.query(sql)}")
        eventually(lambda: self.service.query(sql) == wanted, said)

    def equals_github(self) -> None:
        """All three tables have what GitHub has."""
        org = f"/orgs/{self.organization}/teams"
        teams = self.github(f"{org}?per_page=100")
        self.becomes(
            "SELECT id, name, slug, description, privacy, parent_id, html_url, account "
            "FROM github.teams ORDER BY id",
            [
                [
                    *(
                        one["id"],
                        one["name"],
                        one["slug"],
                        one["description"] or "",
                        one["privacy"],
                    ),
                    *((one["parent"] or {}).get("id"), one["html_url"], self.organization),
                ]
                for one in sorted(teams, key=lambda one: one["id"])
            ],
        )
        members = [
            [team["id"], one["id"], one["login"], role]
            for team in teams
            for role in ("member", "maintainer")
            for one in self.github(f"{org}/{team['slug']}/members?per_page=100&role={role}")
        ]
        self.becomes(
            "SELECT team_id, user_id, user_login, role FROM github.team_members ORDER BY 1, 2",
            sorted(members),
        )
        people = self.github(f"/repos/{self.repository}/collaborators?per_page=100")
        self.becomes(
            "SELECT user_id, user_login, permission FROM github.repository_collaborators "
            "ORDER BY 1",
            sorted([one["id"], one["login"], one["role_name"]] for one in people),
        )

    def changed_files(self) -> list[str]:
        """What git says of the copy: a mark and a path each."""
        said = subprocess.run(
            ["git", "status", "--short", "--untracked-files=all"],
            cwd=self.tree, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        return sorted(said.splitlines())


def copied(folder: Path) -> Path:
    """The tree as it is, also what is not committed, with a history of its own."""
    tree = folder / "tree"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True,
    ).stdout.decode()  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tree / name)
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "-m", "before"]):
        names = ["-c", "user.name=A stranger", "-c", "user.email=stranger@example.com"]
        subprocess.run(["git", *names, *command], cwd=tree, check=True, capture_output=True)
    return tree


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    port = free_port()
    tree = copied(tmp_path_factory.mktemp("stranger"))
    make, migrate, *_ = commands()
    with Sim(
        repositories=1, commits=20, issues=4, pulls=2,
        webhook_url=hook_url(port), webhook_secret=SECRET, install=False,
    ) as sim:  # fmt: skip
        service = Copy(sim, port, tree)
        # A mirror that is there already, and is older than the kinds.
        template.copy_to(Path(service.environment["AUTOSYNC_DATA_DIR"]))
        for path, code in files().items():
            assert not (tree / path).exists(), f"{path} is a kind by now: show another one"
            assert len(code.splitlines()) <= 40
            (tree / path).write_text(code)
            service.type(make)
        service.type(migrate)
        repository = sim.truth()["repositories"][0]["full_name"]
        people = sim.truth(accounts=1)["accounts"]
        login = next(one["login"] for one in people if one["type"] == "User")
        token = sim.control("token", {"login": login})["token"]
        stage = Stage(sim, service, tree, repository, token)
        sim.control("accounts/create", {"login": "passer-by"})
        with service:
            sim.control("install")
            stage.becomes("SELECT count(*) = count(imported_at) FROM repositories", [[True]])
            yield stage


def test_no_other_file_was_touched(stage: Stage) -> None:
    touched = [line for line in stage.changed_files() if line[3:] not in GENERATED]
    kinds = [f"?? {KINDS}/{name}.py" for name in NAMES]
    assert touched[:3] == kinds
    assert len(touched) == 6
    assert all(line.startswith(f"?? {MIGRATIONS}/") for line in touched[3:])


def test_what_was_there_is_imported(stage: Stage) -> None:
    stage.becomes("SELECT count(*) > 3 FROM github.teams", [[True]])
    stage.equals_github()
    states = "SELECT resource, state, error FROM account_cursors ORDER BY 1"
    stage.becomes(states, [["team", "complete", ""], ["team_member", "complete", ""]])


def test_webhooks_come_and_go_and_come_again(stage: Stage) -> None:
    """Deleted and returned: who left a team is on it again."""
    team = stage.act("teams/create", name="Night Shift")
    who = stage.act("teams/join", team="night-shift", login=_somebody(stage))["id"]
    stage.act("teams/edit", team="night-shift", description="While others sleep.")
    stage.act("collaborators/add", login="passer-by", permission="push")
    applied = (
        "SELECT count(*) FROM inbox WHERE status = 'applied' AND touched::text LIKE '%written%' "
        "AND event IN ('team', 'membership', 'member')"
    )
    stage.becomes(applied, [[4]])
    stage.equals_github()
    here = f"SELECT deleted_at IS NULL FROM team_members WHERE team_id = {team['id']}"
    stage.act("teams/leave", team="night-shift", login=_somebody(stage))
    stage.becomes(here, [[False]])
    stage.act("teams/join", team="night-shift", login=_somebody(stage))
    stage.becomes(here, [[True]])
    stage.equals_github()
    stage.act("teams/delete", team="night-shift")
    stage.becomes(here, [[False]])
    why = f"SELECT gone_because FROM team_members WHERE user_id = {who} AND team_id = {team['id']}"
    stage.becomes(why, [["parent"]])
    stage.becomes(f"SELECT gone_because FROM teams WHERE github_id = {team['id']}", [["deleted"]])
    # Should the webhook be lost, the next sync sees that there is one less, if that is no lag.
    stage.service.execute(
        "UPDATE repository_collaborators SET observed_at = observed_at - interval '1 minute'"
    )
    stage.sim.control("webhooks", {"on": False})
    stage.act("collaborators/remove", login="passer-by")
    stage.sim.control("webhooks", {"on": True})
    stage.service.run("manage.py", "sync_github", "--force")
    stage.equals_github()
    gone = "SELECT user_login, gone_because FROM repository_collaborators"
    stage.becomes(f"{gone} WHERE deleted_at IS NOT NULL", [["passer-by", "deleted"]])


def test_an_event_that_names_no_organisation_is_that_of_its_installation(stage: Stage) -> None:
    team = stage.github(f"/orgs/{stage.organization}/teams/platform")
    [[installation]] = stage.service.query("SELECT github_id FROM installations")
    payload = {"action": "edited", "installation": {"id": installation}, "team": team}
    body = json.dumps(payload).encode()
    signature = hmac.new(SECRET.encode(), body, "sha256").hexdigest()
    guid = str(uuid.uuid4())
    told = urllib.request.Request(
        hook_url(stage.service.port),
        body,
        {
            "Content-Type": "application/json",
            "X-GitHub-Event": "team",
            "X-GitHub-Delivery": guid,
            "X-Hub-Signature-256": f"sha256={signature}",
        },
    )
    with urllib.request.urlopen(told, timeout=30) as answer:
        assert answer.status < 300
    written = f"touched::text LIKE '%{team['id']}%'"
    fate = f"SELECT status, error, {written} FROM inbox WHERE guid = '{guid}'"
    stage.becomes(fate, [["applied", "", True]])


def _somebody(stage: Stage) -> str:
    people = stage.github(f"/orgs/{stage.organization}/members")
    return str(people[-1]["login"])


def test_an_audit_finds_and_heals_broken_rows(stage: Stage) -> None:
    """Also rows that are deleted here and not at GitHub, which return."""
    # What is still to be asked for again after the events would heal them first.
    let_audits_be(stage.service)
    for table in ("teams", "team_members", "repository_collaborators"):
        stage.service.execute(f"UPDATE {table} SET dirty_at = NULL")
    asked = "task_name LIKE '%sync_account' AND status IN ('todo', 'doing')"
    stage.becomes(f"SELECT count(*) FROM procrastinate_jobs WHERE {asked}", [[0]])
    long_ago = "observed_at = now() - interval '1 hour'"
    for sql in (
        f"UPDATE teams SET name = 'wrong', {long_ago} WHERE slug = 'platform'",
        f"UPDATE teams SET deleted_at = now() - interval '1 hour', gone_because = 'deleted', "
        f"{long_ago} WHERE slug = 'docs'",
        f"UPDATE team_members SET role = 'wrong', {long_ago} WHERE id = "
        "(SELECT min(id) FROM team_members WHERE deleted_at IS NULL)",
        "DELETE FROM team_members WHERE id = "
        "(SELECT max(id) FROM team_members WHERE deleted_at IS NULL)",
        "INSERT INTO team_members "
        "(account_id, team_id, user_id, user_login, role, observed_at, gone_because) "
        "SELECT account_id, github_id, 1, 'nobody', 'member', now() - interval '1 hour', '' "
        "FROM teams WHERE slug = 'platform'",
        f"UPDATE repository_collaborators SET permission = 'wrong', {long_ago} WHERE id = "
        "(SELECT min(id) FROM repository_collaborators WHERE deleted_at IS NULL)",
    ):
        stage.service.execute(sql)
    said = stage.service.run("autosync", "audit", check=False).stdout
    found = stage.service.query(
        "SELECT resource, problem, repaired FROM audit_findings "
        "WHERE audit_id = (SELECT max(id) FROM audits) ORDER BY 1, 2"
    )
    assert found == [
        ["repository_collaborator", "stale", True],
        ["team", "missing", True],
        ["team", "stale", True],
        ["team_member", "missing", True],
        ["team_member", "stale", True],
        ["team_member", "surplus", True],
    ], said
    stage.equals_github()
    assert "0 objects differed" in stage.service.run("autosync", "audit").stdout


def test_the_api_lists_and_shows_them(stage: Stage) -> None:
    teams = stage.service.get(f"/api/teams/?account={stage.organization}&search=plat")["items"]
    assert [one["slug"] for one in teams] == ["platform"]
    number = teams[0]["account"]["id"]
    assert teams[0]["account"] == {"id": number, "login": stage.organization}
    assert stage.service.get(f"/api/teams/{teams[0]['id']}/") == teams[0]
    assert stage.service.get("/api/teams/?account=nobody")["items"] == []
    members = stage.service.get(f"/api/team-members/?team_id={teams[0]['id']}&account={number}")
    at_github = stage.github(f"/orgs/{stage.organization}/teams/platform/members")
    assert {one["user_login"] for one in members["items"]} == {one["login"] for one in at_github}
    first = members["items"][0]
    assert stage.service.get(f"/api/team-members/{first['id']}/") == first
    mine = f"/api/repository-collaborators/?repository={stage.repository}&permission=admin"
    people = stage.service.get(mine)["items"]
    assert {one["permission"] for one in people} == {"admin"}
    assert people[0]["repository"]["full_name"] == stage.repository


def test_the_generated_pages_describe_them(stage: Stage) -> None:
    for line in commands():
        if ">" in line or "kinds show" in line:
            stage.service.type(line)
    page = (stage.tree / "docs/reference/kinds.md").read_text()
    for table in ("repository_collaborators", "teams", "team_members"):
        assert f"\n## {table}\n" in page
        assert f"- View: `github.{table}`" in page
    assert "- Permissions of the App: `members` (read)\n- Events: `membership`" in page
    assert "| `account` | varchar(255) | The organisation's login. |" in page
    paths = json.loads((stage.tree / "docs/openapi.json").read_text())["paths"]
    assert {"/api/teams/", "/api/team-members/{key}/", "/api/repository-collaborators/"} <= set(
        paths
    )
    changed = [line for line in stage.changed_files() if not line.startswith("??")]
    assert changed == [f" M {path}" for path in GENERATED]


def test_what_is_not_granted_is_said_and_kept_and_filled_later(stage: Stage) -> None:
    before = stage.service.query("SELECT count(*) FROM github.team_members")
    stage.act("installation/permissions", permissions={"members": None})
    why = "SELECT resource, unavailable FROM account_cursors ORDER BY 1"
    stage.becomes(why, [["team", "permission"], ["team_member", "permission"]])
    assert stage.service.query("SELECT count(*) FROM github.team_members") == before
    assert re.search(r"members", stage.service.type("./autosync doctor"))
    reasons = stage.service.get("/api/sync/health/")["reasons"]
    assert any(f"does not show teams of {stage.organization}" in one for one in reasons)
    stage.service.execute("DELETE FROM team_members")
    stage.act("installation/permissions", permissions={"members": "read"})
    stage.becomes(why, [["team", ""], ["team_member", ""]])
    stage.equals_github()


def test_reinstalling_the_app_keeps_them_until_they_are_purged(stage: Stage) -> None:
    [[count]] = stage.service.query("SELECT count(*) FROM github.teams")
    stage.act("uninstall")
    stage.becomes("SELECT count(*) FROM github.teams", [[0]])
    assert stage.service.get("/api/teams/")["items"] == []
    assert stage.service.query("SELECT count(*) FROM teams WHERE deleted_at IS NULL") == [[count]]
    stage.act("install")
    stage.becomes("SELECT count(*) FROM github.teams", [[count]])
    stage.equals_github()
    stage.act("uninstall")
    stage.becomes("SELECT count(*) FROM installations WHERE deleted_at IS NULL", [[0]])
    long_ago = "now() - interval '40 days'"
    stage.service.execute(f"UPDATE installations SET deleted_at = {long_ago}")
    stage.service.execute(f"UPDATE teams SET observed_at = {long_ago}")
    stage.service.execute(f"UPDATE team_members SET observed_at = {long_ago}")
    purge = "from autosync.sync.purge import purge_gone; purge_gone()"
    stage.service.run("manage.py", "shell", "-c", purge)
    for table in ("teams", "team_members", "account_cursors"):
        assert stage.service.query(f"SELECT count(*) FROM {table}") == [[0]]
