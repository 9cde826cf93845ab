"""What is being read again: kinds that gained columns, until every row has them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Count

from autosync.insight.report import ReadAgain
from autosync.kinds import KINDS
from autosync.mirror.models import Repository
from autosync.sync.standing import read_again_of


@dataclass(frozen=True, slots=True)
class Again:
    """A kind of a repository whose new columns are not known of every row yet."""

    resource: str
    done: int
    """Rows read so far; of what is read with its parents, parents."""
    columns: list[str]
    """Null means unknown in them until then."""

    @property
    def what(self) -> str:
        """The kind in words."""
        return KINDS[self.resource].plural


def of_repositories(repository_ids: Iterable[int]) -> dict[int, list[Again]]:
    """Per repository the kinds that are being read again."""
    found: dict[int, list[Again]] = defaultdict(list)
    for one in read_again_of(repository_ids).order_by("resource"):
        kind = KINDS[one.resource]
        columns = [c.name for c in kind.columns if c.added > (one.version or 1)]
        found[one.repository_id].append(Again(one.resource, one.again_done, columns))
    return dict(found)


def everywhere() -> list[ReadAgain]:
    """The same by kind, with the number of repositories left."""
    cursors = read_again_of().filter(repository__in=Repository.visible())
    counted = cursors.values_list("resource").annotate(Count("pk")).order_by("resource")
    return [ReadAgain(resource, repositories) for resource, repositories in counted]
