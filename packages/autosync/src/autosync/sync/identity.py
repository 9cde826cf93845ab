"""Whose git a name leads to: a name is reused, so nothing is stored before GitHub has said.

After a rename the old name may belong to another repository (desktop/desktop#6927, #7202). A git
exchange tells no id. `GET /repositories/{id}` does, for one request, made only when git has brought
something new: a quiet repository costs nothing.
"""

from __future__ import annotations

import logging

from django.utils import timezone

from autosync import connect
from autosync.github import GitReader, InstallationClient, Moved, Unavailable
from autosync.kinds.repository import MERGE, row_from_rest
from autosync.mirror.doubt import audit_soon
from autosync.mirror.models import Repository
from autosync.mirror.upsert import Rule, upsert

logger = logging.getLogger(__name__)
TRIES = 3


def advertised(repository: Repository, client: InstallationClient) -> dict[str, str]:
    """Refs under the repository's name, with their commits; nothing is fetched.

    Not known to be this repository's: compare with them, store none of them.
    """
    try:
        return connect.git_reader(repository, client).ls_remote()
    except Moved:
        if _name_is_current(repository, client):
            raise
        return connect.git_reader(repository, client).ls_remote()


def fetched(repository: Repository, client: InstallationClient) -> GitReader:
    """The repository's git, up to date, and known to be of this id and no other.

    The name is asked for after the fetch: had it been taken meanwhile, it would be another's by
    then. A cache that holds another repository is thrown away. `repository` gets the current name.
    """
    for _ in range(TRIES):
        reader = connect.git_reader(repository, client)
        try:
            reader.sync()
        except Moved:
            if _name_is_current(repository, client):
                raise
            continue
        if _name_is_current(repository, client):
            return reader
        logger.warning(
            "what git brought was not of repository %d, now %s: thrown away",
            repository.pk,
            repository.full_name,
        )
        reader.forget()
        # What was stored when names were trusted is found, and removed, by an audit.
        audit_soon([repository.pk])
    raise Unavailable(
        f"The name of repository {repository.pk} changes too often to read its git",
        installation_id=client.installation_id,
    )


def _name_is_current(repository: Repository, client: InstallationClient) -> bool:
    """Ask GitHub for the name of this id; False if it was another, which is adopted."""
    asked_at = timezone.now()
    document = client.get(f"/repositories/{repository.pk}").json()
    row = row_from_rest(document, client.installation_id)
    if row["github_id"] != repository.pk:
        raise Unavailable("GitHub answered about another repository than was asked for")
    known = repository.full_name
    if row["full_name"] == known:
        return True
    upsert(MERGE, [row], observed_at=asked_at, rule=Rule.AUTHORITATIVE)
    repository.refresh_from_db()
    # The answer lags if nothing changed: an event with a later clock has said the name.
    return repository.full_name == known
