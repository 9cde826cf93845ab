"""Other forms of node ids."""

from __future__ import annotations

from django.db import models


class NodeAlias(models.Model):
    """GitHub is changing the form of its node ids: another form of the id that a row has.

    https://docs.github.com/graphql/guides/migrating-graphql-global-node-ids
    """

    # Not `table`: a word of SQL's own.
    table_name = models.CharField(max_length=63)
    node_id = models.CharField(max_length=255)
    row_id = models.BigIntegerField(help_text="the row's primary key")

    class Meta:
        db_table = "node_aliases"
        verbose_name_plural = "node aliases"
        constraints = [
            models.UniqueConstraint(fields=["table_name", "node_id"], name="node_alias_identity"),
        ]

    def __str__(self) -> str:
        return self.node_id
