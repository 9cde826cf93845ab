"""Labels of a repository."""

from __future__ import annotations

from autosync.kinds import _columns as gh
from autosync.kinds._kind import Clock, Kind, List, OfRepository, Packed, Rest
from autosync.kinds._rules import Whole


class Label(OfRepository):
    """One label, keyed by GitHub's id, which stays when it is renamed. REST shows no clock."""

    github_id = gh.Key(graph=None, about="GitHub's id of the label.")
    name = gh.Name(about="Its name, which another may take when it is renamed.")
    color = gh.Name(max_length=16, about="Six hexadecimal digits, as 0e8a16.")
    description = gh.Text(none=True, about="What it is for; empty if nobody wrote it.")
    is_default = gh.Flag("default", graph="isDefault", about="Whether GitHub made it.")

    github = Kind(
        read=Rest("/labels"),
        news=Packed("labels"),
        events={"label": Whole("label", gone={"deleted"})},
        needs={"issues": "read"},
        clock=Clock.ARRIVAL,
        api=List("name", search=("name", "description")),
    )

    def __str__(self) -> str:
        return self.name
