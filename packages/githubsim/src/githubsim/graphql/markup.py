"""Text as GitHub would show it: paragraphs and line ends; other markup stays as it was written."""

from __future__ import annotations

import re
from html import escape

_MENTION = re.compile(r"(?<![\w/@.])@([a-z0-9](?:[a-z0-9-]{0,38}))", re.IGNORECASE)


def html_of(text: str | None) -> str | None:
    """The HTML of a text, or None where there is none."""
    if text is None:
        return None
    parts = [one.strip() for one in re.split(r"\n\s*\n", text) if one.strip()]
    return "\n".join(f"<p>{escape(one).replace(chr(10), '<br>' + chr(10))}</p>" for one in parts)


def mentioned(text: str | None) -> list[str]:
    """The logins that a text mentions, each once, in their order."""
    return list(dict.fromkeys(_MENTION.findall(text or "")))
