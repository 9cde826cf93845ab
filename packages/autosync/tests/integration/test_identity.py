"""Names are reused: nothing is stored under an id before GitHub says that it is that id's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.utils import timezone

from autosync import config
from autosync.github import ForeignURL, GitReader, InstallationClient, Moved, UnexpectedReply
from autosync.kinds import listed_resources
from autosync.mirror.models import Commit, FeedEvent, GitHubAppInstallation, Ref, Repository
from autosync.sync import WebhookProcessor
from autosync.sync.audit import Auditor
from autosync.sync.commits import sync_commits
from autosync.sync.identity import fetched
from autosync.sync.listing import sync_listing
from autosync.sync.rest_listing import sync_rest
from githubsim.testing import Sim
from tests.integration.test_apply import deliver
from tests.integration.test_backfill import begin

pytestmark = pytest.mark.django_db(transaction=True)
Mirror = tuple[Sim, InstallationClient, Repository]


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    with Sim(repositories=1, commits=6, issues=0, pulls=0, install=False, people=0) as sim:
        client, here = begin(sim)
        Repository.objects.filter(pk=here.pk).update(default_branch="main")
        sync_commits(here, client, lambda: None)
        for resource in listed_resources():
            read = sync_listing if resource.rest is None else sync_rest
            read(resource, here, client, lambda: None)
        yield sim, client, here


def reuse_the_name(sim: Sim, here: Repository) -> tuple[str, str]:
    """The repository gets another name and its old one goes to a stranger; nobody is told."""
    owner, name = here.full_name.split("/")
    sim.control("repositories/edit", {"repository": here.full_name, "name": f"{name}-old"})
    sim.control("repositories/create", {"owner": owner, "name": name})
    stranger = {"repository": here.full_name, "branch": "main", "commits": [{"message": "FOREIGN"}]}
    own = {"repository": f"{here.full_name}-old", "branch": "main", "commits": [{"message": "OWN"}]}
    return sim.control("push", stranger)["after"], sim.control("push", own)["after"]


def test_git_of_a_reused_name_is_not_stored_under_the_old_id(mirror: Mirror) -> None:
    sim, client, here = mirror
    before = set(Commit.objects.values_list("sha", flat=True))
    foreign, own = reuse_the_name(sim, here)
    sync_commits(here, client, lambda: None)
    assert set(Commit.objects.values_list("sha", flat=True)) == before | {own}
    assert not Commit.objects.filter(orphaned_at__isnull=False).exists()
    assert Ref.objects.get(name="main").sha == own
    here.refresh_from_db()
    assert here.full_name.endswith("-old")
    assert here.audit_due_at is not None
    cache = config.load().data_dir / "git" / f"{here.pk}.git"
    assert GitReader(cache, "file:///nowhere", str).known([foreign, own]) == [own]


def test_two_repositories_may_swap_their_names(mirror: Mirror) -> None:
    sim, client, here = mirror
    owner, name = here.full_name.split("/")
    made = sim.control("repositories/create", {"owner": owner, "name": "other"})
    sim.control("push", {"repository": f"{owner}/other", "branch": "main"})
    other = Repository.objects.create(
        pk=made["id"],
        node_id=made["node_id"],
        installation_id=here.installation_id,
        full_name=f"{owner}/other",
        default_branch="main",
        observed_at=timezone.now(),
    )
    sync_commits(other, client, lambda: None)
    before = {pk: shas(pk) for pk in (here.pk, other.pk)}
    for old, new in ((name, "between"), ("other", name), ("between", "other")):
        sim.control("repositories/edit", {"repository": f"{owner}/{old}", "name": new})
    for repository in (here, other):
        sync_commits(repository, client, lambda: None)
    assert {pk: shas(pk) for pk in before} == before
    assert Repository.objects.get(pk=here.pk).full_name == f"{owner}/other"
    assert Repository.objects.get(pk=other.pk).full_name == f"{owner}/{name}"


def shas(repository_id: int) -> set[str]:
    found = Commit.objects.filter(repository=repository_id, orphaned_at__isnull=True)
    return set(found.values_list("sha", flat=True))


def test_a_renamed_repository_keeps_its_cache_and_is_read_under_its_new_name(
    mirror: Mirror,
) -> None:
    sim, client, here = mirror
    cache = config.load().data_dir / "git" / f"{here.pk}.git"
    made = cache.stat().st_ino
    old = here.full_name
    sim.control("repositories/edit", {"repository": old, "name": "renamed"})
    pushed = sim.control("push", {"repository": f"{old.split('/')[0]}/renamed", "branch": "main"})
    with pytest.raises(Moved):
        GitReader(cache, f"{sim.url}/{old}.git", client.token).ls_remote()
    sync_commits(here, client, lambda: None)
    assert Ref.objects.get(name="main").sha == pushed["after"]
    assert cache.stat().st_ino == made


def test_what_did_not_move_costs_no_request(mirror: Mirror) -> None:
    sim, client, here = mirror
    sim.ask("requests", clear=1)
    sync_commits(here, client, lambda: None)
    assert "GET /repositories/{repository_id}" not in sim.requests()["endpoints"]
    sim.control("push", {"repository": here.full_name, "branch": "main"})
    sync_commits(here, client, lambda: None)
    assert (
        sum(
            sum(statuses.values())
            for endpoint, statuses in sim.requests()["endpoints"].items()
            if "repositor" in endpoint or endpoint.startswith("GET /repos")
        )
        == 1
    )


def test_an_audit_removes_what_was_stored_while_names_were_trusted(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    sim, client, here = mirror
    own = shas(here.pk)
    monkeypatch.setattr("autosync.connect.installation_client", lambda *_: client)
    past = timezone.now() - timedelta(hours=1)
    for sha, orphaned in (("f" * 40, past), ("e" * 40, None)):
        Commit.objects.create(
            repository=here, sha=sha, committed_at=past, observed_at=past, complete=True,
            orphaned_at=orphaned, on_default_branch=orphaned is None,
        )  # fmt: skip
        FeedEvent.objects.create(
            repository_id=here.pk, kind="commit", action="pushed", object_key=sha
        )
    forced = sim.control("push", {"repository": here.full_name, "branch": "aside"})["after"]
    sync_commits(here, client, lambda: None)
    sim.control("refs/delete", {"repository": here.full_name, "ref": "refs/heads/aside"})
    sync_commits(here, client, lambda: None)
    Commit.objects.update(observed_at=past)
    Repository.objects.update(imported_at=past)
    audit = Auditor(GitHubAppInstallation.objects.get(), deep=True).run()
    assert (audit.found, audit.repaired) == (2, 2)
    assert shas(here.pk) == own
    assert Commit.objects.get(sha=forced).orphaned_at is not None, "GitHub keeps it, and so do we"
    assert not FeedEvent.objects.filter(object_key__in=["f" * 40, "e" * 40]).exists()


def about(here: Repository, **repository: Any) -> dict[str, Any]:
    owner, name = here.full_name.split("/")
    return {
        "installation": {"id": here.installation_id},
        "repository": {
            "id": here.pk,
            "node_id": here.node_id,
            "name": name,
            "full_name": here.full_name,
            "owner": {"login": owner, "id": 1},
            "default_branch": "main",
            "clone_url": f"https://github.com/{here.full_name}.git",
            "html_url": f"https://github.com/{here.full_name}",
            **repository,
        },
        "ref": "refs/heads/topic",
        "ref_type": "branch",
    }


@pytest.mark.parametrize(("seconds", "name"), [(5, "acme/new"), (0, "acme/new"), (-5, "acme/old")])
def test_every_event_brings_the_name_unless_it_is_older(seconds: int, name: str) -> None:
    GitHubAppInstallation.objects.create(pk=1, observed_at=timezone.now())
    clock = timezone.now() - timedelta(hours=1)
    here = Repository.objects.create(
        pk=7, installation_id=1, full_name="acme/old", updated_at=clock, observed_at=clock
    )
    at = (clock + timedelta(seconds=seconds)).isoformat()
    payload = about(here, name="new", full_name="acme/new", updated_at=at)
    deliver("create", payload, "one")
    WebhookProcessor().drain()
    here.refresh_from_db()
    assert here.full_name == name


def test_a_name_without_a_clock_is_asked_about() -> None:
    GitHubAppInstallation.objects.create(pk=1, observed_at=timezone.now())
    here = Repository.objects.create(
        pk=7, installation_id=1, full_name="acme/old", observed_at=timezone.now()
    )
    deliver("create", about(here, full_name="acme/new"), "one")
    WebhookProcessor().drain()
    here.refresh_from_db()
    assert (here.full_name, here.dirty_at is not None) == ("acme/old", True)


class _Stranger(BaseHTTPRequestHandler):
    """Another host: it keeps what it is shown, and sends everybody where `onward` says."""

    shown: list[str]
    onward = ""

    def do_GET(self) -> None:
        type(self).shown.append(f"{self.path} {self.headers.get('Authorization', '')}")
        self.send_response(302 if self.onward else 404)
        if self.onward:
            self.send_header("Location", self.onward + self.path)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def strangers() -> Iterator[list[tuple[str, type[_Stranger]]]]:
    made = []
    for _ in range(2):
        handler = type("Stranger", (_Stranger,), {"shown": []})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        made.append((server, handler))
    yield [(f"http://127.0.0.1:{server.server_port}", handler) for server, handler in made]
    for server, _ in made:
        server.shutdown()
        server.server_close()


ADDRESSES = [
    "{stranger}/acme/r.git",
    "{home}@{host}/acme/r.git",
    "http://x-access-token:x@{host}/r.git",
    "HTTP://{host}/r.git",
    "ssh://{host}/r.git",
    "git://{host}/r.git",
    "ext::curl {stranger}/r.git",
    "file:///etc",
    "-c http.proxy={stranger}",
    "--upload-pack=curl {stranger}",
]


def test_no_payload_makes_anybody_else_see_a_token(
    mirror: Mirror, strangers: list[tuple[str, type[_Stranger]]]
) -> None:
    sim, client, here = mirror
    url, stranger = strangers[0]
    for number, address in enumerate(ADDRESSES):
        said = address.format(stranger=url, host=url.removeprefix("http://"), home=sim.url)
        sim.control("push", {"repository": here.full_name, "branch": f"topic-{number}"})
        later = (timezone.now() + timedelta(seconds=number + 1)).isoformat()
        keys = ("clone_url", "html_url", "url", "git_url", "ssh_url", "svn_url")
        urls = dict.fromkeys(keys, said)
        renamed = about(here, updated_at=later, **urls) | {"action": "renamed"}
        deliver("repository", renamed, f"renamed-{number}")
        WebhookProcessor().drain()
        here.refresh_from_db()
        assert here.clone_url == said, "mirrored as it was said, never used"
        sync_commits(here, client, lambda: None)
        assert Ref.objects.filter(name=f"topic-{number}").exists(), "read from where it is"
    assert stranger.shown == []


def test_no_full_name_leads_anywhere_else(
    mirror: Mirror, strangers: list[tuple[str, type[_Stranger]]]
) -> None:
    _, client, here = mirror
    url, stranger = strangers[0]
    for name in ("{host}/r", "acme@{host}/r", "../{host}", "-c/http.proxy={host}"):
        here.full_name = name.format(host=url.removeprefix("http://"))
        with pytest.raises(UnexpectedReply, match="not the name of a repository"):
            fetched(here, client)
    assert stranger.shown == []


def test_a_redirect_takes_no_token_along(
    strangers: list[tuple[str, type[_Stranger]]], tmp_path: Any
) -> None:
    (first, redirecting), (second, behind) = strangers
    redirecting.onward = second
    reader = GitReader(tmp_path / "1.git", f"{first}/acme/r.git", lambda: "ghs_secret", home=first)
    for read in (reader.ls_remote, reader.sync):
        with pytest.raises(Moved):
            read()
    assert all("Basic" in line for line in redirecting.shown)
    assert behind.shown == []


def test_neither_link_nor_redirect_of_the_api_takes_a_token_along(
    mirror: Mirror, strangers: list[tuple[str, type[_Stranger]]]
) -> None:
    _, client, _ = mirror
    url, stranger = strangers[0]
    for address in (url, f"{client.api_url}@{url.removeprefix('http://')}", url.upper()):
        with pytest.raises(ForeignURL):
            client.get(f"{address}/installation/repositories".replace("HTTP://", "http://"))
    assert stranger.shown == []
