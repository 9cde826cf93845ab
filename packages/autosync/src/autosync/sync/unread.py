"""Single objects that cannot be read or stored: each costs itself, is named, and tried again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
import psycopg
from django.db import DataError, IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Greatest, Least, Now

from autosync.kinds._events import Resource
from autosync.mirror.keys import read, rows_of, written
from autosync.mirror.models import Repository, ResourceCursor, UnreadObject
from autosync.mirror.prepared import prepared
from autosync.mirror.upsert import Key, Merge, Result, Row, Rule, upsert

logger = logging.getLogger(__name__)
# What a document that is not as documented makes our reading of it say.
ODD = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, msgspec.MsgspecError)
_NOT_STORED = (
    *(DataError, IntegrityError, psycopg.DataError, psycopg.IntegrityError),
    *(TypeError, ValueError, ArithmeticError),
)
NOT_ANSWERED = "GitHub does not answer for it"
# It is asked for again after as long as it could not be read so far, between these.
AGAIN_AFTER = timedelta(seconds=30)
AT_THE_LATEST = timedelta(hours=1)
_NAMED = 5


@dataclass(frozen=True)
class Unread:
    """One object, by its key and node id where these could be read. A key of several columns is a
    tuple.
    """

    key: Any
    node_id: str
    reason: str


def understood(
    resource: Resource, nodes: Iterable[Any], homes: int | None
) -> tuple[list[Row], list[tuple[int | None, Unread]]]:
    """The rows of GraphQL's `nodes` (null ones are left out), and what could not be understood with
    its repository. `homes` is the repository of all, or None if each node names its own.
    """
    assert resource.from_graph is not None
    rows: list[Row] = []
    unread: list[tuple[int | None, Unread]] = []
    for node in nodes:
        if not node:
            continue
        home = homes
        try:
            home = home or int(node["repository"]["databaseId"])
            row = resource.from_graph(node, home)
            if "updated_at" in resource.merge.content and not isinstance(
                row["updated_at"], datetime
            ):
                raise ValueError("no updatedAt")
        except ODD as error:
            unread.append((home, of_node(node, f"not as documented: {said(error)}")))
        else:
            rows.append(row)
    return rows, unread


@dataclass
class Listed:
    """Items of a list of REST: rows of those understood, ids of all, reasons for the others by id.
    Not `complete` if not every id could be read: what is missing may be there.
    """

    rows: list[Row] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    odd: dict[int, str] = field(default_factory=dict)
    complete: bool = True


def items(documents: Iterable[Any], row: Callable[[Any], Row]) -> Listed:
    """The items understood; each other costs itself and is logged."""
    listed = Listed()
    for document in documents:
        number = document.get("id") if isinstance(document, dict) else None
        number = number if isinstance(number, int) else None
        if number is None:
            listed.complete = False
        else:
            listed.ids.append(number)
        try:
            listed.rows.append(row(document))
        except ODD as error:
            logger.warning("an item (id %s) of a list could not be read: %s", number, said(error))
            if number is not None:
                listed.odd[number] = said(error)
    return listed


def of_node(node: Any, reason: str) -> Unread:
    """An object by what can be read of its GraphQL node."""
    fields: Mapping[str, Any] = node if isinstance(node, dict) else {}
    try:
        key = int(fields.get("fullDatabaseId") or "")
    except (TypeError, ValueError):
        key = None
    node_id = fields.get("id")
    return Unread(key, node_id if isinstance(node_id, str) else "", reason)


def of_item(item: Any, reason: str) -> Unread:
    """An object by what can be read of it as an item of REST's list."""
    fields: Mapping[str, Any] = item if isinstance(item, dict) else {}
    number = fields.get("id")
    return Unread(
        number if isinstance(number, int) else None, str(fields.get("node_id") or ""), reason
    )


def store(
    merge: Merge,
    rows: Sequence[Row],
    *,
    observed_at: datetime,
    rule: Rule,
    lag: timedelta = timedelta(0),
) -> tuple[Result, list[tuple[int | None, Unread]]]:
    """`upsert`, in the caller's transaction; a row that the database does not take costs itself."""
    try:
        with transaction.atomic():
            return upsert(merge, rows, observed_at=observed_at, rule=rule, lag=lag), []
    except _NOT_STORED:
        pass
    result, unread = Result(), []
    # In the order in which any other writer meets them.
    for row in sorted(rows, key=merge.key_of):
        try:
            with transaction.atomic():
                one = upsert(merge, [row], observed_at=observed_at, rule=rule, lag=lag)
        except _NOT_STORED as error:
            node_id = str(row.get("node_id") or "")
            reason = f"the database does not take it: {said(error)}"
            one_of = Unread(short(merge.key_of(row)), node_id, reason)
            unread.append((row.get("repository_id"), one_of))
        else:
            result.inserted |= one.inserted
            result.updated |= one.updated
            result.dirty |= one.dirty
    return result, unread


