"""What belongs to an organisation, and to none of its repositories: read and kept in step.

The lists are short, so each sync reads them whole: that is their news. One installation is elected
to read for an account; reinstalling the App makes another, and the rows stay.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models.functions import Coalesce, Now
from django.utils import timezone

from autosync import connect
from autosync.database import is_away
from autosync.github import (
    InstallationClient,
    InstallationSuspended,
    Priority,
    QuotaExhausted,
)
from autosync.killpoints import reached
from autosync.kinds import Derived, account_kinds
from autosync.kinds._permissions import holds
from autosync.mirror.doubt import LAG
from autosync.mirror.models import AccountCursor, GitHubAppInstallation, ResourceCursor
from autosync.mirror.tombstones import inherit
from autosync.mirror.upsert import Key, Rule, absent
from autosync.sync import account_lists, unread
from autosync.sync.account_lists import Listed, Part
from autosync.sync.errors import Busy, is_passing, log_failure
from autosync.sync.gone import delete, follow_parents
from autosync.sync.locks import exclusive
from autosync.sync.queue import SYNC_ACCOUNT, defer
from autosync.sync.refusals import Refusal, Refused, refusal_at, refusal_of

logger = logging.getLogger(__name__)
_ORGANIZATION = "Organization"
# No kind's own: the whole work waits.
_OF_ALL = (Busy, QuotaExhausted, InstallationSuspended)


def reader_of(account_id: int) -> GitHubAppInstallation | None:
    """The installation that reads for the account: of several, the newest."""
    installations = GitHubAppInstallation.live.filter(
        account_id=account_id, account_type=_ORGANIZATION, suspended_at__isnull=True
    )
    return installations.order_by("-pk").first()


def sync_soon(installation: GitHubAppInstallation) -> None:
    """Have what belongs to the installation's account read, if there is any such kind."""
    if account_kinds() and installation.account_type == _ORGANIZATION and installation.account_id:
        defer(SYNC_ACCOUNT, installation.account_id)


def sync_account(account_id: int) -> None:
    """Bring what belongs to the account in step with GitHub. Raises what passes."""
    installation = reader_of(account_id)
    if installation is None:
        return
    with exclusive("account", account_id, wait=False):
        AccountSync(installation).run()


def accounts_in_doubt() -> set[int]:
    """The accounts of rows that are still to be asked for when no answer lags any more."""
    found: set[int] = set()
    for kind in account_kinds():
        doubtful = kind.model._default_manager.filter(
            dirty_at__lte=timezone.now() - LAG, deleted_at__isnull=True
        )
        found |= set(doubtful.values_list("account_id", flat=True).distinct())
    return found


