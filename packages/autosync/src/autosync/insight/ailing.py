"""What is sick: repositories that fail, and kinds of them that GitHub does not show."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet

from autosync.insight.report import Finding, Status
from autosync.kinds import KINDS
from autosync.mirror.models import (
    AccountCursor,
    GitHubAppInstallation,
    Repository,
    ResourceCursor,
)
from autosync.sync.refusals import ADVICE
from autosync.sync.standing import GIT

_NAMED = 5  # repositories named in one line
_WHY = {
    "off": "switched off in the repository",
    "events_only": "known by its events only, since GitHub shows the list to Apps that may write",
    "permission": "the App has no permission to read it",
    "saml": "the organisation asks for SAML single sign-on",
    "ip_allow_list": "the organisation's IP allow list lacks this machine's address",
    "blocked": "GitHub withholds the repository",
    "refused": "GitHub refuses it",
}
_KINDS = {
    "commit_detail": "sizes and accounts of commits",
    "commit_file": "files of commits",
    "pull_request_commit": "commits and files of pull requests",
    "repository": "the repository itself",
    **{kind.name: kind.plural for kind in KINDS.values()},
}


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A kind of a repository that GitHub does not show. What is mirrored of it is kept."""

    resource: str
    reason: str
    why: str
    said: str
    since: datetime | None
    advice: str


def unavailable(repository_ids: Iterable[int]) -> dict[int, list[Unavailable]]:
    """Per repository what GitHub does not show of it, and why."""
    found: dict[int, list[Unavailable]] = defaultdict(list)
    cursors = ResourceCursor.objects.filter(repository__in=list(repository_ids))
    for one in cursors.exclude(unavailable="").order_by("resource"):
        found[one.repository_id].append(
            Unavailable(
                resource=one.resource,
                reason=one.unavailable,
                why=f"{_KINDS.get(one.resource, one.resource)}: {_WHY[one.unavailable]}",
                said=one.unavailable_reason,
                since=one.unavailable_since,
                advice=ADVICE[one.unavailable],
            )
        )
    return dict(found)


def wholly_refused() -> QuerySet[ResourceCursor, int]:
    """Ids of repositories whose git is refused: they wait for somebody, and not for an import."""
    cursors = ResourceCursor.objects.filter(resource__in=(GIT, "repository"))
    return cursors.exclude(unavailable="").values_list("repository_id", flat=True)


def findings() -> Iterator[Finding]:
    """Each sick repository by name, its cause, since when, and what happens next."""
    yield from _failing()
    yield from _refused()
    yield from _of_accounts()


def _failing() -> Iterator[Finding]:
    failing = Repository.visible().filter(failing_since__isnull=False, auto_sync_enabled=True)
    rows = list(failing.exclude(sync_error="").order_by("failing_since", "full_name"))
    for one in rows[:_NAMED]:
        next_try = f"at {one.retry_at:%H:%M:%S} UTC" if one.retry_at else "now"
        yield Finding(
            "repository_sick",
            Status.DEGRADED,
            f"{one.full_name} could not be synced {one.failures} times in a row: "
            f"{_line(one.sync_error)}",
            one.failing_since,
            f"It is tried again {next_try}, then with growing pauses; a manual sync tries at once.",
        )
    if len(rows) > _NAMED:
        yield Finding(
            "repositories_sick",
            Status.DEGRADED,
            f"{len(rows) - _NAMED} more repositories fail: "
            + ", ".join(one.full_name for one in rows[_NAMED : _NAMED + 20]),
            rows[_NAMED].failing_since,
            "Each is tried again with growing pauses.",
        )


def _refused() -> Iterator[Finding]:
    """Only what needs a person: not what its owner switched off, nor what events tell."""
    cursors = ResourceCursor.objects.filter(repository__in=Repository.visible())
    nobody = ["", *(code for code, advice in ADVICE.items() if not advice)]
    rows = cursors.exclude(unavailable__in=nobody).select_related("repository")
    by_reason: dict[str, list[ResourceCursor]] = defaultdict(list)
    for one in rows.order_by("unavailable_since"):
        by_reason[one.unavailable].append(one)
    for reason, some in sorted(by_reason.items()):
        kinds = sorted({_KINDS.get(one.resource, one.resource) for one in some})
        names = sorted({one.repository.full_name for one in some})
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        yield Finding(
            f"not_shown_{reason}",
            Status.DEGRADED,
            f"GitHub does not show {', '.join(kinds)} of {', '.join(names[:_NAMED])}{more}: "
            f"{_WHY[reason]}. What is mirrored of them is kept",
            some[0].unavailable_since,
            ADVICE[reason],
        )


def _of_accounts() -> Iterator[Finding]:
    """Kinds of organisations that fail or are refused, one by one: each needs its own answer."""
    installed = GitHubAppInstallation.live.filter(suspended_at__isnull=True)
    names = dict(installed.order_by("pk").values_list("account_id", "account_login"))
    cursors = AccountCursor.objects.filter(account_id__in=names)
    for one in cursors.exclude(unavailable="", error="").order_by("unavailable_since", "pk"):
        what = f"{_KINDS.get(one.resource, one.resource)} of {names[one.account_id]}"
        if not one.unavailable:
            yield Finding(
                "organisation_sick",
                Status.DEGRADED,
                f"The {what} could not be read: {_line(one.error)}",
                one.touched_at,
                "They are read again at the next sync. What is mirrored of them is kept.",
            )
            continue
        yield Finding(
            f"not_shown_{one.unavailable}",
            Status.DEGRADED,
            f"GitHub does not show {what}: {_WHY[one.unavailable]}. "
            "What is mirrored of them is kept",
            one.unavailable_since,
            ADVICE[one.unavailable],
        )


def _line(text: str) -> str:
    return text.strip().partition("\n")[0][:200]
