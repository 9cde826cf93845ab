"""What GitHub refuses to show, or its owner has switched off: not empty, not gone, no failure.

Nothing is deleted for it, the other kinds go on, and its cursor says why. It is asked for again at
each sync, and read again alone when GitHub shows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from autosync.errors import AutoSyncError
from autosync.github import (
    Forbidden,
    Gone,
    GraphQLError,
    GraphQLReply,
    InstallationSuspended,
)
from autosync.kinds import listed_resources
from autosync.kinds._events import Resource
from autosync.kinds._permissions import holds
from autosync.mirror.doubt import list_soon
from autosync.mirror.models import Repository, ResourceCursor
from autosync.sync.errors import UnknownRepository

# GitHub shows the list only to those who hold more than the kind needs: events tell of it.
EVENTS_ONLY = "events_only"
# As such a list is shown or not by rules that GitHub changes, it is asked for so often.
_ASKED_EVERY = timedelta(days=1)
# Reason → what a person does about it. Where nobody need do anything, health does not mention it.
ADVICE: Mapping[str, str] = {
    "off": "",
    EVENTS_ONLY: "",
    "permission": "Grant the App this permission in its settings, and accept it where the App is "
    "installed.",
    "saml": "Ask an owner of the organisation to sign in at "
    "https://github.com/orgs/ORGANISATION/sso and to authorise the App again.",
    "ip_allow_list": "Ask an owner of the organisation to add the address of this machine to its "
    "IP allow list.",
    "blocked": "Ask the repository's owner what GitHub wrote. It is read again when GitHub lifts "
    "the block.",
    "refused": "Check the App's permissions and the organisation's access rules.",
}
# Of GitHub's words, in the order in which they are looked for.
_WORDS = (
    ("saml", ("saml",)),
    ("ip_allow_list", ("ip allow list", "ip address")),
    ("permission", ("not accessible by integration",)),
    ("blocked", ("access blocked", "legal reasons", "takedown", "by github staff")),
    ("off", ("are disabled", "is disabled", "switched off")),
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why something is not shown: a key of `ADVICE`, and GitHub's words."""

    code: str
    words: str

    @classmethod
    def of_words(cls, words: str) -> Refusal:
        lower = words.lower()
        for code, marks in _WORDS:
            if any(mark in lower for mark in marks):
                return cls(code, words)
        return cls("refused", words)


class Refused(AutoSyncError):
    """GitHub does not show this kind of a repository, or none of it."""

    def __init__(self, refusal: Refusal) -> None:
        self.refusal = refusal
        super().__init__(refusal.words)


def refusal_of(error: BaseException) -> Refusal | None:
    """The refusal that an error stands for, or None if it is something else."""
    if isinstance(error, Refused):
        return error.refusal
    if isinstance(error, InstallationSuspended):
        return None
    if isinstance(error, Gone):
        return Refusal("off", error.what)
    if isinstance(error, Forbidden):
        return Refusal.of_words(error.what)
    if isinstance(error, GraphQLError):
        said = [one for one in error.errors if _is_refusal(one)]
        if said and len(said) == len(error.errors):
            return _of_error(said[0])
    return None


def refusal_at(reply: GraphQLReply, *path: str | int) -> Refusal | None:
    """What GraphQL says of a null at `path`, or below where no null is allowed; None if nothing."""
    for error in reply.errors:
        where = error.get("path")
        inside = isinstance(where, list) and where[: len(path)] == list(path)
        # Of the object itself NOT_FOUND means that it is not there, of one of its lists not.
        if inside and (_is_refusal(error) or where != list(path)):
            return _of_error(error)
    return None


def _is_refusal(error: Mapping[str, Any]) -> bool:
    return error.get("type") == "FORBIDDEN"


def _of_error(error: Mapping[str, Any]) -> Refusal:
    words = str(error.get("message") or "GitHub does not show it")[:500]
    extensions = error.get("extensions")
    if isinstance(extensions, dict) and extensions.get("saml_failure") is True:
        return Refusal("saml", words)
    return Refusal.of_words(words)


