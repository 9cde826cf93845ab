"""The door to the table of conditions: what is wrong, since when, and what to do about it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.utils import timezone

from autosync.mirror.models import Condition

_SET = """
INSERT INTO conditions AS old (name, subject, message, remedy, since, checked_at)
VALUES (%(name)s, %(subject)s, %(message)s, %(remedy)s, coalesce(%(since)s, %(now)s), %(now)s)
ON CONFLICT (name, subject) DO UPDATE SET message = EXCLUDED.message, remedy = EXCLUDED.remedy,
    since = least(old.since, EXCLUDED.since), checked_at = EXCLUDED.checked_at
"""


@dataclass(frozen=True, slots=True)
class Wrong:
    """One condition as its observer sees it; `since` None: since it was first noticed."""

    name: str
    message: str
    remedy: str
    since: datetime | None = None


def settle(names: Collection[str], wrong: Collection[Wrong], subject: str = "") -> None:
    """Record what is `wrong` of the conditions `names` that were looked at; the others are right.

    A condition that stays keeps the moment when it began.
    """
    now = timezone.now()
    with connection.cursor() as cursor:
        for one in wrong:
            values = {
                "name": one.name,
                "subject": subject,
                "message": one.message[:2000],
                "remedy": one.remedy,
                "since": one.since,
                "now": now,
            }
            cursor.execute(_SET, values)
    right = set(names) - {one.name for one in wrong}
    Condition.objects.filter(name__in=right, subject=subject).delete()
