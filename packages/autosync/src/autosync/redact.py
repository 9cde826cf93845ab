"""Keeping passwords out of what is said: an address is shown without the password in it."""

from __future__ import annotations

import logging
import re
import sys
import threading
import traceback
from types import TracebackType

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


def in_tracebacks() -> None:
    """Print uncaught exceptions of this process without the passwords of URLs."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        sys.stderr.write(redact("".join(traceback.format_exception(kind, error, trace))))

    def thread_hook(failed: threading.ExceptHookArgs) -> None:
        if failed.exc_value is not None and failed.exc_type is not SystemExit:
            hook(failed.exc_type, failed.exc_value, failed.exc_traceback)

    sys.excepthook = hook
    threading.excepthook = thread_hook


class RedactingFormatter(logging.Formatter):
    """Log lines, tracebacks included, without the passwords of URLs."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))
