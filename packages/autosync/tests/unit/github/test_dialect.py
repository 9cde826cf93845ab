"""What older servers refuse is left out of queries, or said as they know it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from autosync.github import dialect

URL = "https://ghes.test/api/graphql"
QUERY = (
    "query($ids: [ID!]!) { parents: nodes(ids: $ids) { ... on Issue { updatedAt number "
    "issue_dependency: blockedBy(first: 50) { totalCount pageInfo { endCursor } nodes { id } } "
    "issueDependenciesSummary { totalBlockedBy } subIssuesSummary { total } "
    "assignees: assignedActors(first: 9) { nodes { id } } } } }"
)


@pytest.fixture(autouse=True)
def nothing_known() -> Iterator[None]:
    yield
    dialect._refused.clear()


def refused(*names: str) -> list[dict[str, dict[str, str]]]:
    return [{"extensions": {"code": "undefinedField", "fieldName": name}} for name in names]


def test_a_field_that_a_query_is_as_good_without_is_left_out_with_all_inside_it() -> None:
    assert dialect.learn(URL, QUERY, refused("blockedBy", "issueDependenciesSummary"))
    said = dialect.spoken(URL, QUERY)
    assert " ".join(said.split()) == (
        "query($ids: [ID!]!) { parents: nodes(ids: $ids) { ... on Issue { updatedAt number "
        "subIssuesSummary { total } assignees: assignedActors(first: 9) { nodes { id } } } } }"
    )
    assert dialect.spoken("https://api.github.com/graphql", QUERY) == QUERY


def test_a_name_that_has_an_older_one_is_said_by_that() -> None:
    assert dialect.learn(URL, QUERY, refused("assignedActors"))
    assert "assignees: assignees(first: 9)" in dialect.spoken(URL, QUERY)


def test_what_was_not_asked_or_cannot_be_done_without_is_an_error() -> None:
    assert not dialect.learn(URL, QUERY, refused("updatedAt"))
    assert not dialect.learn(URL, QUERY, refused("subIssues"))
    assert dialect.learn(URL, QUERY, refused("subIssuesSummary"))
    # It was left out of what is sent now: nothing more is to learn.
    assert not dialect.learn(URL, dialect.spoken(URL, QUERY), refused("subIssuesSummary"))