class AccountSync:
    """Reads the kinds of the account of one installation, each alone: none stops the others."""

    def __init__(
        self, installation: GitHubAppInstallation, priority: Priority = Priority.RECONCILE
    ) -> None:
        assert installation.account_id is not None
        self.installation = installation
        self.account_id: int = installation.account_id
        self.client: InstallationClient = connect.installation_client(installation.pk, priority)

    def run(self) -> int:
        """Read all kinds; rows changed. What was refused or failed is in its cursor."""
        count = 0
        failed: Exception | None = None
        for kind in account_kinds():
            try:
                count += self.sync(kind)
            except _OF_ALL:
                raise
            except Exception as error:
                if is_away(error):
                    raise
                refusal = refusal_of(error)
                if refusal is not None:
                    self._refused(kind, refusal)
                    continue
                log_failure(logger, error, "%ss of %s failed", kind.name, self.installation)
                self.cursors(kind).update(error=str(error)[:2000])
                failed = failed or (error if is_passing(error) else None)
        if failed is not None:
            raise failed
        return count

    def readable(self) -> list[Derived]:
        """The kinds that were read before and that GitHub shows."""
        cursors = AccountCursor.objects.filter(
            account_id=self.account_id, unavailable="", backfilled_at__isnull=False
        )
        names = set(cursors.values_list("resource", flat=True))
        return [kind for kind in account_kinds() if kind.name in names]

    def sync(self, kind: Derived) -> int:
        """Read one kind; rows changed. Raises what GitHub refuses."""
        self._need(kind)
        if kind.declared.under is not None:
            if kind.parent not in self.readable():
                return 0  # they were not read yet, as their cursor says
            self._follow_gone(kind)
        cursor, _ = AccountCursor.objects.get_or_create(
            account_id=self.account_id, resource=kind.name
        )
        if cursor.unavailable == "permission":
            # A token keeps the permissions that it was made with.
            self.client.refuse_token(self.client.token())
        started_at, count, odd = timezone.now(), 0, 0
        resumed = bool(cursor.cursor)
        cursor.state = ResourceCursor.State.RUNNING
        cursor.save()
        for part in account_lists.read(kind, self.account_id, self.client, cursor.cursor):
            gone = self.gone_in(kind, part)
            reached("import: page read, not stored")
            with transaction.atomic():
                changed, not_stored = self._store(kind, part, gone)
                cursor.cursor = part.following
                cursor.save()
                reached("import: page stored, not committed")
            reached("import: page committed")
            count, odd = count + changed, odd + not_stored
        self._done(kind, cursor, started_at, odd, whole=not resumed)
        return count

    def _follow_gone(self, kind: Derived) -> None:
        """What belongs to those that are gone is in no list that is read."""
        family = kind.family
        gone = family.parents.model._default_manager.filter(
            account_id=self.account_id, deleted_at__isnull=False
        )
        inherit(family.children, family.parents, family.link, parent_keys=gone.values_list("pk"))

    def _need(self, kind: Derived) -> None:
        """Refused without a question where the App was not granted what the kind needs, or where
        what it belongs to is not to be had.
        """
        wanted = kind.declared.needs
        if not holds(self.installation.permissions, wanted):
            words = ", ".join(f"{name}: {level}" for name, level in wanted.items())
            raise Refused(Refusal("permission", f"The App was not granted {words}."))
        if kind.declared.under is not None:
            above = self.cursors(kind.parent).exclude(unavailable="").first()
            if above is not None:
                raise Refused(Refusal(above.unavailable, above.unavailable_reason))

    def gone_in(self, kind: Derived, part: Part) -> set[Key]:
        """What the lists that ended with this part lack, and GitHub, asked for it once more, too:
        lists come back short at times.
        """
        found: set[Key] = set()
        for listed in part.lists:
            lacking = self._lacking(kind, listed) if listed.whole else {}
            named = {key: node_id for key, node_id in lacking.items() if node_id}
            found |= self._unknown(kind, named)
            nameless = lacking.keys() - named.keys()
            found |= nameless - self._there(kind, listed) if nameless else set()
        return found

    def _lacking(self, kind: Derived, listed: Listed) -> dict[Key, str]:
        rows = kind.model._default_manager.filter(
            deleted_at__isnull=True, observed_at__lt=listed.asked_at - LAG, **listed.within
        )
        names = [*kind.merge.key, *(["node_id"] if kind.merge.has("node_id") else [])]
        width = len(kind.merge.key)
        found = {tuple(row[:width]): "".join(row[width:]) for row in rows.values_list(*names)}
        return {key: node_id for key, node_id in found.items() if key not in listed.keys}

    def _unknown(self, kind: Derived, nodes: dict[Key, str]) -> set[Key]:
        """Those whose node ids GitHub does not know."""
        query = (
            f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {kind.graphql_type} {{ id }} }} }}"
        )
        found: set[Key] = set()
        items = list(nodes.items())
        for start in range(0, len(items), account_lists.PAGE):
            group = items[start : start + account_lists.PAGE]
            reply = self.client.graphql(query, {"ids": [one for _, one in group]}, partial=True)
            answered = reply.data.get("nodes")
            if not isinstance(answered, list) or len(answered) != len(group):
                continue
            for place, ((key, _), node) in enumerate(zip(group, answered, strict=True)):
                if node is None and refusal_at(reply, "nodes", place) is None:
                    found.add(key)
        return found

    def _there(self, kind: Derived, listed: Listed) -> set[Key]:
        """What the same list has when it is asked for again; all if that cannot be told."""
        under = kind.declared.under
        if under is None:
            parts = account_lists.read(kind, self.account_id, self.client)
        else:
            pk = listed.within[kind.under.key]
            rows = kind.parent.model._default_manager.filter(pk=pk)
            parents = list(rows.values_list("pk", "node_id"))
            parts = account_lists.read_of(kind, self.account_id, self.client, parents)
        again = [one for part in parts for one in part.lists]
        if len(again) == 1 and again[0].whole:
            return again[0].keys
        return set(self._lacking(kind, Listed(listed.within, listed.asked_at)))

    def _store(self, kind: Derived, part: Part, gone: Iterable[Key]) -> tuple[int, int]:
        """In the caller's transaction; how many rows changed, and how many could not be stored."""
        merge = kind.merge
        result, refused = unread.store(
            merge, part.rows, observed_at=part.asked_at, rule=Rule.AUTHORITATIVE, lag=LAG
        )
        follow_parents(merge, result.inserted)
        for one in (*part.odd, *(one for _, one in refused)):
            unread.log(f"{kind.name} of {self.installation}", one)
        count = len(result.changed)
        if merge.returns:
            rows = [dict(zip(merge.key, key, strict=True)) for key in sorted(gone)]
            homes = [{**row, kind.model.scope: self.account_id} for row in rows]
            count += len(absent(merge, homes, part.asked_at - LAG))
        else:
            count += len(delete(merge, sorted(gone), part.asked_at)[merge.table])
        for listed in part.lists:
            asked = kind.model._default_manager.filter(**listed.within)
            asked.filter(dirty_at__lte=listed.asked_at - LAG).update(dirty_at=None)
        return count, len(part.odd) + len(refused)

    def _done(
        self, kind: Derived, cursor: AccountCursor, started_at: datetime, odd: int, *, whole: bool
    ) -> None:
        rows = kind.model._default_manager.filter(
            account_id=self.account_id, deleted_at__isnull=True
        )
        cursor.done = rows.count()
        cursor.state = ResourceCursor.State.COMPLETE
        cursor.error = f"{odd} could not be read: see the log." if odd else ""
        cursor.unavailable = cursor.unavailable_reason = ""
        cursor.unavailable_since = None
        cursor.backfilled_at = cursor.backfilled_at or timezone.now()
        cursor.watermark = started_at if whole else cursor.watermark
        cursor.save()

    def _refused(self, kind: Derived, refusal: Refusal) -> None:
        """Not empty, not gone, no failure: nothing is deleted, and the cursor says why."""
        logger.info("%ss of %s: %s", kind.name, self.installation, refusal.words)
        values = {"unavailable": refusal.code, "unavailable_reason": refusal.words[:2000]}
        AccountCursor.objects.get_or_create(account_id=self.account_id, resource=kind.name)
        self.cursors(kind).update(
            **values, error="", unavailable_since=Coalesce("unavailable_since", Now())
        )

    def cursors(self, kind: Derived) -> Any:
        """The kind's own, if it has one yet."""
        return AccountCursor.objects.filter(account_id=self.account_id, resource=kind.name)
