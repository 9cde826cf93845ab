"""Where a credential may go: one host, which the operator has named in GITHUB_API_URL.

Nothing that GitHub, a payload, a `Link` header or a redirect says adds another one.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from autosync.github.errors import ForeignURL, UnexpectedReply

Origin = tuple[str, str, int]
_PORTS = {"http": 80, "https": 443}
# Two readers of one URL disagree about all else: blanks, control characters, backslashes.
_PLAIN = re.compile(r"[!-\[\]-~]{1,16000}")
# Owners: letters, digits, hyphens, and the underscore before an enterprise's short code
# (docs.github.com/admin/managing-iam/iam-configuration-reference/username-considerations-for-
# external-authentication). Repositories: letters, digits, `.`, `-` and `_`.
_FULL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}/(?!\.{1,2}$)[A-Za-z0-9._-]{1,100}")


def origin(url: str) -> Origin | None:
    """Scheme, host and port of a plain http(s) address; None for any other, or with a user name."""
    if not _PLAIN.fullmatch(url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, _PORTS[parts.scheme] if port is None else port


def check_home(url: str, home: str) -> None:
    """Raise ForeignURL unless a credential for `home` may go to `url`."""
    if origin(url) is None or origin(url) != origin(home):
        raise ForeignURL(f"{home} is the only address that gets a credential", url=url[:500])


def git_home(api_url: str) -> str:
    """Where git is served, from where the API is.

    github.com and GHE.com keep the API on a host of its own, `api.…`
    (docs.github.com/enterprise-cloud@latest/admin/data-residency/network-details-for-ghecom);
    GitHub Enterprise Server has it under `/api/v3`.
    """
    parts = urlsplit(api_url)
    host = parts.netloc
    if host == "api.github.com" or (host.startswith("api.") and host.endswith(".ghe.com")):
        host = host.removeprefix("api.")
    return f"{parts.scheme}://{host}"


def clone_address(api_url: str, full_name: str) -> str:
    """The address of a repository's git, built from the configured host and `owner/name`.

    Raises UnexpectedReply for what cannot be the name of a repository.
    """
    if not _FULL_NAME.fullmatch(full_name):
        raise UnexpectedReply(f"{full_name[:200]!r} is not the name of a repository")
    return f"{git_home(api_url)}/{full_name}.git"
