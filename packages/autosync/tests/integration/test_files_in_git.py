"""What git tells beside commits and refs: annotated tags, and the files that GitHub looks for.

One scene, judged by an independent reader of GitHub and of the tables after each step.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from autosync import connect
from autosync.github import Priority
from autosync.github.files import FOLDERS
from autosync.github.graph_files import GraphFiles
from autosync.kinds import git_lists_later
from autosync.kinds.annotated_tag import AnnotatedTag
from autosync.kinds.codeowner import Codeowner
from autosync.kinds.license_file import LicenseFile
from autosync.kinds.readme import Readme
from autosync.mirror.models import GitHubAppInstallation, Repository, ResourceCursor
from autosync.sync import SyncJobRunner, purge
from autosync.sync.forget import forget
from autosync.sync.reconcile import GitHubSyncManager
from githubsim.receiver import Receiver
from githubsim.testing import Sim
from tests.chaos.here import children
from tests.chaos.there import forget_tokens, github
from tests.integration.engine import (
    apply_sent,
    asked,
    engine,
    forget_settings,
    heard,
    installed,
    period,
    query,
    run,
)

pytestmark = pytest.mark.django_db(transaction=True)
MODELS = (AnnotatedTag, Codeowner, LicenseFile, Readme)
TABLES = tuple(model._meta.db_table for model in MODELS)


class Scene:
    """A repository with something of each, mirrored."""

    def __init__(self, sim: Sim, receiver: Receiver) -> None:
        self.sim, self.receiver = sim, receiver
        (home,) = sim.truth()["repositories"]
        self.where = {"repository": home["full_name"]}
        self.pk: int = home["id"]
        self.push(**{"README.md": "# Hello\n", "LICENSE": "MIT License\n"})
        self.push(**{".github/CODEOWNERS": "* @ada\n"})
        self.do("tags/create", tag="one", message="The first")
        installed(sim)
        receiver.clear()

    def do(self, what: str, **more: Any) -> Any:
        return self.sim.control(what, {**self.where, **more})

    def push(self, **files: str | None) -> None:
        self.do("push", commits=[{"files": files}])

    def follow(self) -> None:
        """Apply what GitHub sent, and read git as the pushes ask for."""
        apply_sent(heard(self.sim, self.receiver))
        GitHubSyncManager(GitHubAppInstallation.objects.get()).sync_git(self.repository)

    @property
    def repository(self) -> Repository:
        return Repository.objects.get(pk=self.pk)

    def equal(self) -> None:
        """Every field of every row is as GitHub has it."""
        there, here = github(self.sim, None, TABLES), children(query)
        for name in TABLES:
            assert here[name] == there[name]


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    forget_tokens()
    with (
        Receiver() as receiver,
        Sim(
            repositories=1, commits=4, issues=1, pulls=1, install=False, limits=False,
            webhook_url=receiver.url,
        ) as sim,
        engine(sim, monkeypatch, AUTOSYNC_SKIP_RECENT="0"),
    ):  # fmt: skip
        yield Scene(sim, receiver)


def test_tags_and_files_are_imported_followed_deleted_and_return(scene: Scene) -> None:
    scene.equal()
    assert [model._default_manager.count() for model in MODELS] == [1, 1, 1, 1]
    made = scene.do("tags/create", tag="two", message="The second", signed=True)
    scene.do("tags/create", tag="three", sha=made["sha"], message="Of a tag")
    scene.push(**{".github/README.md": "# Nearer\n", "CODEOWNERS": "* @nobody-looks-here\n"})
    scene.follow()
    scene.equal()
    assert AnnotatedTag.live.filter(signed=True, message="The second").exists()
    assert AnnotatedTag.live.get(object_type="tag").object_sha == made["sha"]
    assert Readme.live.get().path == ".github/README.md"

    for name in ("two", "three"):
        scene.do("refs/delete", ref=f"refs/tags/{name}")
    scene.push(**{"LICENSE": None, ".github/README.md": None, ".github/CODEOWNERS": None})
    scene.follow()
    scene.equal()
    gone = AnnotatedTag.objects.get(sha=made["sha"])
    assert (gone.deleted_at is None, gone.message) == (False, ""), "its text goes at once"
    assert not LicenseFile.live.exists()
    assert LicenseFile.objects.get().content is None
    assert Readme.live.get().path == "README.md"

    scene.do("refs/set", ref="refs/tags/two", sha=made["sha"])
    scene.push(**{"LICENSE": "Apache License\n"})
    scene.follow()
    scene.equal()
    assert AnnotatedTag.live.get(sha=made["sha"]).message == "The second"
    period()
    assert scene.repository.license_key == "apache-2.0"
    assert query("SELECT key, spdx_id, path FROM github.licenses") == [
        ["apache-2.0", "Apache-2.0", "LICENSE"]
    ]


def test_a_quiet_day_costs_nothing_and_a_new_kind_is_read_without_a_fetch(scene: Scene) -> None:
    period()
    asked(scene.sim)
    run(SyncJobRunner.start_periodic()[0])
    quiet = asked(scene.sim)
    # As in a mirror that is older than these kinds.
    for model in MODELS:
        model._default_manager.all().delete()
    names = [kind.name for kind in git_lists_later()]
    ResourceCursor.objects.filter(resource__in=names).delete()
    run(SyncJobRunner.start_periodic()[0])
    assert asked(scene.sim) == quiet, "the clone has it all"
    scene.equal()
    asked(scene.sim)
    run(SyncJobRunner.start_periodic()[0])
    assert asked(scene.sim) == quiet


def test_files_of_a_clone_without_any_come_by_graphql_with_the_same_rows(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.push(
        **{
            "docs/README.rst": "not this one",
            "LICENSE": "Ünïcode 🙂\x01" * 60_000,
            ".github/CODEOWNERS": "* @a # why\n\n[x] @b\n/docs/ c\n*.md  @a/b  d@e.example",
        }
    )
    scene.follow()
    scene.equal()
    repository = scene.repository
    client = connect.installation_client(repository.installation_id, Priority.LIVE)
    whole = connect.git_reader(repository, client)
    assert whole.is_whole()
    other = GraphFiles(client, repository.node_id)
    head = whole.refs()[f"refs/heads/{repository.default_branch}"]
    mine, its = whole.names(head), other.names(head)
    assert {f: list(mine[f]) for f in FOLDERS} == {f: list(its[f]) for f in FOLDERS}
    wanted = {"README.md": 3, "LICENSE": 500 << 10, "docs": 9, ".github/CODEOWNERS": 10**6}
    assert whole.files(head, wanted) == other.files(head, wanted)
    rows = {model: list(model._default_manager.order_by("pk").values()) for model in MODELS}
    # The same by a clone that has none: rows stay as they are.
    whole.forget()
    monkeypatch.setenv("AUTOSYNC_COMMIT_FILES", "0")
    forget_settings()
    ResourceCursor.objects.filter(resource__in=[k.name for k in git_lists_later()]).delete()
    GitHubSyncManager(GitHubAppInstallation.objects.get()).sync_git(repository)
    assert not connect.git_reader(repository, client).is_whole()
    assert rows == {model: list(model._default_manager.order_by("pk").values()) for model in MODELS}


def test_who_made_a_tag_is_forgotten_and_a_purge_leaves_nothing(scene: Scene) -> None:
    login = scene.sim.control("accounts/create", {"login": "leaver", "name": "Lea Ver"})["login"]
    scene.do("tags/create", tag="hers", message="Mine", sender=login)
    scene.push(**{"CODEOWNERS": "* @leaver\n", ".github/CODEOWNERS": None})
    scene.do("push", commits=[{"files": {"README.md": "By @leaver\n"}, "author": login}])
    scene.follow()
    assert AnnotatedTag.live.filter(tagger_name="Lea Ver").exists()
    period()
    forget(login, settle=lambda: None, even_if_unknown=True)
    tag = AnnotatedTag.live.get(tag="hers")
    assert (tag.tagger_name, tag.tagger_email, tag.message) == ("", "", "")
    assert Codeowner.live.get().owners == "@ghost"
    assert "leaver" not in (Readme.live.get().content or "")
    scene.do("tags/create", tag="more", sender=login)
    scene.follow()
    assert not AnnotatedTag.objects.filter(tagger_name="Lea Ver").exists()
    scene.do("repositories/delete")
    apply_sent(heard(scene.sim, scene.receiver))
    purge.purge_repository(scene.pk, timezone.now() + timedelta(days=1))
    assert not any(model._default_manager.exists() for model in MODELS)
