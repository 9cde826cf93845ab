"""AUTOSYNC_KINDS: what it leaves out is not read, and heals when it is chosen again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from autosync.api import tokens
from autosync.api.kinds import LEFT_OUT
from autosync.insight import health, sql_views
from autosync.kinds import KINDS, handlers, left_out, listed_resources, mirrored
from autosync.kinds._permissions import permissions
from autosync.kinds.label import Label
from autosync.kinds.milestone import Milestone
from autosync.kinds.release import Release
from autosync.kinds.release_asset import ReleaseAsset
from autosync.mirror.models import KindLeftOut, Repository, ResourceCursor
from autosync.sync import SyncJobRunner, choice
from githubsim.receiver import Receiver
from githubsim.testing import Sim
from tests.chaos.there import forget_tokens
from tests.integration.engine import engine, forget_settings, period, run
from tests.integration.test_rest_kinds import Scene, query

pytestmark = pytest.mark.django_db(transaction=True)
OFF = [kind.name for kind in KINDS.values() if not kind.declared.default]
WITHOUT = "-label,-release,-review"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def sim(receiver: Receiver) -> Iterator[Sim]:
    with Sim(
        repositories=1, commits=8, issues=6, pulls=3, install=False, limits=False,
        webhook_url=receiver.url,
    ) as sim:  # fmt: skip
        yield sim


@contextmanager
def choosing(sim: Sim, kinds: str = "") -> Iterator[None]:
    """A worker that was started with this choice."""
    with pytest.MonkeyPatch.context() as patch, engine(sim, patch, AUTOSYNC_KINDS=kinds):
        if choice.settle():
            sql_views.bring_up_to_date()
        yield


@contextmanager
def chosen(kinds: str = "") -> Iterator[None]:
    """A process that was started with this choice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTOSYNC_KINDS", kinds)
        forget_settings()
        yield
    forget_settings()


def rows(model: Any) -> list[Any]:
    return list(model._default_manager.order_by("pk").values())


def test_a_kind_that_is_left_out_is_not_kept_up_says_so_and_heals_when_chosen_again(
    sim: Sim, receiver: Receiver
) -> None:
    forget_tokens()
    with choosing(sim):
        scene = Scene(sim, receiver)
        scene.equal()
        before = {model: rows(model) for model in (Label, Release, ReleaseAsset)}
    with choosing(sim, WITHOUT):
        assert set(left_out()) == {"label", "release", "release_asset", "review", *OFF}
        assert "release" not in handlers()
        assert {"label", "release"}.isdisjoint(one.name for one in listed_resources())
        assert {one.name for one in mirrored()} == KINDS.keys(), "their rows are purged with others"
        scene.do("labels/create", name="new")
        scene.do("labels/edit", name="bug", color="000000")
        scene.do("releases/delete", release_id=scene.release)
        scene.do("releases/create", tag="v3", assets=["b.zip"])
        scene.do("milestones/create", title="2.0")
        scene.deliver()
        period()
        scene.later()
        assert scene.audit() == []
        assert Milestone.objects.filter(title="2.0").exists(), "the others are kept up"
        for model, known in before.items():
            here = [{**one, "observed_at": None, "counted_at": None} for one in rows(model)]
            assert here == [{**one, "observed_at": None, "counted_at": None} for one in known]
        assert not ResourceCursor.objects.filter(resource__in=left_out()).exists()
        everywhere_is_said(scene)
        # A quiet sync is quiet: nothing of them waits.
        job = run(SyncJobRunner.start_periodic()[0])
        assert job.details["skipped"] + job.details["unchanged"] == 1
    with choosing(sim):
        assert not KindLeftOut.objects.exclude(name__in=OFF).exists()
        Repository.objects.update(last_synced_at=None)
        job = run(SyncJobRunner.start_periodic()[0])
        assert job.details["unchanged"] == 0
        scene.equal()
        assert not Release.live.filter(pk=scene.release).exists()
        assert "Not kept up" not in comment("labels")
        assert {one.kind for one in health.report().left_out} == set(OFF)


def test_what_rides_in_others_is_read_again_with_them(sim: Sim, receiver: Receiver) -> None:
    forget_tokens()
    with choosing(sim, "-release_asset"):
        scene = Scene(sim, receiver)
        assert not ReleaseAsset.objects.exists()
        assert Release.objects.exists()
    with choosing(sim):
        Repository.objects.update(last_synced_at=None)
        run(SyncJobRunner.start_periodic()[0])
        scene.equal()


def everywhere_is_said(scene: Scene) -> None:
    said = {one.kind: one for one in health.report().left_out}
    assert said.keys() == left_out().keys()
    assert said["label"].why == "AUTOSYNC_KINDS leaves it out"
    assert said["release_asset"].why == "it belongs to release, which is left out"
    assert all(one.since for one in said.values())
    assert "Not kept up: AUTOSYNC_KINDS leaves it out." in comment("labels")
    assert "Not kept up" not in comment("milestones")
    _, token = tokens.create("t", ["read"])
    client = Client(headers={"Authorization": f"Bearer {token}"})
    answer = client.get("/api/labels/")
    assert answer.json()["items"], "what is here stays"
    assert answer.headers[LEFT_OUT] == "label is not kept up: AUTOSYNC_KINDS leaves it out"
    assert LEFT_OUT in client.get(f"/api/releases/{scene.release}/").headers
    assert LEFT_OUT not in client.get("/api/milestones/").headers
    client.force_login(User.objects.create_superuser("boss"))
    says = "Not kept up: AUTOSYNC_KINDS leaves it out. What is here is of before that."
    page = f"/repositories/{scene.home.pk}/?tab="
    assert says in client.get(f"{page}labels").content.decode()
    assert says not in client.get(f"{page}milestones").content.decode()
    seen = client.get("/health/").content.decode()
    assert "release assets: it belongs to release, which is left out" in seen
    assert '<th scope="row">issue comments</th>' in seen


def comment(view: str) -> str:
    (found,) = query(f"SELECT obj_description('github.{view}'::regclass)")
    return str(found[0])


def test_names_alone_choose_these_and_what_programs_rely_on() -> None:
    with chosen("milestone,release_asset"):
        kept = KINDS.keys() - left_out().keys()
        assert kept == {"commit", "issue", "milestone", "pull_request", "ref"}
        assert left_out()["release_asset"] == "it belongs to release, which is left out"
        assert left_out()["label"] == "AUTOSYNC_KINDS does not name it"
        assert set(permissions()) == {"contents", "issues", "metadata", "pull_requests"}
    with chosen("release,release_asset"):
        assert KINDS.keys() - left_out().keys() >= {"issue", "release", "release_asset"}


def test_a_kind_that_is_off_by_default_is_added_by_its_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    costly = replace(KINDS["label"].declared, default=False)
    monkeypatch.setattr(KINDS["label"], "declared", costly)
    with chosen():
        assert left_out() == dict.fromkeys(
            ("label", *OFF), "it is off unless AUTOSYNC_KINDS adds it"
        )
    for choice_of_it in ("+label", "label,release"):
        with chosen(choice_of_it):
            assert "label" not in left_out()
    with chosen("+label,-milestone"):
        assert set(left_out()) == {"milestone", *OFF}


def test_only_what_somebody_chose_is_news_at_a_start(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    for kinds, told in (("", []), ("-label", ["label"])):
        caplog.clear()
        with chosen(kinds):
            choice.settle()
        said = [record.args[0] for record in caplog.records if "kept up:" in record.msg]
        assert said == told
