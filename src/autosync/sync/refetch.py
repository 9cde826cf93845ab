"""Ask GitHub by node id about rows that clocks cannot decide, until an answer settles them.

A mark, `dirty_at`, is taken away by an answer that was asked for LAG after it was made, and by a
newer version: lists and GraphQL lag behind webhooks, and an answer from before the change would
settle it wrongly for good. So a row is asked for at once, and once more when nothing lags.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q
from django.db.models.expressions import Combinable
from django.utils import timezone

from autosync.github import GraphQLReply, GraphQLTooHeavy, InstallationClient
from autosync.killpoints import reached
from autosync.mirror.models import Repository, ResourceCursor
from autosync.mirror.upsert import Key, Merge, Row, Rule, tombstone, upsert
from autosync.resources import RESOURCES
from autosync.resources.base import Resource
from autosync.sync.due import LAG, list_soon

_MANY = 100  # objects for a point


def listed_resources() -> list[Resource]:
    """The resources that GraphQL lists per repository."""
    return [r for r in RESOURCES if r.listing is not None]


def in_doubt() -> Q:
    """Marked rows to ask for now: not asked for since, or when the answer may have lagged."""
    not_asked_since = Q(dirty_at__gt=F("observed_at"))
    no_answer_lags = Q(dirty_at__lte=timezone.now() - LAG)
    return Q(dirty_at__isnull=False) & (not_asked_since | no_answer_lags)


def refetch_dirty(client: InstallationClient, installation_id: int) -> int:
    """Ask for every row that waits, 100 objects a point; returns rows answered."""
    count = 0
    for resource in listed_resources():
        last = 0
        while True:
            dirty = dict(
                resource.merge.model._default_manager.filter(
                    in_doubt(),
                    pk__gt=last,  # some stay dirty: see LAG
                    node_id__gt="",
                    repository__installation_id=installation_id,
                    repository__removed_at__isnull=True,
                    repository__deleted_at__isnull=True,
                )
                .order_by("pk")
                .values_list("node_id", "pk")[:_MANY]
            )
            if not dirty:
                break
            last = max(dirty.values())
            count += refetch(resource, client, dirty)
    return count


def refetch(resource: Resource, client: InstallationClient, nodes: Mapping[str, int]) -> int:
    """Ask for `nodes` (node id → our id) and take the answer as the truth; null means gone.

    Not if its repository is null too: the installation sees neither, and both may come back. Such
    a row stays as it is, dirty if it was, to be asked for again, and the repository is in doubt. A
    row that was seen within LAG before stays as well.
    """
    listing = resource.listing
    assert listing is not None
    asked_at = timezone.now()
    query = (
        "query($ids: [ID!]!, $homes: [ID!]!) { nodes(ids: $ids) { ... on "
        f"{resource.graphql_type} {{ {listing.node_fields} repository {{ databaseId }} }} }} "
        "homes: nodes(ids: $homes) { ... on Repository { databaseId } } }"
    )
    ids = [node_id for node_id in nodes if node_id]
    rows_here = resource.merge.model._default_manager.filter(pk__in=nodes.values())
    homes = dict(rows_here.values_list("repository", "repository__node_id"))
    variables = {"ids": ids, "homes": list(homes.values())}
    try:
        reply = client.graphql(query, variables, partial=True)
    except GraphQLTooHeavy:
        if len(nodes) == 1:
            raise
        items = list(nodes.items())
        middle = len(items) // 2
        return refetch(resource, client, dict(items[:middle])) + refetch(
            resource, client, dict(items[middle:])
        )
    found = reply.data.get("nodes") or []
    rows: list[Row] = [
        listing.normalise(node, node["repository"]["databaseId"]) for node in found if node
    ]
    visible = {home["databaseId"] for home in reply.data.get("homes") or [] if home}
    seen = {node["id"] for node in found if node}
    seen |= _withheld(reply, ids)
    absent = {pk for node_id, pk in nodes.items() if node_id not in seen}
    absent -= {row[resource.merge.key[0]] for row in rows}  # asked by an older form of its id
    absent -= _of_unavailable_kinds(resource, absent)
    reached("refetch: answered, not stored")
    return store_answer(resource.merge, rows, absent, homes.keys() - visible, asked_at)


def _withheld(reply: GraphQLReply, ids: Sequence[str]) -> set[str]:
    """Node ids whose null has another reason than that there is no such object."""
    withheld = set()
    for error in reply.errors:
        path = error.get("path") or []
        if error.get("type") != "NOT_FOUND" and path[:1] == ["nodes"] and len(path) > 1:
            withheld.add(ids[path[1]])
    return withheld


def _of_unavailable_kinds(resource: Resource, absent: Set[int]) -> set[int]:
    """Those of `absent` whose kind their repository does not show, which is no word about them."""
    rows = resource.merge.model._default_manager.filter(pk__in=absent)
    off = Q(
        repository__in=ResourceCursor.objects.filter(resource=resource.name)
        .exclude(unavailable="")
        .values("repository")
    )
    if resource.listing is not None and resource.listing.switch:
        off |= Q(**{f"repository__{resource.listing.switch}": False})
    return set(rows.filter(off).values_list("pk", flat=True)) if absent else set()


def store_answer(
    merge: Merge, rows: list[Row], absent: Set[int], hidden: Set[int], asked_at: datetime
) -> int:
    """Store what is there, bury what is `absent` (but for what `hidden` repositories hold); returns
    how many rows the answer told of.
    """
    here = merge.model._default_manager
    with transaction.atomic():
        lock_names({row["repository_id"] for row in rows})
        result = upsert(merge, rows, observed_at=asked_at, rule=Rule.AUTHORITATIVE, lag=LAG)
        mark_renamed(merge, result.changed, asked_at)
        list_soon(hidden)
        late = just_seen(merge, absent, asked_at) | set(
            here.filter(pk__in=absent, repository__in=hidden).values_list("pk", flat=True)
        )
        tombstone(merge, list(absent - late), asked_at)
        told = here.filter(pk__in={row[merge.key[0]] for row in rows} | (absent - late))
        # An answer equal to the row changes nothing, and may settle it all the same.
        told.filter(dirty_at__lte=asked_at - LAG).update(dirty_at=None)
        told.filter(dirty_at__isnull=False, observed_at__lt=asked_at).update(observed_at=asked_at)
    return len(rows) + len(absent - late)


def just_seen(merge: Merge, absent: Set[int], asked_at: datetime) -> set[int]:
    """Those of `absent` in an answer that were seen within LAG before it was asked for."""
    rows = merge.model._default_manager.filter(pk__in=absent, observed_at__gte=asked_at - LAG)
    return set(rows.values_list("pk", flat=True))


def mark_new_and_late(merge: Merge, inserted: Set[Key], observed_at: datetime) -> set[Key]:
    """Marks, and returns, new rows that came late: what they show may have been deleted while
    GitHub told us nothing, and the looks that would miss it may be over. They are what was known
    at their clock, not now: an answer without them counts.
    """
    if not inserted:
        return set()
    late = Q(updated_at__lt=observed_at - LAG)
    looked_since = Q(updated_at__lte=F("repository__last_synced_at"))
    rows = merge.model._default_manager.filter(pk__in=[key[0] for key in inserted])
    # After an import an audit looks at everything.
    doubtful = rows.filter(late | looked_since, repository__imported_at__isnull=False)
    ids = list(doubtful.values_list("pk", flat=True))
    rows.filter(pk__in=ids).update(dirty_at=timezone.now(), observed_at=F("updated_at"))
    return {(pk,) for pk in ids}


def mark_renamed(merge: Merge, changed: Set[Key], as_of: datetime | Combinable) -> set[Key]:
    """Marks, and returns, rows whose content is known `as_of` before a label or a milestone was
    renamed: the event about it asked for those that carried it then, and these may carry it since.
    Call `lock_names` before they are written.
    """
    if not changed:
        return set()
    rows = merge.model._default_manager.filter(pk__in=[key[0] for key in changed])
    before = rows.exclude(labels=[], milestone="").filter(
        repository__names_changed_at__gte=as_of - LAG
    )
    ids = list(before.values_list("pk", flat=True))
    rows.filter(pk__in=ids).update(dirty_at=timezone.now())
    return {(pk,) for pk in ids}


def lock_names(repository_ids: Set[int]) -> None:
    """Until the transaction ends no event renames labels or milestones of these repositories."""
    rows = Repository.objects.select_for_update(no_key=True).filter(pk__in=repository_ids)
    list(rows.order_by("pk").values_list("pk", flat=True))
