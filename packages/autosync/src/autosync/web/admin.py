"""Django admin: every table to look at; changed are only AutoSync's own switches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db import models
from django.http import HttpRequest

from autosync.kinds import TABLES, Derived
from autosync.kinds import _columns as gh
from autosync.kinds import _shown as shown
from autosync.mirror.inbox import with_guid
from autosync.models import (
    AccountCursor,
    Audit,
    AuditFinding,
    Contributor,
    Delivery,
    FeedEvent,
    GitHubAppInstallation,
    PageSize,
    QuotaBudget,
    Repository,
    ResourceCursor,
    SyncJob,
    SyncJobRepository,
    UnreadObject,
)
from autosync.sync import WebhookProcessor

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin[Any]
    _Inline = admin.TabularInline[SyncJobRepository, SyncJob]
else:
    _ModelAdmin, _Inline = admin.ModelAdmin, admin.TabularInline


class ReadOnlyAdmin(_ModelAdmin):
    """Rows come from GitHub through one door; a person's edit would be undone by the next event."""

    show_full_result_count = False  # counting millions of commits takes seconds
    list_per_page = 50
    editable: tuple[str, ...] = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(self.editable) and super().has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [f.name for f in self.model._meta.fields if f.name not in self.editable]


@admin.register(GitHubAppInstallation)
class InstallationAdmin(ReadOnlyAdmin):
    list_display = ("account_login", "github_id", "suspended_at", "deleted_at", "sync_error")
    search_fields = ("account_login",)


@admin.register(Repository)
class RepositoryAdmin(ReadOnlyAdmin):
    editable = ("auto_sync_enabled",)
    list_display = ("full_name", "installation", "sync_state", "auto_sync_enabled", "removed_at")
    list_filter = ("sync_state", "auto_sync_enabled", "private", "archived", "webhook_configured")
    list_select_related = ("installation",)
    search_fields = ("full_name",)


class _OfRepositoryAdmin(ReadOnlyAdmin):
    list_select_related = ("repository",)


def register(kind: Derived, site: admin.AdminSite = admin.site) -> None:
    """Show a declared kind, with the columns and filters of its declaration."""
    shows = [one.field.name for one in shown.on_pages(kind)]
    filters = [one.field for one in shown.filters(kind)]
    few = (models.BooleanField, gh.Word)  # whose values fit into a list of links
    people = [f"={one.name}" for one in filters if isinstance(one, gh.ActorLogin)]
    home = "account_id" if kind.of_account else "repository"
    how = {
        "list_display": (*shows[:2], home, *shows[2:]),
        "list_filter": tuple(one.name for one in filters if isinstance(one, few)),
        "search_fields": (*shown.lists(kind).search, *people),
    }
    base = ReadOnlyAdmin if kind.of_account else _OfRepositoryAdmin
    site.register(kind.model, type(f"{kind.model.__name__}Admin", (base,), how))


for _kind in TABLES.values():
    register(_kind)


@admin.register(Contributor)
class ContributorAdmin(_OfRepositoryAdmin):
    list_display = ("identity", "name", "repository", "contributions", "last_commit_at")
    search_fields = ("login", "name", "email")


class _PartsInline(_Inline):
    model = SyncJobRepository
    fields = readonly_fields = ("repository", "status", "rows", "error", "completed_at")
    can_delete = False
    max_num = 0


@admin.register(SyncJob)
class SyncJobAdmin(ReadOnlyAdmin):
    list_display = ("id", "job_type", "status", "installation", "started_at", "errors_count")
    list_filter = ("job_type", "status")
    list_select_related = ("installation",)
    inlines = (_PartsInline,)


@admin.register(Audit)
class AuditAdmin(ReadOnlyAdmin):
    list_display = ("started_at", "installation", "repositories", "equal", "found", "repaired")
    list_select_related = ("installation",)


@admin.register(AuditFinding)
class AuditFindingAdmin(_OfRepositoryAdmin):
    list_display = ("repository", "resource", "object_key", "problem", "repaired", "cause")
    list_filter = ("resource", "problem", "repaired")


@admin.register(ResourceCursor)
class ResourceCursorAdmin(_OfRepositoryAdmin):
    list_display = ("resource", "repository", "state", "done", "total", "watermark")
    list_filter = ("resource", "state")


@admin.register(AccountCursor)
class AccountCursorAdmin(ReadOnlyAdmin):
    list_display = ("resource", "account_id", "state", "done", "watermark", "unavailable")
    list_filter = ("resource", "state", "unavailable")


@admin.register(PageSize)
class PageSizeAdmin(_OfRepositoryAdmin):
    list_display = ("name", "repository", "size", "too_heavy", "changed_at")


@admin.register(UnreadObject)
class UnreadObjectAdmin(_OfRepositoryAdmin):
    list_display = ("resource", "key", "repository", "reason", "first_at", "tried_at")
    list_filter = ("resource",)


@admin.register(QuotaBudget)
class QuotaBudgetAdmin(ReadOnlyAdmin):
    list_display = ("installation_id", "resource", "remaining", "limit", "reset_at", "spent")


@admin.register(FeedEvent)
class FeedEventAdmin(ReadOnlyAdmin):
    list_display = ("at", "kind", "action", "repository_id", "title", "actor")
    list_filter = ("kind",)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ("guid", "event", "action", "status", "attempts", "received_at")
    list_filter = ("status", "event")
    search_fields = ("guid",)  # as a whole: the box is there, the search is ours
    exclude = ("body", "headers")
    actions = ("replay",)

    def get_queryset(self, request: HttpRequest) -> models.QuerySet[Any]:
        return super().get_queryset(request).defer("body", "headers")

    def get_search_results(
        self, request: HttpRequest, queryset: models.QuerySet[Any], search_term: str
    ) -> tuple[models.QuerySet[Any], bool]:
        """By GUID, through its own table: the inbox has no index for it."""
        guid = search_term.strip().replace("\x00", "")
        return (queryset.filter(with_guid(guid)) if guid else queryset), False

    @admin.action(description="Apply again", permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> None:
        """Harmless for what was applied: newer rows stay."""
        count = WebhookProcessor.replay(list(queryset.values_list("pk", flat=True)))
        messages.success(request, f"Deliveries to be applied again: {count}.")

    def has_replay_permission(self, request: HttpRequest) -> bool:
        """As on the dashboard: staff may."""
        return bool(request.user.is_staff)