def switched_off(resource: Resource, repository: Repository) -> Refusal | None:
    """Whether the owner has switched this kind off, as far as the repository's row knows."""
    if not resource.switch or getattr(repository, resource.switch):
        return None
    kind = str(resource.merge.model._meta.verbose_name_plural)
    return Refusal("off", f"{kind.capitalize()} are switched off in this repository.")


def note(repository: Repository, name: str, refusal: Refusal) -> None:
    """Remember that this kind is not to be had, and since when."""
    values = {
        "unavailable": refusal.code,
        "unavailable_reason": refusal.words[:2000],
        "error": "",
        "touched_at": timezone.now(),
    }
    cursor, created = ResourceCursor.objects.get_or_create(
        repository=repository,
        resource=name,
        defaults=values | {"unavailable_since": timezone.now()},
    )
    if not created:
        ResourceCursor.objects.filter(pk=cursor.pk).update(
            **values, unavailable_since=Coalesce("unavailable_since", Now())
        )


def lift(repository: Repository, name: str) -> None:
    """GitHub shows this kind again."""
    ResourceCursor.objects.filter(repository=repository, resource=name).exclude(
        unavailable="", error=""
    ).update(unavailable="", unavailable_reason="", unavailable_since=None, error="")


def unavailable(repository_ids: Iterable[int]) -> dict[int, set[str]]:
    """Per repository the names of the kinds that are not to be had."""
    found: dict[int, set[str]] = {pk: set() for pk in repository_ids}
    cursors = ResourceCursor.objects.filter(repository__in=list(found)).exclude(unavailable="")
    for pk, name in cursors.values_list("repository", "resource"):
        found[pk].add(name)
    off = Q()
    switches = {r.name: r.switch for r in listed_resources() if r.switch}
    for switch in switches.values():
        off |= Q(**{switch: False})
    for row in Repository.objects.filter(off, pk__in=list(found)) if switches else ():
        found[row.pk] |= {name for name, switch in switches.items() if not getattr(row, switch)}
    return found


def to_ask_again(repository_ids: Iterable[int]) -> dict[int, set[str]]:
    """Per repository the kinds that were refused, but for those that are known to be off, and
    those of which events tell, unless it is time for these, or more was granted.
    """
    ids = list(repository_ids)
    found: dict[int, set[str]] = {pk: set() for pk in ids}
    cursors = ResourceCursor.objects.filter(repository__in=ids).exclude(unavailable="")
    not_yet = Q(unavailable=EVENTS_ONLY, touched_at__gt=timezone.now() - _ASKED_EVERY)
    for pk, name in cursors.exclude(not_yet).values_list("repository", "resource"):
        found[pk].add(name)
    known = cursors.filter(not_yet).select_related("repository__installation")
    by_name = {one.name: one for one in listed_resources()}
    for cursor in known:
        resource = by_name.get(cursor.resource)
        if resource is not None and shown_to(resource, cursor.repository):
            found[cursor.repository_id].add(resource.name)
    for resource in listed_resources():
        if resource.switch:
            off = Repository.objects.filter(pk__in=ids, **{resource.switch: False})
            for pk in off.values_list("pk", flat=True):
                found[pk].discard(resource.name)
    return found


def lacks(resource: Resource, repository: Repository) -> bool:
    """Whether this kind was refused for a permission that has been granted since."""
    if not resource.permission:
        return False
    granted = repository.installation.permissions.get(resource.permission)
    cursors = ResourceCursor.objects.filter(repository=repository, resource=resource.name)
    codes = ["permission"] if granted else []
    codes += [EVENTS_ONLY] if shown_to(resource, repository) else []
    return bool(codes) and cursors.filter(unavailable__in=codes).exists()


def shown_to(resource: Resource, repository: Repository) -> bool:
    """Whether the installation holds what GitHub wants to see before it shows the list."""
    stream = resource.stream
    return stream is None or holds(repository.installation.permissions, stream.shown_to)


def out_of_sight(repository: Repository) -> UnknownRepository:
    """The error that GitHub shows no such repository; whether it is still ours is asked next."""
    list_soon([repository.pk])
    return UnknownRepository(f"GitHub no longer shows {repository} to its installation.")
