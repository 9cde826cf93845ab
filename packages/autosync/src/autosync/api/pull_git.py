"""Read what a pull request brings: its commits and files, as git has them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema
from ninja.errors import HttpError
from pydantic import Field

from autosync.api.mirror import PROBLEMS, visible_repository
from autosync.api.pages import Page, PageQuery, Text, page
from autosync.api.schemas import CommitFileOut, Problem
from autosync.models import PullRequest, PullRequestCommit, PullRequestFile
from autosync.storable import BIGGEST_INTEGER

router = Router(tags=["mirror"])


class OfPullRequest(PageQuery):
    order: Literal["position", "-position"] = "position"
    repository: Text = Field(description="GitHub's id or the full name `owner/name`")
    pull_request: int = Field(description="its number", ge=1, le=BIGGEST_INTEGER)


class PullRequestCommitOut(Schema):
    """A commit that a pull request brings: one that its head has and its base has not."""

    sha: str
    message: str
    author_name: str
    author_email: str
    authored_at: datetime
    committed_at: datetime

    @staticmethod
    def of(row: PullRequestCommit) -> PullRequestCommitOut:
        return PullRequestCommitOut(
            **{name: getattr(row, name) for name in PullRequestCommitOut.model_fields}
        )


class PullRequestFileOut(CommitFileOut):
    """A file that a pull request changes, from the merge base of its two branches to its head."""

    @staticmethod
    def of(row: Any) -> PullRequestFileOut:
        return PullRequestFileOut(
            **{name: getattr(row, name) for name in PullRequestFileOut.model_fields}
        )


@router.get(
    "/pull-request-commits/",
    response={200: Page[PullRequestCommitOut], **PROBLEMS, 404: Problem},
)
def list_pull_request_commits(request: HttpRequest, query: Query[OfPullRequest]) -> dict[str, Any]:
    """The commits that one pull request brings, the oldest first; 10,000 at most."""
    where = _read(query)
    return page(
        PullRequestCommit.objects.filter(**where), query, query.order, PullRequestCommitOut.of
    )


@router.get(
    "/pull-request-files/", response={200: Page[PullRequestFileOut], **PROBLEMS, 404: Problem}
)
def list_pull_request_files(request: HttpRequest, query: Query[OfPullRequest]) -> dict[str, Any]:
    """The files that one pull request changes, in git's order; 10,000 at most."""
    where = _read(query)
    return page(PullRequestFile.objects.filter(**where), query, query.order, PullRequestFileOut.of)


def _read(query: OfPullRequest) -> dict[str, Any]:
    """Where its rows are. HttpError 404 if it is not here, or was not read as it is now."""
    repository = visible_repository(query.repository)
    found = PullRequest.live.filter(repository=repository, number=query.pull_request).first()
    if found is None:
        raise HttpError(
            404, f"{repository.full_name} has no pull request #{query.pull_request} here."
        )
    if found.git_unknown:
        raise HttpError(404, f"What #{found.number} brings is not known: {found.git_unknown}")
    if (found.read_base_sha, found.read_head_sha) != (found.base_sha, found.head_sha):
        raise HttpError(
            404,
            f"The commits and files of #{found.number} are not read: git is read soon after its "
            "branch moves, and not where the repository is larger than AUTOSYNC_COMMIT_FILES.",
        )
    return {"repository": repository, "pull_request_number": found.number}
