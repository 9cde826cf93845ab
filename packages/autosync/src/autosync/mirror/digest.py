"""A digest of unbounded text, for indexes.

A row of a btree index holds at most 2,704 bytes. Under a plain index a longer name or e-mail
address keeps its row, and all that is stored with it, out of the table for good.
"""

from __future__ import annotations

from django.db.models import BinaryField, Func

# `decode` is immutable, which an index needs and `convert_to` is not; its backslashes are doubled.
DIGEST = "sha256(decode(replace({}, '\\', '\\\\'), 'escape'))"


class Digest(Func):
    """SHA-256 of a text column, as the database computes it: `ON CONFLICT (…, DIGEST)` finds it."""

    template = DIGEST.format("%(expressions)s")
    output_field = BinaryField()
