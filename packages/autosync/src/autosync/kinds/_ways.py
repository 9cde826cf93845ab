"""Which way the objects of a kind are read: one function of what is declared and what is known.

Nothing is asked here and nothing is stored: `plan` answers for one list, at one moment. Whoever
reads splits its work as it likes (several readers from several moments, many repositories to one
query): each part is planned as a list of its own.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass, replace

PAGE = 100
# Points an hour of an installation, of REST and of GraphQL, where GitHub does not say another
# number: https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api
HOUR = 5_000
# Another way than the first must cost less than this part of what the first one does.
WORTH = 0.75


class Way(enum.Enum):
    """Where a list is."""

    CONNECTION = "a connection of GraphQL"
    STREAM = "a connection of GraphQL, newest first"
    NESTED = "GraphQL, with its parents"
    REST = "a list of REST"
    RIDING = "inside others"


class Start(enum.Enum):
    """Where reading begins."""

    BEGINNING = "the beginning"
    CURSOR = "where the first reading stopped"
    MOMENT = "what changed since the last reading"
    NEWEST = "the newest, down to what is known"
    WAITING = "the parents that changed"
    NOWHERE = "with what carries it"


@dataclass(frozen=True)
class Offer:
    """A way that a kind declares.

    `points` is what a page of `page` costs. `since`: it can be read from a moment on; each page
    then begins with the last object of the one before. `counts`: its pages say how many there are,
    unless they are filtered; `compared`: that number is compared with the rows here, and asked for
    if no page said it, which is a point of GraphQL's. `lacks`: columns that it has not.
    """

    way: Way
    page: int = PAGE
    points: int = 1
    since: bool = False
    counts: bool = False
    compared: bool = False
    lacks: frozenset[str] = frozenset()

    @property
    def by_rest(self) -> bool:
        return self.way is Way.REST


@dataclass(frozen=True)
class Known:
    """What is known before the list is read; None: not known.

    `total`: objects at GitHub, of a nested kind its parents. `beside`: objects of other kinds that
    REST's list shows too. `was_read`: once, to its end. `changed`: objects that changed since.
    `begun`: the way by which a first reading was begun, which stopped. `got`: objects that it has
    read by the first way already; any other would read them again.
    """

    total: int | None = None
    beside: int | None = 0
    was_read: bool = False
    changed: int | None = None
    begun: Way | None = None
    got: int = 0


@dataclass(frozen=True)
class Left:
    """Points that remain of the hour; None where there is no limit, or none is known."""

    rest: int | None = None
    graphql: int | None = None


@dataclass(frozen=True)
class Reading:
    """The answer: which way, from where, how many a page, and what it will cost at least."""

    offer: Offer
    start: Start
    page: int
    requests: int
    rest: int
    graphql: int

    @property
    def way(self) -> Way:
        return self.offer.way


def plan(offers: Sequence[Offer], known: Known, left: Left) -> Reading:
    """How to read a list that is offered by these ways, of which the first is preferred.

    A way that lacks columns is no way beside one that has them. A reading that was begun goes on as
    it was, and what changed since is read by the first way, which shows nothing else. As long as
    nobody knows how large the list is, the first way is taken if its pages say so: then this is
    asked again. Else the one that takes less of what is left of the hour.
    """
    if not offers:
        raise ValueError("a kind without a way")
    fewest = min(len(one.lacks) for one in offers)
    first, *others = [one for one in offers if len(one.lacks) == fewest]
    begun = next((one for one in (first, *others) if one.way is known.begun), None)
    unknown = first.counts and (known.total is None or known.beside is None)
    if begun is not None or known.was_read or unknown:
        return _reading(begun or first, known)
    chosen = _reading(first, replace(known, total=max((known.total or 0) - known.got, 0)))
    for one in others:
        reading = _reading(one, known)
        better = _share(reading, left) <= WORTH * _share(chosen, left)
        if (_affordable(reading, left), better) > (_affordable(chosen, left), False):
            chosen = reading
    return chosen


def first_reading(offers: Sequence[Offer], known: Known, left: Left) -> list[Reading]:
    """The steps of a first reading, as they are taken: what the first page tells may change the
    way.
    """
    if len(offers) == 1:
        return [plan(offers, known, left)]
    begin = plan(offers, replace(known, total=None), left)
    if (known.total or 0) <= begin.page:
        return [begin]
    return [begin, plan(offers, replace(known, got=begin.page), left)]


def _reading(offer: Offer, known: Known) -> Reading:
    if offer.way is Way.RIDING:
        return Reading(offer, Start.NOWHERE, offer.page, 0, 0, 0)
    start, objects = _extent(offer, known)
    beside = (known.beside or 0) if offer.by_rest and start is not Start.MOMENT else 0
    pages = _pages(offer, objects + beside)
    count = int(offer.compared and (start is Start.MOMENT or not offer.counts))
    rest = pages * offer.points if offer.by_rest else 0
    graphql = (0 if offer.by_rest else pages * offer.points) + count
    return Reading(offer, start, offer.page, pages + count, rest, graphql)


def _extent(offer: Offer, known: Known) -> tuple[Start, int]:
    """Where it begins, and how many objects are to be read from there at least."""
    everything, changed = known.total or 0, known.changed or 0
    if not known.was_read:
        start = Start.CURSOR if known.begun is offer.way else Start.BEGINNING
        return start, everything
    if offer.way is Way.NESTED:
        return Start.WAITING, changed
    if offer.way is Way.STREAM:
        return Start.NEWEST, changed
    if offer.since:
        return Start.MOMENT, changed
    if offer.way is Way.CONNECTION:
        return Start.NEWEST, changed
    return Start.BEGINNING, everything


def _pages(offer: Offer, objects: int) -> int:
    if offer.way is Way.NESTED:
        return -(-objects // offer.page)
    if offer.by_rest and offer.since and objects > offer.page:
        return 1 + -(-(objects - offer.page) // (offer.page - 1))
    return max(1, -(-objects // offer.page))


def _affordable(reading: Reading, left: Left) -> bool:
    return (left.rest is None or reading.rest <= left.rest) and (
        left.graphql is None or reading.graphql <= left.graphql
    )


def _share(reading: Reading, left: Left) -> float:
    """The part that it takes of what remains, of both resources together."""
    return sum(
        cost / max(HOUR if points is None else points, 1)
        for cost, points in ((reading.rest, left.rest), (reading.graphql, left.graphql))
    )
