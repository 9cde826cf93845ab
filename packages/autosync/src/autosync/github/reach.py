"""Whether GitHub answers at all, and what time it is there: one request without credentials."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from autosync.github.errors import Unavailable

_TIMEOUT = 10.0


def clock_ahead(api_url: str) -> timedelta | None:
    """How far this machine's clock is ahead of GitHub's; None where GitHub does not tell the time.

    Any answer will do, also a refusal: the `Date` header is what counts, and its step is a second.
    `GET /meta` needs no credentials (https://docs.github.com/rest/meta/meta). Raises Unavailable
    when no answer comes, or one of a failing server.
    """
    from autosync.github.plain_httpx import NO_PROXY, certificates, httpx  # noqa: PLC0415 (start-up time)

    url = f"{api_url.rstrip('/')}/meta"
    asked_at = datetime.now(UTC)
    try:
        with httpx.Client(
            timeout=_TIMEOUT, verify=certificates(), mounts=NO_PROXY, follow_redirects=False
        ) as client:
            answer = client.head(url)
    except httpx.HTTPError as error:
        raise Unavailable(f"No answer from GitHub ({type(error).__name__})", url=url) from None
    if answer.status_code >= 500:
        raise Unavailable("GitHub is failing", url=url, status=answer.status_code)
    try:
        there = parsedate_to_datetime(answer.headers["date"])
    except (KeyError, ValueError):
        return None
    # The answer was dated somewhere between the question and now.
    now = datetime.now(UTC)
    middle = asked_at + (now - asked_at) / 2
    return middle - there.replace(tzinfo=there.tzinfo or UTC)
