"""Sub-issues and dependencies: what may be linked, what becomes of a link, and who hears of it."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from githubsim.store import Event, Issue, Repository, Store
from githubsim.store.issue_links import DEEPEST, MOST_DEPENDENCIES


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store(None)
    yield made
    made.close()


@pytest.fixture
def home(store: Store) -> Repository:
    owner = store.create_account("acme")
    return store.create_repository(owner.id, "rocket")


def opened(store: Store, home: Repository, how_many: int) -> list[Issue]:
    return [
        store.open_issue(home.id, f"Issue {number}", author_id=home.owner_id)
        for number in range(how_many)
    ]


def ids(issues: list[Issue]) -> list[int]:
    return [one.id for one in issues]


def test_an_issue_is_a_part_of_one_alone_and_never_of_itself(
    store: Store, home: Repository
) -> None:
    whole, other, part = opened(store, home, 3)
    store.add_sub_issue(whole.id, part.id)
    for above, below in ((other, part), (whole, part), (part, whole), (whole, whole)):
        with pytest.raises(ValueError, match=r"one parent|circle"):
            store.add_sub_issue(above.id, below.id)
    store.add_sub_issue(other.id, part.id, replace=True)
    assert ids(store.sub_issues(other.id)) == [part.id]
    assert store.sub_issues(whole.id) == []


def test_parts_may_be_eight_levels_deep(store: Store, home: Repository) -> None:
    chain = opened(store, home, DEEPEST + 1)
    for above, below in pairwise(chain[:-1]):
        store.add_sub_issue(above.id, below.id)
    with pytest.raises(ValueError, match="eight levels"):
        store.add_sub_issue(chain[-2].id, chain[-1].id)


def test_both_repositories_hear_of_a_link_and_none_of_another_order(
    store: Store, home: Repository
) -> None:
    heard: list[Event] = []
    whole, one, two = opened(store, home, 3)
    store.on_event(heard.append)
    for part in (one, two):
        store.add_sub_issue(whole.id, part.id)
    store.add_dependency(one.id, two.id)
    assert [(event.name, event.action) for event in heard] == [
        ("sub_issues", "sub_issue_added"),
        ("sub_issues", "parent_issue_added"),
        ("sub_issues", "sub_issue_added"),
        ("sub_issues", "parent_issue_added"),
        ("issue_dependencies", "blocked_by_added"),
        ("issue_dependencies", "blocking_added"),
    ]
    heard.clear()
    store.order_sub_issues(whole.id, [two.id, one.id])
    assert ids(store.sub_issues(whole.id)) == [two.id, one.id]
    assert heard == []


def test_summaries_say_what_is_done_and_what_is_waited_for(store: Store, home: Repository) -> None:
    whole, one, two = opened(store, home, 3)
    for part in (one, two):
        store.add_sub_issue(whole.id, part.id)
        store.add_dependency(whole.id, part.id)
    store.close_issue(one.id)
    assert store.count_sub_issues(whole.id) == (2, 1)
    assert store.count_dependencies(whole.id) == {
        "blocked_by": 1, "total_blocked_by": 2, "blocking": 0, "total_blocking": 0,
    }  # fmt: skip
    assert store.count_dependencies(two.id)["total_blocking"] == 1


def test_an_issue_waits_for_fifty_others_at_most_and_no_two_for_each_other(
    store: Store, home: Repository
) -> None:
    waits, *others = opened(store, home, MOST_DEPENDENCIES + 2)
    for one in others[:-1]:
        store.add_dependency(waits.id, one.id)
    for blocked, blocking in ((waits, others[-1]), (others[0], waits), (waits, waits)):
        with pytest.raises(ValueError, match=r"50|taken"):
            store.add_dependency(blocked.id, blocking.id)


def test_links_go_with_what_is_deleted_and_along_with_what_is_transferred(
    store: Store, home: Repository
) -> None:
    there = store.create_repository(home.owner_id, "station")
    whole, gone, moving = opened(store, home, 3)
    for part in (gone, moving):
        store.add_sub_issue(whole.id, part.id)
        store.add_dependency(whole.id, part.id)
    store.delete_issue(gone.id)
    new = store.transfer_issue(moving.id, there.id)
    assert ids(store.sub_issues(whole.id)) == ids(store.blocked_by(whole.id)) == [new.id]
    assert store.parent_of(new.id) == store.issue(whole.id)
