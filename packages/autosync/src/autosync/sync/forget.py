"""Forget a person: erase them from every table, and keep what is still to come from naming them.

First the list of `mirror.people` has them, and every process knows it; then what is here goes,
table after table, in batches. Killed, it is begun again, and finds less to do.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Collection
from datetime import timedelta

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from autosync.errors import AutoSyncError
from autosync.kinds import RESOURCES
from autosync.kinds._people import declared_people
from autosync.mirror import people
from autosync.mirror.merge import Merge
from autosync.mirror.people import Forgotten
from autosync.models import Commit, GitHubAppInstallation, Repository
from autosync.sync.eraser import OWN_ACCOUNTS, Erased, Eraser, Known, tables
from autosync.sync.purge import purge_repository

_PATIENCE = 60.0  # seconds for transactions that began before all knew
_NOT_SEARCHED = {"forgotten_people", "django_migrations", "django_content_type", "auth_permission"}


class _Trial(Forgotten):
    """The list as it would be; nothing is stored."""

    def learn(self, person: uuid.UUID, kind: str, value: str) -> None:
        self._digests[kind, value] = person


def forget(
    who: str,
    *,
    emails: Collection[str] = (),
    dry_run: bool = False,
    even_if_unknown: bool = False,
    settle: Callable[[], None] | None = None,
) -> Erased:
    """Erase the person with this login or GitHub's id from the mirror; `emails` are more of theirs.

    Raises AutoSyncError for a person whose account has the App installed, and for one that the
    mirror does not know (unless `even_if_unknown`: what comes later is then kept out).
    """
    known = look_up(who, emails)
    trial = _trial(known)
    gone = _own_installations(known)
    if not known.ids or dry_run:
        found = _erase(known, trial, dry_run=True)
        if dry_run:
            return found
        if not found.rows and not even_if_unknown and not any(map(trial.known.get, _listed())):
            raise AutoSyncError(
                f"The mirror knows nobody called {who}. Check the name, or give "
                "--even-if-unknown to keep out what comes later."
            )
    with transaction.atomic():
        people.remember(known.facts())
    (settle or wait_until_all_know)()
    for repository in Repository.objects.filter(installation__in=gone):
        purge_repository(repository.pk, timezone.now() + timedelta(days=1))
    return _erase(known, people.current(), dry_run=False)


def remember_again(who: str) -> int:
    """Strike a person off the list; rows of the list deleted. What was erased stays erased until
    it is read anew.
    """
    known = people.current()
    kind = "id" if who.isdigit() else "login"
    person = known.whose(kind, who.removeprefix("@")) if known else None
    if person is None:
        raise AutoSyncError(f"{who} was not forgotten here. Check the name, or give the id.")
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM forgotten_people WHERE person = %s", [person])
        people.read_again()
        return int(cursor.rowcount)


def look_up(who: str, emails: Collection[str] = ()) -> Known:
    """What the mirror knows of the person with this login or id."""
    known = Known(emails={email.strip().lower() for email in emails})
    who = who.strip().removeprefix("@")
    if not who:
        raise AutoSyncError("Give the login of the person, or GitHub's id of the account.")
    if who.isdigit():
        known.ids.add(int(who))
    else:
        known.logins.add(who)
    pairs = _pairs(known)
    if who.isdigit():
        known.logins |= {login for number, login in pairs if login}
    else:
        known.ids |= {number for number, _ in pairs if number}
        known.logins |= {login for _, login in pairs if login}
    if len(known.ids) > 1:
        raise AutoSyncError(
            f"Several accounts were called {who}: {', '.join(map(str, sorted(known.ids)))}. "
            "Give the id of the one to forget."
        )
    if known.ids and not who.isdigit():  # names that the account had before
        known.logins |= {login for _, login in _pairs(Known(ids=known.ids)) if login}
    theirs = Q(author_user_id__in=known.ids)
    for login in known.logins:
        theirs |= Q(author_login__iexact=login)
    for name, email in (
        Commit.objects.filter(theirs).values_list("author_name", "author_email").distinct()
    ):
        known.emails |= {email.lower()} if "@" in email else set()
        known.names |= {name} if len(name) > 2 else set()
    for email in known.emails:
        rows = Commit.objects.filter(Q(author_email__iexact=email)).values_list("author_name")
        known.names |= {name for (name,) in rows.distinct() if len(name) > 2}
    return known


def _pairs(known: Known) -> set[tuple[int | None, str]]:
    """Numbers and logins that stand beside each other in some table."""
    found: set[tuple[int | None, str]] = set()
    logins = [login.lower() for login in known.logins]
    with connection.cursor() as cursor:
        for merge in _merges():
            for person in merge.people:
                if person.id and person.login:
                    cursor.execute(
                        f"SELECT DISTINCT {person.id}, {person.login} FROM {merge.table} "  # noqa: S608
                        f"WHERE {person.id} = ANY(%s) OR lower({person.login}) = ANY(%s)",
                        [list(known.ids), logins],
                    )
                    found |= {(row[0], row[1]) for row in cursor.fetchall()}
    return found


def _merges() -> list[Merge]:
    """A merge for each table that has people in its columns or text that may mention them."""
    found = {one.merge.model: one.merge for one in RESOURCES}
    for model, some in declared_people().items():
        found.setdefault(model, Merge(model, (), (), people=some))
    return list(found.values())


def _listed() -> list[str]:
    return list(people.current().known)


def _trial(known: Known) -> _Trial:
    key, person = people.own_key(), uuid.uuid4()
    digests = {people.digest(key, kind, value): person for kind, value in known.facts()}
    return _Trial(key, digests, frozenset({person} if known.ids else ()))


def _own_installations(known: Known) -> list[int]:
    """Installations on the account of the person, which are gone; one that is not is an error."""
    theirs = Q(account_id__in=known.ids)
    for login in known.logins:
        theirs |= Q(account_login__iexact=login)
    found = list(GitHubAppInstallation.objects.filter(theirs))
    for one in found:
        if one.deleted_at is None:
            raise AutoSyncError(
                f"The App is installed on the account {one.account_login} itself, and its "
                "repositories cannot be mirrored without its name. Uninstall the App there, then "
                "run `autosync forget` again."
            )
    return [one.pk for one in found]


def wait_until_all_know() -> None:
    """Every process has read the list, and what was being written without it is committed."""
    time.sleep(people.REFRESH + 0.2)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
        (until,) = cursor.fetchone() or (0,)
        end = time.monotonic() + _PATIENCE
        while time.monotonic() < end:
            cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
            (oldest,) = cursor.fetchone() or (until,)
            if oldest >= until:
                return
            time.sleep(0.1)
    raise AutoSyncError(
        "A transaction in this database has been open for a minute, and may still write what is "
        "to be erased. Try again when it has ended; what is new is kept out already."
    )


def _erase(known: Known, forgotten: Forgotten, *, dry_run: bool) -> Erased:
    erased = Erased(known)
    eraser = Eraser(known, forgotten, erased, dry_run)
    merges = _merges()
    for merge in merges:
        eraser.mirrored(merge)
    eraser.contributors()
    eraser.keys()
    eraser.inbox()
    done = {merge.table for merge in merges} | {"inbox", "contributors"} | _NOT_SEARCHED
    for table in tables():
        if table.name not in done and table.name not in OWN_ACCOUNTS:
            eraser.own(table)
    eraser.note_what_stays()
    return erased