def remember(resource: Resource, unread: Iterable[tuple[int | None, Unread]]) -> int:
    """Log what could not be read, and keep it with its repository; returns how many."""
    count = 0
    for home, one in unread:
        count += 1
        log(f"{resource.name} of repository {home}", one)
        if home is None or one.key is None or not one.node_id:
            continue  # the ids are listed next, as the counts differ
        if resource.inside:
            continue  # it is read again with what carries it
        UnreadObject.objects.update_or_create(
            repository_id=home,
            resource=resource.name,
            key=_written(one.key),
            defaults={"node_id": one.node_id[:255], "reason": one.reason[:1000]},
        )
    return count


def log(what: str, one: Unread) -> None:
    """Say that it could not be read, and why."""
    logger.warning("%s: %s (%s) could not be read: %s", what, one.key, one.node_id, one.reason)


def forget(resource: Resource, rows: Iterable[Row]) -> None:
    """These were read."""
    forget_keys(resource, [resource.merge.key_of(row) for row in rows])


def forget_keys(resource: Resource, keys: Iterable[Any]) -> None:
    """The same, by their keys."""
    with prepared() as cursor:  # for each page of each list: mostly there is none
        cursor.execute(
            "DELETE FROM unread_objects WHERE resource = %s AND key = ANY (%s::text[])",
            [resource.name, [_written(one) for one in keys]],
        )


def forget_absent(resource: Resource, repository: Repository, there: Iterable[Any]) -> None:
    """GitHub no longer lists others than these."""
    texts = [_written(one) for one in there]
    _of(resource, repository).exclude(key__in=texts).delete()


def keys(resource: Resource, repository: Repository) -> set[Any]:
    """What of the repository could not be read."""
    texts = _of(resource, repository).values_list("key", flat=True)
    return {short(read(resource.merge, text)) for text in texts}


def found_since(resource: Resource, repository: Repository, moment: datetime) -> dict[str, Any]:
    """What could not be read since then: node id → key."""
    rows = _of(resource, repository).filter(tried_at__gte=moment)
    return _by_node(resource, rows)


def to_ask_again(resource: Resource, repository: Repository) -> dict[str, Any]:
    """What is to be asked for again: node id → key."""
    pause = Least(Greatest(F("tried_at") - F("first_at"), AGAIN_AFTER), AT_THE_LATEST)
    rows = _of(resource, repository).filter(tried_at__lt=Now() - pause)
    return _by_node(resource, rows.order_by("tried_at")[:100])


def accounted(resource: Resource, repository: Repository) -> int:
    """How many objects are here, those included that could not be read, or that GitHub counts and
    does not list.
    """
    here = resource.merge.model._default_manager.filter(
        repository=repository, deleted_at__isnull=True
    )
    unread = keys(resource, repository)
    if unread:
        merge = resource.merge
        rows = rows_of(merge, [_whole(one) for one in unread]) & here
        unread -= {short(key) for key in rows.values_list(*merge.key)}
    cursors = ResourceCursor.objects.filter(repository=repository, resource=resource.name)
    unlisted = cursors.values_list("unlisted", flat=True).first() or 0
    return here.count() + len(unread) + unlisted


@contextmanager
def named(what: object) -> Iterator[None]:
    """What is read in the block and is not as documented is logged under this name, not raised."""
    try:
        yield
    except ODD as error:
        logger.warning("%s could not be read: %s", what, said(error))


def sentence(repository: Repository) -> str:
    """What of the repository could not be read, for its page; empty if all was."""
    rows = UnreadObject.objects.filter(repository=repository).order_by("resource", "key")
    count = rows.count()
    if not count:
        return ""
    named = [f"{one.resource} {one.key} ({one.reason})" for one in rows[:_NAMED]]
    more = f", and {count - _NAMED} more" if count > _NAMED else ""
    noun = "object" if count == 1 else "objects"
    return (
        f"{count} {noun} could not be read: {', '.join(named)}{more}. "
        "The rest is up to date. GitHub is asked for it again, eventually once an hour."
    )[:2000]


def _by_node(resource: Resource, rows: Any) -> dict[str, Any]:
    found = rows.values_list("node_id", "key")
    return {node_id: short(read(resource.merge, text)) for node_id, text in found}


def _whole(key: Any) -> Key:
    return key if isinstance(key, tuple) else (key,)


def short(key: Key) -> Any:
    """A key as it is remembered: of one column its value."""
    return key[0] if len(key) == 1 else key


def _written(key: Any) -> str:
    return written(_whole(key))


def _of(resource: Resource, repository: Repository) -> Any:
    return UnreadObject.objects.filter(repository=repository, resource=resource.name)


def said(error: BaseException) -> str:
    """An error in a sentence."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
