"""Read the mirror: installations, repositories and what they hold."""

from __future__ import annotations

from typing import Any, Literal, TypeVar

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from ninja import Query, Router
from ninja.errors import HttpError
from pydantic import Field

from autosync.api.pages import Moment, Page, PageQuery, Text, page
from autosync.api.schemas import (
    CommitFileOut,
    CommitOut,
    ContributorOut,
    InstallationOut,
    IssueOut,
    Problem,
    PullRequestOut,
    RepositoryDetailOut,
    RepositoryOut,
)
from autosync.insight import again, ailing
from autosync.models import (
    Commit,
    CommitFile,
    Contributor,
    GitHubAppInstallation,
    Issue,
    PullRequest,
    Repository,
)
from autosync.storable import BIGGEST_ID

router = Router(tags=["mirror"])
Row = TypeVar("Row", bound=Model)


class OfRepository(PageQuery):
    """Lists of rows that belong to repositories."""

    repository: Text | None = Field(None, description="GitHub's id or the full name `owner/name`")
    installation: int | None = Field(None, ge=1, le=BIGGEST_ID)


class OfAccount(PageQuery):
    """Lists of rows that belong to organisations."""

    account: Text | None = Field(None, description="GitHub's id or the login")


class InstallationQuery(PageQuery):
    order: Literal["id", "-id", "account_login", "-account_login"] = "id"
    suspended: bool | None = None


class RepositoryQuery(PageQuery):
    order: Literal[
        "full_name", "-full_name", "pushed_at", "-pushed_at", "last_synced_at", "-last_synced_at",
        "stargazers_count", "-stargazers_count", "id", "-id",
    ] = "full_name"  # fmt: skip
    installation: int | None = Field(None, ge=1, le=BIGGEST_ID)
    state: Literal["pending", "importing", "synced", "failed"] | None = Field(
        None, description="the mirror's state"
    )
    language: Text | None = None
    archived: bool | None = None
    search: Text | None = Field(None, description="part of the full name or the description")


class CommitQuery(OfRepository):
    order: Literal["committed_at", "-committed_at"] = "-committed_at"
    author: Text | None = Field(None, description="the whole login, e-mail address or name")
    on_default_branch: bool | None = None
    since: Moment | None = Field(None, description="committed at or after")
    until: Moment | None = Field(None, description="committed before")
    search: Text | None = Field(None, description="part of the message, or the start of the SHA")


class CommitFileQuery(PageQuery):
    order: Literal["position", "-position"] = "position"
    repository: Text = Field(description="GitHub's id or the full name `owner/name`")
    commit: Text = Field(description="the whole SHA")


class IssueQuery(OfRepository):
    order: Literal[
        "updated_at", "-updated_at", "created_at", "-created_at", "number", "-number"
    ] = "-updated_at"
    state: Literal["open", "closed"] | None = None
    author: Text | None = Field(None, description="login")
    assignee: Text | None = Field(None, description="login")
    label: list[Text] = Field([], description="repeat it: rows must have all of them")
    milestone: Text | None = Field(None, description="title")
    since: Moment | None = Field(None, description="updated at or after")
    until: Moment | None = Field(None, description="updated before")
    search: Text | None = Field(None, description="part of the title")


class PullRequestQuery(IssueQuery):
    state: Literal["open", "closed", "merged"] | None = Field(  # type: ignore[assignment]
        None, description="closed includes merged"
    )
    draft: bool | None = None
    base: Text | None = Field(None, description="base branch")
    head: Text | None = Field(None, description="head branch")


class ContributorQuery(OfRepository):
    order: Literal[
        "contributions", "-contributions", "last_commit_at", "-last_commit_at"
    ] = "-contributions"  # fmt: skip
    search: Text | None = Field(None, description="part of the login, the name or the e-mail")


PROBLEMS = {401: Problem, 403: Problem, 422: Problem}


@router.get("/installations/", response={200: Page[InstallationOut], **PROBLEMS})
def list_installations(request: HttpRequest, query: Query[InstallationQuery]) -> dict[str, Any]:
    """Installations of the App."""
    rows: QuerySet[GitHubAppInstallation] = GitHubAppInstallation.live.all()
    if query.suspended is not None:
        rows = rows.filter(suspended_at__isnull=not query.suspended)
    return page(rows, query, query.order, InstallationOut.of)


@router.get("/repositories/", response={200: Page[RepositoryOut], **PROBLEMS})
def list_repositories(request: HttpRequest, query: Query[RepositoryQuery]) -> dict[str, Any]:
    """Repositories that AutoSync may see."""
    rows = Repository.visible()
    if query.installation is not None:
        rows = rows.filter(installation_id=query.installation)
    if query.state is not None:
        rows = rows.filter(sync_state=query.state)
    if query.language is not None:
        rows = rows.filter(language__iexact=query.language)
    if query.archived is not None:
        rows = rows.filter(archived=query.archived)
    if query.search:
        rows = rows.filter(
            Q(full_name__icontains=query.search) | Q(description__icontains=query.search)
        )
    return page(rows, query, query.order, RepositoryOut.of)


@router.get(
    "/repositories/{int:repository_id}/",
    response={200: RepositoryDetailOut, **PROBLEMS, 404: Problem},
)
def get_repository(request: HttpRequest, repository_id: int) -> RepositoryDetailOut:
    """One repository, by GitHub's id, with what GitHub does not show and what is not known yet."""
    found = visible_repository(repository_id)
    unavailable = ailing.unavailable([repository_id]).get(repository_id, [])
    read_again = again.of_repositories([repository_id]).get(repository_id, [])
    return RepositoryDetailOut.with_unavailable(found, unavailable, read_again)


