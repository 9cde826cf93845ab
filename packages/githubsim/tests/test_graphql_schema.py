"""The GraphQL types are a part of what GitHub publishes: field by field, exactly."""

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLUnionType,
    build_schema,
)

from githubsim.graphql.schema import TEXT
from octokit import graphql_schema

# On docs.github.com, and not in the file of July 2026:
# https://docs.github.com/graphql/reference/interfaces#assignable
_NEWER = {
    "AssigneeConnection: GraphQLObjectType, published NoneType",
    "AssigneeEdge: GraphQLObjectType, published NoneType",
    "Assignable.assignedActors: not published",
    "Issue.assignedActors: not published",
    "PullRequest.assignedActors: not published",
    # https://docs.github.com/graphql/overview/changelog of 2025-07-30 and 2025-10-15
    "Issue.blockedBy: not published",
    "Issue.blocking: not published",
    "Issue.issueDependenciesSummary: not published",
    "IssueDependenciesSummary: GraphQLObjectType, published NoneType",
    "IssueDependencyOrder: GraphQLInputObjectType, published NoneType",
    "IssueDependencyOrderField: GraphQLEnumType, published NoneType",
}


@pytest.mark.octokit
def test_the_schema_is_a_part_of_the_published_one() -> None:
    # The published file defines two fields of EnterpriseOwnerInfo twice.
    theirs = build_schema(graphql_schema(), assume_valid_sdl=True).type_map
    ours = build_schema(TEXT).type_map
    wrong: list[str] = []
    for name, mine in ours.items():
        if name.startswith("__"):
            continue
        published = theirs.get(name)
        if type(published) is not type(mine):
            wrong.append(f"{name}: {type(mine).__name__}, published {type(published).__name__}")
            continue
        wrong += [f"{name}{one}" for one in _differences(mine, published)]
    assert set(wrong) <= _NEWER, "\n".join(sorted(set(wrong) - _NEWER))
    assert sum(isinstance(one, GraphQLObjectType) for one in ours.values()) > 30


def _differences(mine: Any, published: Any) -> Iterator[str]:
    """What of a type is otherwise than published: the published may have more, never less."""
    if isinstance(mine, GraphQLEnumType):
        # All values: a client may send any of them.
        if mine.values.keys() != published.values.keys():
            yield f": values {sorted(mine.values.keys() ^ published.values.keys())}"
    elif isinstance(mine, GraphQLUnionType):
        extra = {one.name for one in mine.types} - {one.name for one in published.types}
        if extra:
            yield f": members {sorted(extra)}"
    elif isinstance(mine, (GraphQLObjectType, GraphQLInterfaceType)):
        extra = {one.name for one in mine.interfaces} - {one.name for one in published.interfaces}
        if extra:
            yield f": interfaces {sorted(extra)}"
        for name, field in mine.fields.items():
            other = published.fields.get(name)
            if other is None:
                yield f".{name}: not published"
                continue
            if str(field.type) != str(other.type):
                yield f".{name}: {field.type}, published {other.type}"
            yield from _arguments(f".{name}", field.args, other.args)
    elif isinstance(mine, GraphQLInputObjectType):
        yield from _arguments("", mine.fields, published.fields)


def _arguments(where: str, mine: dict[str, Any], published: dict[str, Any]) -> Iterator[str]:
    for name, argument in mine.items():
        other = published.get(name)
        if other is None:
            yield f"{where}({name}): not published"
        elif (str(argument.type), argument.default_value) != (
            str(other.type),
            other.default_value,
        ):
            yield (
                f"{where}({name}): {argument.type} = {argument.default_value}, published "
                f"{other.type} = {other.default_value}"
            )
    for name, other in published.items():
        if name not in mine and str(other.type).endswith("!") and other.default_value is None:
            yield f"{where}({name}): required by the published schema"
