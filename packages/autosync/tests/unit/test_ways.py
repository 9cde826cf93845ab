"""Which way a list is read: one pure function of what is declared and known."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autosync.kinds import TABLES
from autosync.kinds._ways import HOUR, Known, Left, Offer, Start, Way, first_reading, plan

GRAPH = Offer(Way.CONNECTION, points=2, since=True, counts=True, compared=True)
LIST = Offer(Way.REST, since=True, compared=True)
BOTH = (GRAPH, LIST)
PLENTY = Left(HOUR, HOUR)
offers = st.builds(
    Offer,
    way=st.sampled_from(Way),
    page=st.integers(2, 100),
    points=st.integers(1, 5),
    since=st.booleans(),
    counts=st.booleans(),
    compared=st.booleans(),
    lacks=st.frozensets(st.sampled_from(["a", "b"])),
)
maybe = st.one_of(st.none(), st.integers(0, 200_000))
known = st.builds(
    Known,
    total=maybe,
    beside=maybe,
    was_read=st.booleans(),
    changed=maybe,
    begun=st.one_of(st.none(), st.sampled_from(Way)),
    got=st.integers(0, 100),
)
left = st.builds(Left, st.one_of(st.none(), st.integers(-10, HOUR)), maybe)


@given(st.lists(offers, min_size=1, max_size=4), known, left)
def test_the_answer_is_one_of_the_ways_that_lack_least_and_never_free(
    some: list[Offer], here: Known, budget: Left
) -> None:
    found = plan(some, here, budget)
    assert found.offer in some
    assert len(found.offer.lacks) == min(len(one.lacks) for one in some)
    assert found == plan(some, here, budget)
    assert min(found.requests, found.rest, found.graphql) >= 0
    if found.way in (Way.CONNECTION, Way.STREAM, Way.REST):
        assert found.requests >= 1
        assert found.rest + found.graphql >= 1
    if found.way is not Way.REST:
        assert found.rest == 0


@given(st.lists(offers, min_size=1, max_size=4), known, left)
def test_a_reading_that_was_begun_goes_on_by_its_way(
    some: list[Offer], here: Known, budget: Left
) -> None:
    way = plan(some, here, budget).way
    assert plan(some, replace(here, begun=way), budget).way is way


@given(st.integers(0, 200_000), st.integers(0, 200_000), left)
def test_more_objects_never_cost_less_by_the_same_way(fewer: int, more: int, budget: Left) -> None:
    fewer, more = sorted((fewer, more))
    for one in BOTH:
        small, large = (plan([one], Known(total=total), budget) for total in (fewer, more))
        assert small.rest + small.graphql <= large.rest + large.graphql


@given(known, left)
def test_with_less_left_of_one_the_other_is_chosen_no_less_often(here: Known, budget: Left) -> None:
    if plan(BOTH, here, budget).way is Way.REST:
        assert plan(BOTH, here, replace(budget, graphql=0)).way is Way.REST


@pytest.mark.parametrize(
    ("here", "budget", "way"),
    [
        (Known(), PLENTY, Way.CONNECTION),  # its first page tells
        (Known(total=40), PLENTY, Way.CONNECTION),
        (Known(total=400, beside=150, got=100), PLENTY, Way.CONNECTION),
        (Known(total=5_000, beside=500, got=100), PLENTY, Way.REST),
        (Known(total=5_000, beside=9_000, got=100), PLENTY, Way.CONNECTION),
        (Known(total=5_000, beside=None), PLENTY, Way.CONNECTION),
        (Known(total=400, beside=150, got=100), Left(HOUR, 5), Way.REST),
        (Known(total=5_000, beside=500, got=100), Left(5, HOUR), Way.CONNECTION),
        (Known(total=5_000, beside=500, was_read=True, changed=9), PLENTY, Way.CONNECTION),
        (Known(total=5_000, begun=Way.REST), Left(5, HOUR), Way.REST),
    ],
)
def test_large_lists_are_read_by_rest_and_small_ones_by_graphql(
    here: Known, budget: Left, way: Way
) -> None:
    assert plan(BOTH, here, budget).way is way


def test_what_a_way_lacks_rules_it_out_beside_one_that_has_it() -> None:
    lacking = replace(LIST, lacks=frozenset({"closed_by"}))
    assert plan((GRAPH, lacking), Known(total=50_000), Left(HOUR, 1)).way is Way.CONNECTION


def test_the_price_of_a_list_is_counted_in_pages() -> None:
    whole = plan([GRAPH], Known(total=1_000), PLENTY)
    assert (whole.start, whole.requests, whole.graphql, whole.rest) == (Start.BEGINNING, 10, 20, 0)
    since = plan([GRAPH], Known(total=1_000, was_read=True), PLENTY)
    assert (since.start, since.requests, since.graphql) == (Start.MOMENT, 2, 3)
    # Each page begins with the last object of the one before; then the number is asked for.
    rest = plan([LIST], Known(total=1_000, beside=300), PLENTY)
    assert (rest.requests, rest.rest, rest.graphql) == (15, 14, 1)
    nested = Offer(Way.NESTED, 100, 1)
    assert plan([nested], Known(total=250), PLENTY).requests == 3
    assert plan([nested], Known(total=0), PLENTY).requests == 0


@pytest.mark.parametrize("kind", TABLES.values(), ids=lambda kind: kind.name)
def test_every_kind_that_is_listed_offers_a_way_and_two_ways_have_the_same_columns(
    kind: object,
) -> None:
    resource = kind.resource  # type: ignore[attr-defined]
    listed = resource.listing or resource.rest or resource.stream
    if listed:
        assert resource.offers
    if resource.also is not None:
        assert [one.lacks for one in resource.offers] == [frozenset(), frozenset()]


@given(known, left)
def test_the_steps_of_a_first_reading_are_those_that_the_engine_takes(
    here: Known, budget: Left
) -> None:
    here = replace(here, was_read=False, begun=None, got=0)
    steps = first_reading(BOTH, here, budget)
    if here.total is not None and here.total > GRAPH.page:
        assert steps[0].way is Way.CONNECTION
        assert steps[1:] == [plan(BOTH, replace(here, got=GRAPH.page), budget)]
    else:
        assert [one.way for one in steps] == [Way.CONNECTION]