@router.get("/commits/", response={200: Page[CommitOut], **PROBLEMS, 404: Problem})
def list_commits(request: HttpRequest, query: Query[CommitQuery]) -> dict[str, Any]:
    """Commits, newest first."""
    rows = of_repositories(Commit.live.all(), query)
    if query.author is not None:
        rows = rows.filter(
            Q(author_login__iexact=query.author)
            | Q(author_email__iexact=query.author)
            | Q(author_name__iexact=query.author)
        )
    if query.on_default_branch is not None:
        rows = rows.filter(on_default_branch=query.on_default_branch)
    rows = _between(rows, "committed_at", query)
    if query.search:
        rows = rows.filter(
            Q(message__icontains=query.search) | Q(sha__startswith=query.search.lower())
        )
    return page(rows, query, query.order, CommitOut.of)


@router.get("/commit-files/", response={200: Page[CommitFileOut], **PROBLEMS, 404: Problem})
def list_commit_files(request: HttpRequest, query: Query[CommitFileQuery]) -> dict[str, Any]:
    """The files that one commit changed, in git's order."""
    repository = visible_repository(query.repository)
    found = Commit.live.filter(repository=repository, sha=query.commit.lower()).first()
    if found is None:
        raise HttpError(404, f"{repository.full_name} has no commit {query.commit!r} here.")
    if found.files_at is None:
        raise HttpError(
            404,
            f"The files of commit {found.sha[:10]} are not read: git is read soon after a push, "
            "and not for files where the repository is larger than AUTOSYNC_COMMIT_FILES.",
        )
    return page(CommitFile.objects.filter(commit=found), query, query.order, CommitFileOut.of)


@router.get("/issues/", response={200: Page[IssueOut], **PROBLEMS, 404: Problem})
def list_issues(request: HttpRequest, query: Query[IssueQuery]) -> dict[str, Any]:
    """Issues, last changed first. Pull requests have their own list."""
    rows = _like_issues(of_repositories(Issue.live.all(), query), query)
    if query.state is not None:
        rows = rows.filter(state=query.state)
    return page(rows, query, query.order, IssueOut.of)


@router.get("/pull-requests/", response={200: Page[PullRequestOut], **PROBLEMS, 404: Problem})
def list_pull_requests(request: HttpRequest, query: Query[PullRequestQuery]) -> dict[str, Any]:
    """Pull requests, last changed first."""
    rows = _like_issues(of_repositories(PullRequest.live.all(), query), query)
    if query.state == "merged":
        rows = rows.filter(merged=True)
    elif query.state is not None:
        rows = rows.filter(state=query.state)
    if query.draft is not None:
        rows = rows.filter(draft=query.draft)
    if query.base is not None:
        rows = rows.filter(base_ref=query.base)
    if query.head is not None:
        rows = rows.filter(head_ref=query.head)
    return page(rows, query, query.order, PullRequestOut.of)


@router.get("/contributors/", response={200: Page[ContributorOut], **PROBLEMS, 404: Problem})
def list_contributors(request: HttpRequest, query: Query[ContributorQuery]) -> dict[str, Any]:
    """Who wrote the default branches, most commits first; one row per repository and person."""
    rows = of_repositories(Contributor.objects.all(), query)
    if query.search:
        rows = rows.filter(
            Q(login__icontains=query.search)
            | Q(name__icontains=query.search)
            | Q(email__icontains=query.search)
        )
    return page(rows, query, query.order, ContributorOut.of)


def visible_repository(key: int | str) -> Repository:
    """The repository of GitHub's id or full name (any case); HttpError 404 if there is none."""
    rows = Repository.visible().select_related("installation")
    text = str(key)
    # A repository's full name has a slash, an id has none.
    wanted = (
        Q(full_name__iexact=text) if "/" in text else Q(pk=int(text) if text.isdecimal() else 0)
    )
    # A name may be taken again before the old repository's rename is known: the newest has it.
    found = rows.filter(wanted).order_by("-pk").first()
    if found is None:
        raise HttpError(
            404,
            f"Repository {text!r} is not mirrored: it is unknown, was deleted, or the App may no "
            "longer see it. See /api/repositories/.",
        )
    return found


def of_repositories(rows: QuerySet[Row], query: OfRepository) -> QuerySet[Row]:
    """Rows of the repository asked for, or of all that may be shown."""
    rows = rows.select_related("repository")
    if query.repository is not None:
        wanted = visible_repository(query.repository)
        rows = rows.filter(repository_id=wanted.pk)
        if query.installation is not None and wanted.installation_id != query.installation:
            rows = rows.none()
        return rows
    visible = Repository.visible()
    if query.installation is not None:
        visible = visible.filter(installation_id=query.installation)
    # As a list: PostgreSQL then walks the date's index and filters, instead of joining first.
    return rows.filter(repository_id__in=list(visible.values_list("pk", flat=True)))


def _like_issues(rows: QuerySet[Row], query: IssueQuery) -> QuerySet[Row]:
    """The filters that issues and pull requests share."""
    if query.author is not None:
        rows = rows.filter(author_login__iexact=query.author)
    if query.assignee is not None:
        rows = rows.filter(assignees__contains=[query.assignee])
    for label in query.label:
        rows = rows.filter(labels__contains=[{"name": label}])
    if query.milestone is not None:
        rows = rows.filter(milestone=query.milestone)
    if query.search:
        rows = rows.filter(title__icontains=query.search)
    return _between(rows, "updated_at", query)


def _between(rows: QuerySet[Row], clock: str, query: CommitQuery | IssueQuery) -> QuerySet[Row]:
    if query.since is not None:
        rows = rows.filter(**{f"{clock}__gte": query.since})
    if query.until is not None:
        rows = rows.filter(**{f"{clock}__lt": query.until})
    return rows
