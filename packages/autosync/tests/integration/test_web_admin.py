"""Django admin: every table opens, and only AutoSync's own switch can be turned."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.test import Client, RequestFactory
from django.urls import reverse

from autosync.kinds import KINDS, TABLES
from autosync.mirror import models
from autosync.mirror.models import Delivery, Repository, SyncJob, SyncJobRepository
from autosync.web.admin import register
from tests.integration import throwaway
from tests.integration.api_rows import commit, delivery, issue, pull_request, repository

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("ada"))
    return client


OURS = [model for model in admin.site._registry if model.__module__.startswith("autosync")]


def test_the_models_users_know_are_there() -> None:
    names = {model.__name__ for model in OURS}
    assert names >= {
        "GitHubAppInstallation", "Repository", "Commit", "Issue", "PullRequest", "Contributor",
        "SyncJob", "Delivery",
    }  # fmt: skip
    assert names >= {kind.model.__name__ for kind in KINDS.values()}
    assert names - {kind.model.__name__ for kind in TABLES.values()} <= set(models.__all__)


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_every_table_opens_and_is_searched(staff: Client, model: type[models.Repository]) -> None:
    here = repository()
    commit(here)
    issue(here)
    pull_request(here)
    delivery()
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    assert staff.get(url).status_code == 200
    assert staff.get(url, {"q": "acme"}).status_code == 200
    for row in model._default_manager.all()[:1]:
        page = reverse(
            f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[row.pk]
        )
        assert staff.get(page).status_code == 200


def test_syncing_of_a_repository_is_switched_off_and_its_name_stays(staff: Client) -> None:
    here = repository("acme/rocket")
    url = reverse("admin:mirror_repository_change", args=[here.pk])
    assert staff.post(url, {"full_name": "acme/other"}).status_code == 302
    here.refresh_from_db()
    assert (here.full_name, here.auto_sync_enabled) == ("acme/rocket", False)


def test_what_comes_from_github_is_not_edited(staff: Client) -> None:
    found = issue(repository(), title="As on GitHub")
    url = reverse("admin:mirror_issue_change", args=[found.pk])
    assert staff.post(url, {"title": "Mine"}).status_code == 403


def test_a_job_shows_its_repositories(staff: Client) -> None:
    job = SyncJob.objects.create(job_type=SyncJob.JobType.MANUAL_SYNC)
    SyncJobRepository.objects.create(job=job, repository=repository("acme/rocket"), error="broken")
    page = staff.get(reverse("admin:mirror_syncjob_change", args=[job.pk]))
    assert b"acme/rocket" in page.content
    assert b"broken" in page.content


def test_parked_deliveries_are_replayed(staff: Client) -> None:
    parked = delivery(status=Delivery.Status.PARKED)
    url = reverse("admin:mirror_delivery_changelist")
    staff.post(url, {"action": "replay", "_selected_action": [parked.pk]})
    parked.refresh_from_db()
    assert parked.status == Delivery.Status.PENDING
    assert Repository.objects.count() == 0


def test_a_declared_kind_is_shown_with_the_columns_and_filters_of_its_declaration(
    rf: RequestFactory,
) -> None:
    site = admin.AdminSite()
    with throwaway.declared() as kind:
        register(kind, site)
        here = repository("acme/rocket")
        throwaway.row(kind, here, body="In the list", author_login="ada")
        shown = site._registry[kind.model]
        assert shown.list_display[:4] == ("issue_number", "body", "repository", "state")
        assert shown.list_filter == ("state", "pinned")
        assert shown.search_fields == ("body", "=author_login")
        request = rf.get("/", {"q": "list"})
        request.user = User.objects.create_superuser("ada")
        assert [row.body for row in shown.get_changelist_instance(request).result_list] == [
            "In the list"
        ]
        assert not shown.has_add_permission(request)
        assert not shown.has_change_permission(request)
        assert not shown.has_delete_permission(request)


def test_issues_and_pull_requests_look_as_before() -> None:
    for model in (models.Issue, models.PullRequest):
        shown = admin.site._registry[model]
        assert shown.list_display == (
            "number", "title", "repository", "state", "author_login", "updated_at",
        )  # fmt: skip
        assert shown.list_filter == ("state",)
        assert shown.search_fields == ("title", "=author_login")
