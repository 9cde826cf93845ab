"""What AUTOSYNC_KINDS leaves out: said, noted, and forgotten as read, so that it heals later."""

from __future__ import annotations

import logging
from collections.abc import Collection

from django.db import transaction
from django.utils import timezone

from autosync.kinds import KINDS, left_out
from autosync.kinds._chosen import OFF
from autosync.mirror.models import (
    AccountCursor,
    ChildrenRead,
    KindLeftOut,
    ResourceCursor,
    UnreadObject,
)

logger = logging.getLogger(__name__)


def settle() -> bool:
    """Before anything is read or applied: note what is left out from now on, and have read anew
    what is chosen again. Whether either has changed.

    A kind without a cursor is imported in the background, as one that this mirror is older than.
    """
    without = left_out()
    for name, why in without.items():
        # What nobody chose is in the reference, and no news at a start.
        level = logging.DEBUG if why == OFF else logging.INFO
        logger.log(level, "%s is not kept up: %s", name, why)
    noted = set(KindLeftOut.objects.values_list("name", flat=True))
    begun, chosen = without.keys() - noted, noted - without.keys()
    if not begun and not chosen:
        return False
    now = timezone.now()
    with transaction.atomic():
        KindLeftOut.objects.bulk_create(
            [KindLeftOut(name=name, since=now) for name in sorted(begun)], ignore_conflicts=True
        )
        KindLeftOut.objects.filter(name__in=chosen).delete()
        _forget(begun | chosen)
        # What rides in others is read with them.
        _forget({owner for name in chosen if name in KINDS for owner in _carriers(name)})
    for name in sorted(chosen & KINDS.keys()):
        logger.info("%s is kept up again: it is read anew in the background", name)
    return True


def _carriers(name: str) -> Collection[str]:
    return KINDS[name].resource.inside.keys()


def _forget(names: Collection[str]) -> None:
    """How far these were read, and what of them could not be."""
    ResourceCursor.objects.filter(resource__in=names).delete()
    AccountCursor.objects.filter(resource__in=names).delete()
    UnreadObject.objects.filter(resource__in=names).delete()
    nested = [KINDS[name] for name in names if name in KINDS]
    nests = [nest.name for kind in nested if kind.is_nested for nest in kind.nests]
    ChildrenRead.objects.filter(kind__in=[*names, *nests]).delete()
