"""Languages of a repository, with the bytes written in each."""

from __future__ import annotations

from django.db import models

from autosync.kinds import _columns as gh
from autosync.kinds._kind import Clock, Connection, Kind, List, OfRepository, With


class RepositoryLanguage(OfRepository, key=("repository_id", "name")):
    """One language of the default branch. What is no more may return."""

    name = gh.Name(None, graph="node.name", about="Its name, as Python.")
    color = gh.Name(
        None, graph="node.color", max_length=16, none=True, about="#3572A5; empty if it has none."
    )
    # GitHub counts them again some time after a push, and moves no clock.
    size = gh.BigNumber(
        None,
        graph="size",
        null=True,
        apart="counted_at",
        about="Bytes written in it, as GitHub counted them last.",
    )
    counted_at = models.DateTimeField(null=True, blank=True)

    github = Kind(
        read=Connection("languages", edges=True, none_without="language"),
        news=With(("commit",)),
        needs={"contents": "read"},
        clock=Clock.ARRIVAL,
        api=List("name", filters=("name",), columns=("name", "size", "counted_at")),
        default=False,
    )

    def __str__(self) -> str:
        return self.name
