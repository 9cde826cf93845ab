"""What can go wrong with GitHub: each error says what happened, to whom, and what to do next.

No message ever holds a token, a key or a request body.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from autosync.errors import AutoSyncError

Resource = Literal["core", "graphql"]


class GitHubError(AutoSyncError):
    """GitHub did not do what was asked.

    `installation_id` is None or 0 for a call made as the App itself; `status` is the HTTP status
    or None when no answer came; `request_id` is GitHub's `x-github-request-id`, for its support.
    """

    advice = "Retry later; if it stays, look at the message."

    def __init__(
        self,
        what: str,
        *,
        installation_id: int | None = None,
        url: str = "",
        status: int | None = None,
        request_id: str = "",
    ) -> None:
        self.what = what
        self.installation_id = installation_id
        self.url = url
        self.status = status
        self.request_id = request_id
        super().__init__(str(self))

    def __str__(self) -> str:
        about: list[str] = []
        if self.installation_id is not None:
            number = self.installation_id
            about.append(f"installation {number}" if number else "the App itself")
        if self.url:
            about.append(self.url)
        if self.status is not None:
            about.append(f"status {self.status}")
        if self.request_id:
            about.append(f"request {self.request_id}")
        context = f" ({', '.join(about)})" if about else ""
        return f"{self.what}{context}. {self.advice}"


class NotFound(GitHubError):
    """404: deleted, renamed away, or no longer visible to this installation."""

    advice = "It is gone or the installation lost access; the next reconcile settles which."


class Moved(GitHubError):
    """git was redirected: the repository has another name by now. git must not follow."""

    advice = "The repository was renamed or transferred; its new name is asked for."


class Gone(GitHubError):
    """410: the feature is switched off (issues disabled) or the thing was deleted for good."""

    advice = "Nothing to fetch there; treat it as empty."


class Conflict(GitHubError):
    """409: mostly an empty repository, or a state which does not allow the call."""

    advice = "An empty repository has nothing to list; otherwise retry later."


class Unauthorized(GitHubError):
    """401, even with a fresh token."""

    advice = (
        "Check GITHUB_APP_ID (or client id), GITHUB_APP_PRIVATE_KEY, GITHUB_API_URL "
        "and this machine's clock."
    )


class Forbidden(GitHubError):
    """403 or 451 that is not a rate limit: a permission is missing or access is blocked."""

    advice = "Check the App's permissions and the organisation's access rules."


class InstallationSuspended(Forbidden):
    """403 on the token: the installation is suspended, nothing can be read until it is not."""

    advice = "Skip it until the installation.unsuspend event arrives."


class UnexpectedReply(GitHubError):
    """A 4xx without a meaning for AutoSync (422: a rejected argument)."""

    advice = "This is likely a defect in AutoSync or a change at GitHub; report it."


class UnsupportedVersion(GitHubError):
    """400 or 410: this GitHub does not know the version of the REST API, or no longer.

    https://docs.github.com/rest/about-the-rest-api/api-versions
    """

    advice = "Set GITHUB_API_VERSION to a version that this GitHub supports."


class ForeignURL(GitHubError):
    """An address outside GITHUB_API_URL: the token is never sent to another host."""

    advice = "Make GITHUB_API_URL the address that GitHub itself uses in its links."


class Unavailable(GitHubError):
    """5xx, a network error, a timeout or what is not JSON, still there after the retries."""

    advice = "GitHub or the network is down; the work is retried later."


class Unreadable(Unavailable):
    """An answer that is not what it should be (no JSON, another shape, too large), time after time.

    GitHub or something before it failed: as for `Unavailable`.
    """


class QuotaExhausted(GitHubError):
    """The installation must wait until `until` for `resource`: reschedule the work to then."""

    advice = "Work for this installation continues automatically after that."

    def __init__(
        self,
        installation_id: int,
        resource: Resource,
        until: datetime,
        reason: str = "",
    ) -> None:
        self.resource: Resource = resource
        self.until = until
        self.reason = reason
        super().__init__(
            f"Quota for {resource} must wait until {until.isoformat(timespec='seconds')}"
            + (f": {reason}" if reason else ""),
            installation_id=installation_id,
        )


class GraphQLError(GitHubError):
    """A GraphQL query answered with errors and nothing that may be used.

    `errors` is GitHub's own list (`type`, `path`, `message`).
    """

    advice = "A rejected query is a defect in AutoSync; report it with the message."

    def __init__(self, what: str, errors: list[dict[str, Any]], **context: Any) -> None:
        self.errors = errors
        super().__init__(what, **context)


class GraphQLTooHeavy(Unavailable):
    """502/504, a time-out, a resource limit or a hiccup on a GraphQL query: halve the page and ask
    again.

    Never retried as it was: each time-out costs extra points in the next hour (GitHub docs,
    graphql/overview/rate-limits-and-query-limits-for-the-graphql-api). A query that is already
    small means an outage, hence a kind of `Unavailable`.
    """

    advice = "It is asked again for less at once; if that fails as well, later."


class GitFailed(GitHubError):
    """The `git` program failed on a repository for a reason that is neither network nor access."""

    advice = "Check disk space and the git cache under the data folder; it may be deleted safely."
