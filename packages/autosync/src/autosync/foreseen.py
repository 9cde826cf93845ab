"""Errors that can be expected, each as a line that says what happened and what to do about it."""

from __future__ import annotations

import errno
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard
from urllib.parse import unquote, urlsplit

from autosync import config
from autosync.errors import AutoSyncError
from autosync.folders import belongs_to

if TYPE_CHECKING:
    import psycopg

NO_GIT = "The program git is not installed. Install git 2.39 or newer."
_EXAMPLE = "postgresql://user:password@host:5432/name; empty: the embedded PostgreSQL"
_DISK_FULL = {errno.ENOSPC, errno.EDQUOT}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}
_LONGEST = 300
# By the class of PostgreSQL's SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html).
_NOT_MIGRATED = {"42P01", "42703", "3F000"}


def explain(error: BaseException) -> str | None:
    """What to tell of an error that was foreseen; None for one that is a defect."""
    chain = list(_chain(error))
    for one in chain:
        if isinstance(one, AutoSyncError):
            return str(one)
    for one in chain:
        if _is_of_database(one) and (said := _of_database(one)):
            return said
    for one in chain:
        if isinstance(one, OSError) and (said := _of_system(one)):
            return said
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and its causes: Django and Procrastinate wrap those of psycopg.

    Not its context: what fails while a foreseen error is handled is a defect all the same.
    """
    while error is not None:
        yield error
        error = error.__cause__


def _is_of_database(error: BaseException) -> TypeGuard[psycopg.Error]:
    loaded = sys.modules.get("psycopg")  # whoever did not load it has no error of it
    return loaded is not None and isinstance(error, loaded.Error)


def _of_database(error: psycopg.Error) -> str | None:
    import psycopg  # noqa: PLC0415 (start-up time)

    words = _words(error)
    code = error.sqlstate or ""
    if code in _NOT_MIGRATED:
        return (
            "The database is not set up for this version of AutoSync "
            f"({words}). Run `{config.command('migrate')}`."
        )
    if code == "53100" or "No space left on device" in words:
        return (
            f"The database's disk is full ({words}). Free some space there and try again; what was "
            "committed is safe."
        )
    if code == "42501":
        return (
            f"The database refuses this user ({words}). AutoSync's user must own its tables: "
            f"GRANT it what is missing, or use another user in DATABASE_URL ({_EXAMPLE})."
        )
    if code == "25006":
        return f"The database is read-only ({words}). Use the primary server in DATABASE_URL."
    if code == "53300":
        return (
            f"The database takes no more connections ({words}). Raise its max_connections, or "
            "stop other programs that use it."
        )
    where = "DATABASE_URL" if _own_server() else "the embedded PostgreSQL"
    if code.startswith("28") or "authentication failed" in words or "no password" in words:
        return f"The database of {where} refuses the user or the password ({words}). Correct it."
    if code == "3D000" or re.search(r'database ".*" does not exist', words):
        return (
            f"The database that {where} names does not exist ({words}). Create it, for example "
            "with `createdb`, or correct the name."
        )
    if isinstance(error, psycopg.ProgrammingError) and not code:
        return f"DATABASE_URL cannot be used ({words}). Expected: {_EXAMPLE}."
    away = code[:2] in ("08", "57") and code != "57014"
    if isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)) and (away or not code):
        if not _own_server():
            return f"The embedded PostgreSQL does not answer ({words}). Try again in a moment."
        return (
            f"The database of DATABASE_URL does not answer ({words}). Start that PostgreSQL "
            f"server, or correct DATABASE_URL ({_EXAMPLE})."
        )
    return None


def _of_system(error: OSError) -> str | None:
    place = str(error.filename) if isinstance(error.filename, (str, bytes, Path)) else ""
    at = f" at {place}" if place else ""
    if error.errno in _DISK_FULL:
        return f"The disk is full{at} ({error.strerror}). Free some space and try again."
    if error.errno in _NOT_ALLOWED and place:
        return (
            f"{place} cannot be used ({error.strerror}{belongs_to(Path(place))}). Run this as the "
            "user it belongs to, or set AUTOSYNC_DATA_DIR to a folder of your own."
        )
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return "Too many files are open. Raise the limit (`ulimit -n`) and try again."
    return None


def _words(error: psycopg.Error) -> str:
    """PostgreSQL's own words in one line, without the password of DATABASE_URL."""
    # The server's message alone; of a failed connection all of it, but for the advice below.
    text = error.diag.message_primary or str(error).partition("\n\t")[0]
    text = " ".join(text.split()).rstrip(".")
    text = re.sub(r"^connection failed: (?=connection)", "", text)
    password = unquote(urlsplit(_database_url()).password or "") if _database_url() else ""
    return (text.replace(password, "…") if password else text)[:_LONGEST]


def _own_server() -> bool:
    return bool(_database_url())


def _database_url() -> str:
    try:
        return config.load().database_url
    except AutoSyncError:
        return ""
