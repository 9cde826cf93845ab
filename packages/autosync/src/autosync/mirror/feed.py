"""The feed: record what changed for people, and wake whoever watches."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from django.db import connection

from autosync.mirror.people import GHOST, Forgotten, current
from autosync.mirror.prepared import prepared
from autosync.mirror.stage import document

CHANNEL = "autosync_feed"
# A notification carries at most 8,000 bytes; ids are shorter than 20.
_IDS_PER_NOTIFICATION = 300


@dataclass(frozen=True)
class FeedLine:
    """One line of the feed, before it is stored."""

    kind: str
    action: str
    repository_id: int | None = None
    installation_id: int | None = None
    object_key: str = ""
    title: str = ""
    actor: str = ""
    html_url: str = ""


def publish(lines: Sequence[FeedLine]) -> None:
    """Store `lines` and notify the watchers when the surrounding transaction commits."""
    if not lines:
        return
    if forgotten := current():
        lines = [_unnamed(forgotten, line) for line in lines]
    # Written here and not by Django, which takes longer over it than the row itself does.
    with prepared() as cursor:
        for start in range(0, len(lines), _IDS_PER_NOTIFICATION):
            some = lines[start : start + _IDS_PER_NOTIFICATION]
            rows = [{"place": place, **_values(one)} for place, one in enumerate(some)]
            cursor.execute(_PUBLISH, [document(rows), CHANNEL])


def _values(line: FeedLine) -> dict[str, str | int | None]:
    """As the columns hold it."""
    return {
        "kind": line.kind[:32],
        "action": line.action[:64],
        "repository_id": line.repository_id,
        "installation_id": line.installation_id,
        "object_key": line.object_key[:255],
        "title": line.title[:300],
        "actor": line.actor[:255],
        "html_url": line.html_url,
    }


_PUBLISH = """
WITH line AS (
    SELECT * FROM json_to_recordset(%s::json) AS line
        (place integer, kind text, action text, repository_id bigint, installation_id bigint,
         object_key text, title text, actor text, html_url text)
), stored AS (
    INSERT INTO feed (kind, action, repository_id, installation_id, object_key, title, actor,
                      html_url)
    SELECT kind, action, repository_id, installation_id, object_key, title, actor, html_url
    FROM line ORDER BY place RETURNING id
)
SELECT pg_notify(%s, json_build_object('feed', json_agg(id ORDER BY id))::text) FROM stored
"""


def _unnamed(forgotten: Forgotten, line: FeedLine) -> FeedLine:
    actor = GHOST if forgotten.account(None, line.actor) else line.actor
    title, url = forgotten.text(line.title), forgotten.text(line.html_url)
    return replace(line, actor=actor, title=title, html_url=url)


def progress(repository_ids: Iterable[int], job_id: int | None) -> None:
    """Tell the watchers that an import or sync of these repositories went on."""
    _notify({"progress": list(repository_ids)[:_IDS_PER_NOTIFICATION], "job": job_id})


def _notify(payload: dict[str, object]) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, json.dumps(payload)])
