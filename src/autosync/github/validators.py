"""What makes a repeated read free: the ETag of each address, and where its next page was.

A 304 costs no primary quota (GitHub docs, best-practices-for-using-the-rest-api).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Validator:
    """What GitHub said about one address last time; `next_url` lets a 304 go on to page two."""

    etag: str | None = None
    last_modified: str | None = None
    next_url: str | None = None


class ValidatorStore(Protocol):
    """Keeps validators per installation and request URL (ETags may differ by token and page)."""

    def get(self, installation_id: int, url: str) -> Validator | None:
        """Return what was put for this exact URL, or None."""

    def put(self, installation_id: int, url: str, validator: Validator) -> None:
        """Remember; called only after the reply's content was taken in."""


class NoValidators:
    """For one-off reads (`autosync doctor`): remembers nothing, so nothing is conditional."""

    def get(self, installation_id: int, url: str) -> Validator | None:
        return None

    def put(self, installation_id: int, url: str, validator: Validator) -> None:
        return None
