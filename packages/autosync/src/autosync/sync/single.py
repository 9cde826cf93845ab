"""Ask REST for single objects, with what they carry, where GraphQL does not show all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils import timezone

from autosync.github import Forbidden, Gone, InstallationClient, NotFound
from autosync.killpoints import reached
from autosync.kinds import riding as riding_in
from autosync.kinds._events import Resource
from autosync.mirror.models import UnreadObject
from autosync.mirror.upsert import Row
from autosync.sync import unread
from autosync.sync.answer import of_unavailable_kinds, store_answer


def ask_one_by_one(
    resource: Resource,
    client: InstallationClient,
    nodes: Mapping[str, int],
) -> int:
    """Ask for `nodes` (node id → our id) by their addresses, a request each; as `refetch`."""
    rows = resource.merge.model._default_manager.filter(pk__in=nodes.values())
    keys = [str(one) for one in nodes.values()]
    odd = UnreadObject.objects.filter(resource=resource.name, key__in=keys)
    known = {int(key): home for key, home in odd.values_list("key", "repository")}
    known |= dict(rows.values_list("pk", "repository"))
    return sum(_ask(resource, client, pk, known[pk]) for pk in nodes.values() if pk in known)


def _ask(resource: Resource, client: InstallationClient, pk: int, home: int) -> int:
    rest, key = resource.rest, resource.merge.key[0]
    assert rest is not None
    place = f"/repositories/{home}"
    asked_at = timezone.now()
    rows: list[Row] = []
    odd: list[tuple[int | None, unread.Unread]] = []
    absent, hidden = set[int](), set[int]()
    document: dict[str, Any] = {}
    try:
        document = client.get(place + rest.one.format(**{key: pk})).fields()
    except NotFound:
        absent = {pk} - of_unavailable_kinds(resource, {pk})
        try:
            client.get(place)
        except NotFound:
            hidden = {home}
    except (Forbidden, Gone):
        # It is read again whole when GitHub shows the kind, and cannot be settled before.
        resource.merge.model._default_manager.filter(pk=pk, dirty_at__lte=asked_at).update(
            dirty_at=None
        )
        return 0
    else:
        try:
            row = rest.normalise(document, home)
        except unread.ODD as error:
            reason = f"not as documented: {unread.said(error)}"
            node_id = str(document.get("node_id") or "")
            odd.append((home, unread.Unread(pk, node_id, reason)))
        else:
            # Of another kind: a draft of what this is.
            rows, absent = ([row], absent) if row is not None else ([], {pk})
    reached("refetch: answered, not stored")
    count = store_answer(resource, rows, odd, absent, hidden, asked_at)
    for row in rows:
        for riding in riding_in(rest):
            inside = riding.rows(document, row)
            child = riding.resource.merge
            here = child.model._default_manager.filter(
                **{riding.link: row[key], "deleted_at__isnull": True}
            )
            lacking = set(here.values_list("pk", flat=True)) - {one[child.key[0]] for one in inside}
            store_answer(riding.resource, inside, [], lacking, set(), asked_at)
    return count
