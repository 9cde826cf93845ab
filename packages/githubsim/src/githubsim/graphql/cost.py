"""What a query costs before it runs: points, and how many nodes it could return at the most.

https://docs.github.com/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    ValueNode,
    value_from_ast_untyped,
)

MOST_NODES = 500_000


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one query; `requests` as GitHub counts them: one for each time a connection is filled."""

    requests: int = 0
    nodes: int = 0
    # Connections in it, those included of which only the count is asked.
    lists: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.requests + other.requests, self.nodes + other.nodes, self.lists + other.lists
        )

    @property
    def points(self) -> int:
        return max(1, (self.requests + 50) // 100)


def cost_of(
    document: DocumentNode, operation: OperationDefinitionNode, variables: Mapping[str, Any]
) -> Cost:
    """The cost of an operation of a valid document; a mutation takes one point."""
    if operation.operation is not OperationType.QUERY:
        return Cost()
    fragments = {
        one.name.value: one
        for one in document.definitions
        if isinstance(one, FragmentDefinitionNode)
    }
    defaults = {
        one.variable.name.value: value_from_ast_untyped(one.default_value)
        for one in operation.variable_definitions or ()
        if one.default_value is not None
    }
    return _selected(operation.selection_set, 1, fragments, {**defaults, **variables})


def _selected(
    selections: SelectionSetNode | None,
    parents: int,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: Mapping[str, Any],
) -> Cost:
    total = Cost()
    for field in _fields(selections, fragments):
        inside = parents
        arguments = {one.name.value: one.value for one in field.arguments or ()}
        size = _value(arguments.get("first") or arguments.get("last"), variables)
        if isinstance(size, int) and not isinstance(size, bool):
            total += Cost(parents, parents * max(0, size), 1)
            inside = parents * max(0, size)
        elif field.name.value == "nodes" and "ids" in arguments:
            ids = _value(arguments["ids"], variables)
            inside = len(ids) if isinstance(ids, list) else 1
            total += Cost(1, inside)
        elif field.name.value == "totalCount":
            total += Cost(lists=1)
        total += _selected(field.selection_set, inside, fragments, variables)
    return total


def _fields(
    selections: SelectionSetNode | None, fragments: Mapping[str, FragmentDefinitionNode]
) -> Iterator[FieldNode]:
    for one in selections.selections if selections else ():
        if isinstance(one, FieldNode):
            yield one
        elif isinstance(one, FragmentSpreadNode):
            yield from _fields(fragments[one.name.value].selection_set, fragments)
        else:
            yield from _fields(one.selection_set, fragments)  # type: ignore[attr-defined]


def _value(node: ValueNode | None, variables: Mapping[str, Any]) -> Any:
    return None if node is None else value_from_ast_untyped(node, dict(variables))
