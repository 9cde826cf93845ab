"""The shapes the API answers with, and how a row becomes one."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from ninja import Schema
from pydantic import Field

from autosync.insight.again import Again
from autosync.insight.ailing import Unavailable
from autosync.insight.jobs import RepositoryProgress
from autosync.models import (
    Commit,
    CommitFile,
    Contributor,
    Delivery,
    GitHubAppInstallation,
    Issue,
    PullRequest,
    Repository,
    SyncJob,
)


class Problem(Schema):
    """Every error of the API."""

    error: str = Field(description="what is wrong and what to do, in one line")


class InstallationOut(Schema):
    """One installation of the App."""

    id: int = Field(description="GitHub's installation id")
    account_login: str
    account_type: str = Field(description="Organization or User")
    repository_selection: str = Field(description="all or selected")
    permissions: dict[str, Any]
    events: list[str]
    suspended_at: datetime | None
    created_at: datetime | None
    repositories_listed_at: datetime | None
    sync_error: str

    @staticmethod
    def of(row: GitHubAppInstallation) -> InstallationOut:
        return InstallationOut(id=row.github_id, **_same(InstallationOut, row, "id"))


class RepositoryRef(Schema):
    """The repository a row belongs to."""

    id: int = Field(description="GitHub's repository id")
    full_name: str


class AccountRef(Schema):
    """The organisation a row belongs to."""

    id: int = Field(description="GitHub's id of the account")
    login: str


class RepositoryOut(Schema):
    """One repository and how far its mirror is."""

    id: int = Field(description="GitHub's repository id")
    installation_id: int
    full_name: str
    owner_login: str
    name: str
    description: str
    homepage: str
    language: str
    topics: list[str]
    visibility: str
    private: bool
    fork: bool
    archived: bool
    disabled: bool
    default_branch: str
    html_url: str
    license_key: str = Field(description="as mit; other if GitHub does not know it, empty if none")
    license_name: str
    license_spdx_id: str
    size: int = Field(description="KiB")
    stargazers_count: int
    forks_count: int
    created_at: datetime | None
    updated_at: datetime | None
    pushed_at: datetime | None
    equal_at: datetime | None = Field(
        description="when an audit found it equal to GitHub, or made it so"
    )
    auto_sync_enabled: bool
    webhook_configured: bool
    sync_state: str = Field(description="pending, importing, synced or failed")
    sync_error: str
    failing_since: datetime | None = Field(
        description="since when its syncs have failed; null if they do not"
    )
    retry_at: datetime | None = Field(description="its next attempt while it fails")
    imported_at: datetime | None = Field(description="when the first import was complete")
    last_synced_at: datetime | None

    @staticmethod
    def of(row: Repository) -> RepositoryOut:
        return RepositoryOut(id=row.github_id, **_same(RepositoryOut, row, "id"))


class UnavailableOut(Schema):
    """A kind of a repository that GitHub does not show. What is mirrored of it is kept."""

    resource: str = Field(description="commit, commit_detail, issue, pull_request or repository")
    reason: str = Field(description="off, permission, saml, ip_allow_list, blocked or refused")
    why: str = Field(description="the same in words")
    said: str = Field(description="what GitHub said")
    since: datetime | None
    advice: str = Field(description="what to do; empty if nothing")


class ReadAgainOut(Schema):
    """A kind of a repository that gained columns with an upgrade, and is being read again."""

    resource: str = Field(description="issue, pull_request and so on")
    done: int = Field(description="objects read so far")
    columns: list[str] = Field(description="null means unknown in these until all are read")


class RepositoryDetailOut(RepositoryOut):
    """One repository, with what GitHub does not show of it, and what is not known yet."""

    unavailable: list[UnavailableOut]
    read_again: list[ReadAgainOut]

    @staticmethod
    def with_unavailable(
        row: Repository, unavailable: list[Unavailable], read_again: list[Again]
    ) -> RepositoryDetailOut:
        return RepositoryDetailOut(
            **RepositoryOut.of(row).dict(),
            unavailable=[UnavailableOut(**asdict(one)) for one in unavailable],
            read_again=[ReadAgainOut(**asdict(one)) for one in read_again],
        )


class CommitOut(Schema):
    """One commit. `additions` and the like are null until GitHub was asked for them. If it cannot
    count them, they stay null, and `size_unknown` says why.
    """

    sha: str
    repository: RepositoryRef
    message: str
    author_name: str
    author_email: str
    author_login: str
    authored_at: datetime | None
    committer_name: str
    committer_email: str
    committed_at: datetime
    parents: list[str]
    on_default_branch: bool
    additions: int | None
    deletions: int | None
    changed_files: int | None
    size_unknown: str

    @staticmethod
    def of(row: Commit) -> CommitOut:
        return CommitOut(
            repository=repository_ref(row.repository), **_same(CommitOut, row, "repository")
        )


class CommitFileOut(Schema):
    """A file that a commit changed, against its first parent."""

    path: str = Field(description="a byte that is not UTF-8 is `\\\\xNN`")
    previous_path: str = Field(description="empty unless it was renamed")
    status: str = Field(description="added, removed, modified, renamed or changed")
    additions: int | None = Field(description="lines; null: binary")
    deletions: int | None = Field(description="lines; null: binary")

    @staticmethod
    def of(row: CommitFile) -> CommitFileOut:
        return CommitFileOut(**_same(CommitFileOut, row))


class Label(Schema):
    """A label as GitHub shows it."""

    name: str
    color: str = ""


class IssueOut(Schema):
    """One issue (never a pull request)."""

    id: int = Field(description="GitHub's issue id")
    repository: RepositoryRef
    number: int
    title: str
    body: str
    state: str = Field(description="open or closed")
    state_reason: str
    author_login: str
    labels: list[Label]
    assignees: list[str]
    milestone: str = Field(description="title")
    milestone_number: int | None
    comments_count: int
    locked: bool
    active_lock_reason: str | None = Field(
        description="off-topic, too heated, resolved or spam; null if nobody said"
    )
    author_association: str | None = Field(
        description="owner, member, contributor, none and so on; null if not read yet"
    )
    reactions: dict[str, int] | None = Field(
        description="how many chose each, when last looked at; null if not read yet"
    )
    html_url: str
    created_at: datetime
    updated_at: datetime | None
    closed_at: datetime | None

    @staticmethod
    def of(row: Issue) -> IssueOut:
        return IssueOut(
            id=row.github_issue_id,
            repository=repository_ref(row.repository),
            **_same(IssueOut, row, "id", "repository"),
        )


class PullRequestOut(Schema):
    """One pull request."""

    id: int = Field(description="GitHub's pull request id")
    repository: RepositoryRef
    number: int
    title: str
    body: str
    state: str = Field(description="open or closed; see `merged`")
    draft: bool
    merged: bool
    author_login: str
    base_ref: str
    base_sha: str
    head_ref: str
    head_sha: str
    head_repository: str = Field(description="full name; empty once the fork is gone")
    head_repository_id: int | None
    merge_commit_sha: str
    merged_by_login: str
    additions: int | None
    deletions: int | None
    changed_files: int | None
    commits_count: int | None
    comments_count: int
    labels: list[Label]
    assignees: list[str]
    milestone: str = Field(description="title")
    milestone_number: int | None
    locked: bool
    active_lock_reason: str | None = Field(
        description="off-topic, too heated, resolved or spam; null if nobody said"
    )
    author_association: str | None = Field(
        description="owner, member, contributor, none and so on; null if not read yet"
    )
    reactions: dict[str, int] | None = Field(
        description="how many chose each, when last looked at; null if not read yet"
    )
    maintainer_can_modify: bool | None = Field(description="null if not read yet")
    mergeable: bool | None = Field(
        description="without conflicts when last looked at; null if GitHub did not know"
    )
    auto_merge_method: str | None = Field(
        description="how it is merged once it may be: merge, squash or rebase; null if it is not"
    )
    auto_merge_by_id: int | None
    auto_merge_by_login: str | None
    merged_by_id: int | None
    html_url: str
    created_at: datetime
    updated_at: datetime | None
    closed_at: datetime | None
    merged_at: datetime | None

    @staticmethod
    def of(row: PullRequest) -> PullRequestOut:
        return PullRequestOut(
            id=row.github_id,
            repository=repository_ref(row.repository),
            **_same(PullRequestOut, row, "id", "repository"),
        )


class ContributorOut(Schema):
    """One person's commits on a repository's default branch."""

    repository: RepositoryRef
    github_user_id: int | None = Field(
        description="null if the e-mail address belongs to no account"
    )
    login: str
    name: str
    email: str
    contributions: int
    first_commit_at: datetime | None
    last_commit_at: datetime | None

    @staticmethod
    def of(row: Contributor) -> ContributorOut:
        return ContributorOut(
            repository=repository_ref(row.repository), **_same(ContributorOut, row, "repository")
        )


class JobOut(Schema):
    """One sync job."""

    id: int
    job_type: str = Field(description="auto_import, periodic_sync, manual_sync, webhook_triggered")
    status: str = Field(description="pending, running, completed, completed_with_errors or failed")
    installation_id: int | None = Field(description="null for every installation")
    installation: str = Field(description="the account's login")
    repositories_total: int
    repositories_processed: int
    progress_percent: int
    errors_count: int
    error_message: str
    details: dict[str, Any]
    created_at: datetime
    started_at: datetime | None
    completed_at: datetime | None
    duration_seconds: float | None

    @staticmethod
    def of(row: SyncJob) -> JobOut:
        return JobOut(**_job(row))


class StartedJob(JobOut):
    """The job a request started, or the one already under way that it joined."""

    joined: bool


class JobProgress(JobOut):
    """One sync job with each of its repositories and their resources."""

    repositories: list[RepositoryProgress]


def started(row: SyncJob, *, joined: bool) -> StartedJob:
    """The answer to a request that wanted a job."""
    return StartedJob(joined=joined, **_job(row))


def job_progress(row: SyncJob, repositories: list[RepositoryProgress]) -> JobProgress:
    """A job with all its parts."""
    return JobProgress(repositories=repositories, **_job(row))


class DeliveryOut(Schema):
    """One webhook delivery in the inbox."""

    id: int
    guid: str = Field(description="GitHub's X-GitHub-Delivery")
    event: str
    action: str
    installation_id: int | None
    repository_id: int | None
    source: str = Field(description="webhook, or delivery_log: read back from GitHub")
    status: str = Field(description="pending, applied, ignored or parked")
    attempts: int
    received_at: datetime
    next_attempt_at: datetime | None = Field(description="null once finished or parked")
    finished_at: datetime | None
    replays: int = Field(description="how often it was replayed")
    replayed_at: datetime | None
    error: str

    @staticmethod
    def of(row: Delivery) -> DeliveryOut:
        return DeliveryOut(**_delivery(row))


class TouchedRow(Schema):
    """One row of the mirror and what the delivery did to it."""

    table: str
    key: list[int | str] = Field(description="its key, as repository id and SHA of a commit")
    effect: str = Field(
        description="written, buried (the row got a tombstone), or kept (it was not newer)"
    )


class Touched(Schema):
    """The rows a delivery speaks of."""

    rows: list[TouchedRow]
    more: int = Field(description="rows not named here")


class DeliveryDetail(DeliveryOut):
    """A delivery with what GitHub sent, and the rows it was applied to."""

    touched: Touched | None = Field(description="null until it is applied")
    headers: dict[str, Any] = Field(description="without the signature")
    payload: Any = Field(description="the JSON document; null if it is not JSON")


class Replayed(Schema):
    """How many deliveries are to be applied again."""

    replayed: int


def _job(row: SyncJob) -> dict[str, Any]:
    return {
        "installation": row.installation.account_login if row.installation else "",
        **_same(JobOut, row, "installation"),
    }


def _delivery(row: Delivery) -> dict[str, Any]:
    waiting = row.status == Delivery.Status.PENDING
    return {
        "next_attempt_at": row.next_attempt_at if waiting else None,
        **_same(DeliveryOut, row, "next_attempt_at"),
    }


def delivery_detail(row: Delivery, payload: Any) -> DeliveryDetail:
    """A delivery with its decoded payload."""
    headers = {k: v for k, v in row.headers.items() if "signature" not in k.lower()}
    return DeliveryDetail(
        headers=headers, payload=payload, touched=_touched(row.touched), **_delivery(row)
    )


def _touched(kept: dict[str, Any] | None) -> Touched | None:
    if kept is None:
        return None
    rows = [TouchedRow(table=table, key=key, effect=effect) for table, key, effect in kept["rows"]]
    return Touched(rows=rows, more=kept["more"])


def repository_ref(row: Repository) -> RepositoryRef:
    return RepositoryRef(id=row.github_id, full_name=row.full_name)


def _same(shape: type[Schema], row: Any, *but: str) -> dict[str, Any]:
    """The attributes of `row` that `shape` has under the same name."""
    return {name: getattr(row, name) for name in shape.model_fields if name not in but}
