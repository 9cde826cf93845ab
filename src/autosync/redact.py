"""Keeping passwords out of what is said: an address is shown without the password in it."""

from __future__ import annotations

import logging
import re

HIDDEN = "…"
# scheme://user:password@host, up to the last @ of the word: a password may hold unescaped ones.
# What is a number and then a path is a port: an @ may follow there as well.
_IN_URL = re.compile(
    r"(?P<front>\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s:/?#@'\"]*):(?!\d{1,5}[/?#])[^\s'\"<>]*@"
)
# A lone name before the @ is a token, as in https://ghs_…@github.com/.
_TOKEN_IN_URL = re.compile(r"(?P<front>\bhttps?://)[^\s:/?#@'\"]+@")
# ?password=…, and libpq's own form: host=db password=….
_PARAMETER = re.compile(
    r"(?P<front>\b(?:password|passwd|sslpassword)\s*=\s*)(?:'(?:[^'\\]|\\.)*'|[^\s&'\"]+)",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """`text` with the passwords of URLs and connection strings replaced by `…`."""
    text = _IN_URL.sub(rf"\g<front>:{HIDDEN}@", text)
    text = _TOKEN_IN_URL.sub(rf"\g<front>{HIDDEN}@", text)
    return _PARAMETER.sub(rf"\g<front>{HIDDEN}", text)


class RedactingFormatter(logging.Formatter):
    """Log lines, tracebacks included, without the passwords of URLs."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))
