"""A delivery's story: when it came, how it was tried, what became of the objects it speaks of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from autosync.jsontext import repaired
from autosync.kinds import KINDS
from autosync.kinds._columns import Key
from autosync.kinds._rules import Moves, Whole
from autosync.models import Commit, Delivery, MirroredModel, Repository
from autosync.sync.applied_rows import Effect

# A browser should not choke on a payload of 25 MB.
PAYLOAD_LIMIT = 200_000
# A signature is worth nothing to a reader, and something to one who tries secrets against it.
_HIDDEN = ("signature", "authorization", "cookie", "token")
_COMMITS = 50


# How it came and why it is believed.
_CAME = {
    Delivery.Source.WEBHOOK: (
        "by webhook; stored before it was acknowledged",
        "by its signature (HMAC-SHA256 of the body with the webhook's secret); deliveries without "
        "a valid one are not stored",
    ),
    Delivery.Source.DELIVERY_LOG: (
        "read back from GitHub's delivery log: the webhook never arrived, or is not used",
        "fetched from GitHub with the App's key; such an answer has no signature",
    ),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One moment of the story; `after_seconds` counts from the receipt, or what `since` says."""

    name: str
    words: str
    at: datetime | None
    after_seconds: float | None = None
    since: str = "it was received"


@dataclass(frozen=True, slots=True)
class Object:
    """Something the payload speaks of, and how the mirror has it now."""

    kind: str
    name: str
    words: str
    observed_at: datetime | None


def steps(delivery: Delivery) -> list[Step]:
    """What happened to the delivery, in order."""
    status, source = Delivery.Status, Delivery.Source(delivery.source)
    came, verified = _CAME[source]
    story = [Step("Received", came, delivery.received_at), Step("Verified", verified, None)]
    if delivery.replayed_at is not None:
        times = f", the {delivery.replays}th time" if delivery.replays > 3 else ""
        times = {2: ", the second time", 3: ", the third time"}.get(delivery.replays, times)
        waited = (delivery.replayed_at - delivery.received_at).total_seconds()
        words = f"by hand{times}"
        story.append(Step("Replayed", words, delivery.replayed_at, waited))
    if delivery.attempts > 1:
        story.append(Step("Tried", f"{delivery.attempts} times", None))
    since = delivery.replayed_at or delivery.received_at
    after = (delivery.finished_at - since).total_seconds() if delivery.finished_at else None
    from_when = "the replay" if delivery.replayed_at else "it was received"
    if delivery.status == status.APPLIED:
        words = _applied(delivery)
        story.append(Step("Applied", words, delivery.finished_at, after, from_when))
    elif delivery.status == status.IGNORED:
        words = delivery.error or "nothing to do for this event"
        story.append(Step("Ignored", words, delivery.finished_at, after, from_when))
    elif delivery.status == status.PARKED:
        story.append(Step("Parked", "failed too often; a replay tries again", None))
    elif delivery.attempts:
        story.append(Step("Next attempt", "", delivery.next_attempt_at))
    else:
        story.append(Step("Waiting", "to be applied", None))
    return story


def _applied(delivery: Delivery) -> str:
    if delivery.touched is None:
        return "in the mirror"
    effects = [effect for _, _, effect in delivery.touched["rows"]]
    count = len(effects) + delivery.touched["more"]
    if not count:
        return "it changes no row itself; AutoSync is asking GitHub for what it announces"
    changed = sum(effect != Effect.KEPT for effect in effects)
    rows = f"{count:,} row{'s' if count != 1 else ''}"
    if delivery.touched["more"] or changed == count:
        return f"to {rows}"
    return f"to {rows}, {changed or 'none'} of them changed"


def headers(delivery: Delivery) -> list[tuple[str, str]]:
    """The request's headers that may be shown, by name."""
    sent = delivery.headers if isinstance(delivery.headers, dict) else {}
    return sorted(
        (str(name), str(value))
        for name, value in sent.items()
        if not any(word in str(name).lower() for word in _HIDDEN)
    )


def payload(delivery: Delivery) -> tuple[Any, str]:
    """The decoded document (None if it is none) and its text for people, cut if very long."""
    try:
        document = json.loads(repaired(bytes(delivery.body)))
    except ValueError:
        return None, bytes(delivery.body[:PAYLOAD_LIMIT]).decode(errors="replace")
    text = json.dumps(document, indent=2, ensure_ascii=False)
    if len(text) > PAYLOAD_LIMIT:
        text = f"{text[:PAYLOAD_LIMIT]}\n… {len(text) - PAYLOAD_LIMIT:,} more characters"
    return document, text


def objects(event: str, document: Any) -> list[Object]:
    """What the payload speaks of, as the mirror has it now; nothing of hidden repositories."""
    if not isinstance(document, dict):
        return []
    repository_id = _id(document.get("repository"))
    if repository_id is None or not Repository.visible().filter(pk=repository_id).exists():
        return []
    return [*_declared(event, document, repository_id), *_commits(document, repository_id)]


def _declared(event: str, document: dict[str, Any], repository_id: int) -> Iterator[Object]:
    """The objects that the event is about, by the rules of the kinds."""
    for kind in KINDS.values():
        rule = kind.declared.events.get(event)
        if not isinstance(rule, Whole | Moves) or not isinstance(kind.model._meta.pk, Key):
            continue
        if kind.of_account:
            continue
        key = _id(document.get(rule.key))
        if key is not None:
            rows = kind.model._default_manager.filter(pk=key, repository_id=repository_id)
            row: Any = rows.first()
            state = "merged" if getattr(row, "merged", False) else getattr(row, "state", "")
            yield _object(kind.singular, f"id {key}", row, state)


def _commits(document: dict[str, Any], repository_id: int) -> Iterator[Object]:
    commits = document.get("commits")
    if isinstance(commits, list):
        shas = [str(c.get("id")) for c in commits[:_COMMITS] if isinstance(c, dict)]
        rows = Commit.objects.filter(repository_id=repository_id, sha__in=shas)
        found = {commit.sha: commit for commit in rows}
        for sha in shas:
            commit = found.get(sha)
            words = "complete" if commit and commit.complete else "details not fetched yet"
            yield _object("commit", sha[:10], commit, words)


def _object(kind: str, key: str, row: MirroredModel | None, state: str) -> Object:
    if row is None:
        return Object(kind, key, "not in the mirror", None)
    words = "deleted" if row.deleted_at else state or "here"
    if row.dirty_at:
        words += ", being fetched again"
    return Object(kind, str(row), words, row.observed_at)


def _id(value: Any) -> int | None:
    key = value.get("id") if isinstance(value, dict) else None
    return key if isinstance(key, int) and 0 < key < 2**63 else None
