"""What an import will cost, before it begins: from one packed query per hundred repositories.

Nothing is written to the mirror. What is learned only while reading (how many comments there are,
how many authors) is counted with the least it can cost, and said to be unknown.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from autosync import connect
from autosync.github import Priority
from autosync.github.budget import are_githubs
from autosync.github.rates import A_MINUTE
from autosync.kinds import listed_resources, nested_kinds
from autosync.kinds._events import Resource
from autosync.kinds._ways import Known, Left, first_reading
from autosync.mirror.models import GitHubAppInstallation, Repository
from autosync.sync import unread
from autosync.sync.absent import read_repositories
from autosync.sync.first_reading import left as points_left
from autosync.sync.news import GROUP, ListThere, NewsReader

# What imports may take of an hour: see `Priority.reserve`.
_OF_AN_HOUR = 1 - Priority.BACKFILL.reserve


@dataclass(frozen=True)
class Cost:
    """What a kind of a repository costs if each list is read by itself: small repositories that
    share a query cost less. `objects` None: GitHub does not say beforehand how many there are.
    """

    repository: str
    kind: str
    objects: int | None
    requests: int
    rest: int
    graphql: int


@dataclass(frozen=True)
class Forecast:
    """An import of an installation, of all that it shows. `seconds` is the time that one request
    took when this was asked.
    """

    installation: int
    account: str
    costs: Sequence[Cost]
    seconds: float
    limited: bool
    left: Left
    hour: Left

    @property
    def requests(self) -> int:
        return sum(one.requests for one in self.costs)

    @property
    def rest(self) -> int:
        return sum(one.rest for one in self.costs)

    @property
    def graphql(self) -> int:
        return sum(one.graphql for one in self.costs)

    @property
    def minutes(self) -> float:
        """How long it takes at least."""
        return minutes(self, connect.width())


def minutes(cost: Forecast, width: int) -> float:
    """The longest of what an import waits for: answers, `width` at once; GitHub's requests a
    minute, if it is `limited`; and the hours in which the points come.
    """
    waits = [cost.requests * cost.seconds / max(width, 1) / 60]
    if cost.limited:
        by_graphql = sum(one.requests for one in cost.costs if one.graphql)
        waits += [cost.rest / A_MINUTE["core"], by_graphql / A_MINUTE["graphql"]]
    for points, left, hour in (
        (cost.rest, cost.left.rest, cost.hour.rest),
        (cost.graphql, cost.left.graphql, cost.hour.graphql),
    ):
        if left is not None and hour is not None and points > max(left, 0):
            waits.append(60.0 * -(-(points - max(left, 0)) // max(int(hour * _OF_AN_HOUR), 1)))
    return max(waits)


def installations() -> list[GitHubAppInstallation]:
    """Those that GitHub lists and that are not suspended; they are not stored."""
    found = []
    for document in connect.app_client().installations():
        with unread.named("an installation"):
            account = document.get("account") or {}
            if document.get("suspended_at") is None:
                found.append(
                    GitHubAppInstallation(
                        pk=int(document["id"]), account_login=str(account.get("login") or "")
                    )
                )
    return found


def forecast(installation: GitHubAppInstallation) -> Forecast:
    """Ask GitHub what there is, and plan each list as the engine will."""
    client = connect.installation_client(installation.pk, Priority.RECONCILE)
    documents, _ = read_repositories(client)
    repositories = [one for document in documents for one in _repository(document, installation)]
    reader = NewsReader(client)
    costs: list[Cost] = []
    begun, asked = time.monotonic(), 0
    for start in range(0, len(repositories), GROUP):
        group = repositories[start : start + GROUP]
        there = reader.read(group).there
        asked += 1
        for repository in group:
            if repository.pk in there:
                costs += _of_repository(repository.full_name, there[repository.pk].lists)
    seconds = (time.monotonic() - begun) / max(asked, 1)
    budget = connect.budget()
    hours = {one: budget.limit(installation.pk, one) for one in ("core", "graphql")}
    return Forecast(
        installation.pk,
        installation.account_login,
        costs,
        seconds,
        are_githubs(hours["core"]),
        points_left(client),
        Left(hours["core"], hours["graphql"]),
    )


def _repository(document: object, installation: GitHubAppInstallation) -> Iterator[Repository]:
    """As much of it as is needed to ask about it; it is not stored."""
    with unread.named("a repository"):
        assert isinstance(document, dict)
        yield Repository(
            pk=int(document["id"]),
            node_id=str(document["node_id"]),
            full_name=str(document["full_name"]),
            installation_id=installation.pk,
        )


def _of_repository(name: str, lists: Mapping[str, ListThere]) -> Iterator[Cost]:
    """What each kind costs of a repository that has so many objects. Git costs nothing."""
    for resource in listed_resources():
        if resource.offers:
            known = _known(resource, lists)
            yield _cost(name, resource, known)
    for kind in nested_kinds():
        parents = [
            lists[nest.parent.name].total for nest in kind.nests if nest.parent.name in lists
        ]
        if parents and kind.resource.offers:
            yield _cost(name, kind.resource, Known(total=sum(parents)), counted=False)


def _known(resource: Resource, lists: Mapping[str, ListThere]) -> Known:
    among = resource.also.among if resource.also is not None else ""
    beside = 0
    for other in listed_resources() if among else ():
        if other.listing is not None and other.listing.connection == among and other.name in lists:
            beside = lists[other.name].total
    total = lists[resource.name].total if resource.name in lists else None
    return Known(total=total, beside=beside)


def _cost(name: str, resource: Resource, known: Known, *, counted: bool = True) -> Cost:
    steps = first_reading(resource.offers, known, Left())
    return Cost(
        name,
        resource.name,
        known.total if counted else None,
        sum(one.requests for one in steps),
        sum(one.rest for one in steps),
        sum(one.graphql for one in steps),
    )


def total_by_kind(costs: Sequence[Cost]) -> list[Cost]:
    """The sums over all repositories, the dearest first; their repository is ""."""
    found: dict[str, Cost] = {}
    for one in costs:
        before = found.get(one.kind, Cost("", one.kind, 0, 0, 0, 0))
        known = None
        if before.objects is not None and one.objects is not None:
            known = before.objects + one.objects
        found[one.kind] = Cost(
            "",
            one.kind,
            known,
            before.requests + one.requests,
            before.rest + one.rest,
            before.graphql + one.graphql,
        )
    return sorted(found.values(), key=lambda one: (-one.rest - one.graphql, one.kind))
