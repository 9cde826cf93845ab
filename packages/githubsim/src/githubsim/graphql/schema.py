"""The executable schema: the published types of the .graphql files, with the rooms' resolvers."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
)

from githubsim.graphql import (
    accounts,
    commit_comments,
    commits,
    issue_links,
    issues,
    languages,
    organizations,
    people,
    reactions,
    references,
    releases,
    repositories,
    reviews,
    root,
    timeline,
)
from githubsim.graphql.pages import CONNECTION, EDGE, PAGE_INFO, Resolvers

# GitHub's Int goes beyond 32 bits on the way out: `databaseId` of a review that was 4964619882 in
# REST was so in GraphQL too. (fullDatabaseId, a BigInt, is a string.)
_INT = GraphQLScalarType("WideInt", serialize=int)
_INT.name = "Int"
TEXT = "\n".join(one.read_text() for one in sorted(Path(__file__).parent.glob("*.graphql")))


@cache
def schema() -> GraphQLSchema:
    """Built once; LookupError names a field that nothing resolves, or a resolver of no field."""
    built = build_schema(TEXT)
    resolvers: dict[str, Resolvers] = {"PageInfo": PAGE_INFO}
    for room in (
        root,
        accounts,
        repositories,
        issues,
        issue_links,
        languages,
        organizations,
        people,
        reactions,
        releases,
        reviews,
        commits,
        commit_comments,
        timeline,
        references,
    ):
        resolvers |= room.TYPES
    for name, kind in built.type_map.items():
        if name.startswith("__"):
            continue
        if isinstance(kind, (GraphQLInterfaceType, GraphQLUnionType)):
            kind.resolve_type = _resolve_type
        if isinstance(kind, (GraphQLInterfaceType, GraphQLObjectType)):
            for field in kind.fields.values():
                field.type = _widened(field.type)
        if isinstance(kind, GraphQLObjectType):
            if name in organizations.NEVER or name in references.NEVER:
                continue
            if name.endswith("Connection"):
                mine = resolvers.pop(name, CONNECTION)
            elif name.endswith("Edge"):
                mine = resolvers.pop(name, EDGE)
            else:
                # Payloads of mutations are dicts, which need no resolvers.
                mine = resolvers.pop(name, {}) if not name.endswith("Payload") else {}
            _attach(kind, mine)
    if resolvers:
        raise LookupError(f"no such types in the schema: {sorted(resolvers)}")
    return built


def _widened(kind: GraphQLOutputType) -> GraphQLOutputType:
    if isinstance(kind, GraphQLNonNull):
        return GraphQLNonNull(_INT) if kind.of_type is GraphQLInt else kind
    return _INT if kind is GraphQLInt else kind


def _attach(kind: GraphQLObjectType, resolvers: Resolvers) -> None:
    if kind.name.endswith("Payload"):
        return
    if kind.fields.keys() != resolvers.keys():
        wrong = sorted(kind.fields.keys() ^ resolvers.keys())
        raise LookupError(f"{kind.name}: fields and resolvers differ in {wrong}")
    for name, resolve in resolvers.items():
        kind.fields[name].resolve = resolve


def _resolve_type(value: Any, *_: Any) -> str:
    return root.type_name(value)
