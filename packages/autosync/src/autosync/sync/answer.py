"""Store what GitHub answers about single objects that it was asked for."""

from __future__ import annotations

from collections.abc import Sequence, Set
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Greatest

from autosync.kinds._events import Resource
from autosync.mirror.doubt import LAG, just_seen, list_soon, lock_repositories, mark_renamed
from autosync.mirror.models import ResourceCursor
from autosync.mirror.upsert import Clock, Row, Rule
from autosync.sync import unread
from autosync.sync.gone import delete, follow_parents


def store_answer(
    resource: Resource,
    rows: list[Row],
    odd: Sequence[tuple[int | None, unread.Unread]],
    absent: Set[Any],
    hidden: Set[int],
    asked_at: datetime,
) -> int:
    """Store what is there, delete what is `absent` (but for what `hidden` repositories hold), name
    what is `odd`; returns how many rows the answer was about.
    """
    merge = resource.merge
    here, [key] = merge.model._default_manager, merge.key
    with transaction.atomic():
        lock_repositories({row["repository_id"] for row in rows})
        result, refused = unread.store(
            merge, rows, observed_at=asked_at, rule=Rule.AUTHORITATIVE, lag=LAG
        )
        unread.forget(resource, rows)
        not_read = [*odd, *refused]
        unread.remember(resource, not_read)
        keys = [one.key for _, one in not_read]
        here.filter(**{f"{key}__in": keys}, dirty_at__lte=asked_at).update(dirty_at=None)
        mark_renamed(merge, result.changed, asked_at)
        list_soon(hidden)
        late = just_seen(merge, absent, asked_at) | set(
            here.filter(**{f"{key}__in": absent}, repository__in=hidden).values_list(key, flat=True)
        )
        delete(merge, list(absent - late), asked_at)
        follow_parents(merge, result.inserted)
        known = {row[key] for row in rows} | (absent - late)
        settled = here.filter(**{f"{key}__in": known})
        # An answer equal to the row changes nothing, and may settle it all the same.
        settled.filter(dirty_at__lte=asked_at - LAG).update(dirty_at=None)
        asked = settled.filter(dirty_at__isnull=False, observed_at__lt=asked_at)
        if merge.decided_by is Clock.ARRIVAL:
            # Its moment decides: no later than the answer that settles it is sure to be.
            asked.update(observed_at=Greatest("observed_at", F("dirty_at")))
        else:
            asked.update(observed_at=asked_at)
    return len(rows) + len(absent - late)


def of_unavailable_kinds(resource: Resource, absent: Set[Any]) -> set[Any]:
    """Those of `absent` whose kind their repository does not show, which is no word about them."""
    [key] = resource.merge.key
    rows = resource.merge.model._default_manager.filter(**{f"{key}__in": absent})
    off = Q(
        repository__in=ResourceCursor.objects.filter(resource=resource.name)
        .exclude(unavailable="")
        .values("repository")
    )
    if resource.switch:
        off |= Q(**{f"repository__{resource.switch}": False})
    return set(rows.filter(off).values_list(key, flat=True)) if absent else set()
