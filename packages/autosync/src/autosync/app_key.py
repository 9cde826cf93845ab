"""The App's private key: read forgivingly, shown never.

Beside the room that talks to GitHub, so that whoever only checks the settings need not load it.
"""

from __future__ import annotations

import base64
import binascii
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from autosync.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_PEM_START = "-----BEGIN"
_EXPECTED = (
    "Give the PEM text (line breaks may be written as \\n), the path of the .pem file "
    "GitHub let you download, or the base64 of that file."
)


def load_private_key(text: str) -> str:
    """Return the App's private key as PEM text, from PEM text, a file path or base64 of PEM.

    Raises `ConfigurationError` naming GITHUB_APP_PRIVATE_KEY; the value itself is never repeated.
    """
    value = text.strip().strip("\"'").strip()
    if not value:
        raise ConfigurationError(f"GITHUB_APP_PRIVATE_KEY is not set. {_EXPECTED}")
    pem = value if _PEM_START in value else _from_file(value) or _from_base64(value)
    if pem is None:
        raise ConfigurationError(
            "GITHUB_APP_PRIVATE_KEY is neither PEM text, nor a file that exists, nor base64 "
            f"of PEM. {_EXPECTED}"
        )
    pem = pem.replace("\\r", "").replace("\\n", "\n").replace("\r\n", "\n").strip() + "\n"
    rsa_key(pem)
    return pem


def _from_file(value: str) -> str | None:
    if "\n" in value or len(value) > 4096:
        return None
    try:
        path = Path(value).expanduser()
        if not path.is_file():
            return None
        content = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        content = ""
    except (OSError, RuntimeError, ValueError) as error:
        if isinstance(error, PermissionError):
            raise ConfigurationError(
                "GITHUB_APP_PRIVATE_KEY names a file that this user may not read. "
                "Change its owner or mode (0600, owned by the user AutoSync runs as)."
            ) from None
        return None
    if _PEM_START not in content:
        raise ConfigurationError(
            f"GITHUB_APP_PRIVATE_KEY names a file that holds no PEM key. {_EXPECTED}"
        )
    return content


def _from_base64(value: str) -> str | None:
    try:
        decoded = base64.b64decode("".join(value.split()), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return None
    return decoded if _PEM_START in decoded else None


@lru_cache(maxsize=4)
def rsa_key(pem: str) -> RSAPrivateKey:
    """The key itself, read once: its numbers are proven, which takes as long as a large import."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey  # noqa: PLC0415 (start-up time)
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 (start-up time)

    try:
        key = load_pem_private_key(pem.encode(), password=None)
    except Exception:
        # Whatever the parser says may quote the key, so its words are dropped.
        raise ConfigurationError(
            "GITHUB_APP_PRIVATE_KEY looks like PEM but is not a readable, unencrypted private "
            "key: it may be cut short or have lost its line breaks. " + _EXPECTED
        ) from None
    if not isinstance(key, RSAPrivateKey):
        raise ConfigurationError(
            "GITHUB_APP_PRIVATE_KEY is not an RSA key. GitHub Apps sign with the RSA key made "
            "on the App's settings page under Private keys."
        )
    return key
