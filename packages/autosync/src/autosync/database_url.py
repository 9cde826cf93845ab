"""`postgresql://user:password@host:port/name?sslmode=…`, read in one way everywhere.

libpq reads a wrong address otherwise than we do, and repeats parts of the password in its errors.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

from autosync.errors import ConfigurationError

_SECONDS = "10"  # until a server that does not answer counts as away


def parameters(variable: str, url: str) -> dict[str, str]:
    """The address as libpq's parameters; ConfigurationError names `variable`, no password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ConfigurationError(_unlike(variable)) from None
    if parts.scheme not in ("postgres", "postgresql"):
        raise ConfigurationError(_unlike(variable))
    # Behind the last @ begins the host: one further on was meant to be part of the password.
    if "@" in parts.path + parts.query + parts.fragment:
        raise ConfigurationError(
            f"{variable}: the user name or password holds a character that has a meaning in "
            "addresses. Write / as %2F, ? as %3F, # as %23, @ as %40, : as %3A."
        )
    try:
        port = parts.port
    except ValueError:
        raise ConfigurationError(
            f"{variable}: the port is not a number. Write 5432 or the port your PostgreSQL has, "
            "and : in a password as %3A."
        ) from None
    # What takes connections and says nothing would be waited for for minutes.
    where = {"connect_timeout": _SECONDS} | dict(parse_qsl(parts.query))
    name = unquote(parts.path.strip("/"))
    if not name and not where.get("dbname"):
        raise ConfigurationError(_unlike(variable))
    found = {
        "dbname": name,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "host": unquote(_host(parts.netloc)),
        "port": str(port or ""),
    }
    return where | {key: value for key, value in found.items() if value}


def _host(netloc: str) -> str:
    """The host as written: a socket's folder is told by its capitals."""
    host = netloc.rpartition("@")[2]
    return host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def _unlike(variable: str) -> str:
    return (
        f"{variable} is not a PostgreSQL address. It looks like "
        "postgresql://user:password@host:5432/autosync; leave it empty for the embedded one."
    )
