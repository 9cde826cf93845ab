"""Errors that become answers in GitHub's shape."""

from collections.abc import Mapping, Sequence
from typing import Any

DOCS = "https://docs.github.com/rest"


class ApiError(Exception):
    """An answer other than success: message, documentation_url, status and perhaps errors."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: Sequence[Any] | None = None,
        headers: Mapping[str, str] | None = None,
        docs: str = DOCS,
    ) -> None:
        super().__init__(f"{status} {message}")
        self.status = status
        self.message = message
        self.errors = errors
        self.headers = dict(headers or {})
        self.docs = docs

    def body(self) -> dict[str, Any]:
        """The JSON body."""
        found: dict[str, Any] = {"message": self.message}
        if self.errors is not None:
            found["errors"] = list(self.errors)
        return found | {"documentation_url": self.docs, "status": str(self.status)}


class Moved(ApiError):
    """301 to where a renamed repository or a transferred issue is now."""

    def __init__(self, url: str) -> None:
        super().__init__(301, "Moved Permanently", headers={"Location": url})
        self.url = url

    def body(self) -> dict[str, Any]:
        return {
            "message": self.message,
            "url": self.url,
            "documentation_url": f"{DOCS}/guides/best-practices-for-using-the-rest-api"
            "#follow-redirects",
        }


class Blocked(ApiError):
    """451 for a repository that GitHub withholds; `reason` is dmca, tos or sensitive_data.

    OpenAPI schema `basic-error` with `block`, as of GET /repos/{owner}/{repo}/commits.
    """

    def __init__(self, reason: str, created_at: str) -> None:
        super().__init__(451, "Repository access blocked")
        self.block = {"reason": reason, "created_at": created_at, "html_url": None}

    def body(self) -> dict[str, Any]:
        return {"message": self.message, "block": self.block}


def not_found() -> ApiError:
    """Also what GitHub says of things that the caller may not know of."""
    return ApiError(404, "Not Found")


def forbidden() -> ApiError:
    """An installation token without the permission."""
    return ApiError(403, "Resource not accessible by integration")


def invalid(resource: str, field: str, code: str = "missing_field", message: str = "") -> ApiError:
    """422 for one field."""
    error = {"resource": resource, "field": field, "code": code}
    if message:
        error["message"] = message
    return ApiError(422, "Validation Failed", errors=[error])
