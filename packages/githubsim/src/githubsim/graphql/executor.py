"""Executes queries, and keeps the nodes of lists as they were sent until something changes.

A list of a hundred nodes has thousands of fields, and each costs graphql-core microseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import msgspec
from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLOutputType,
    Node,
    VariableNode,
)
from graphql.execution import Executor
from graphql.pyutils import Path

from githubsim import jsontext
from githubsim.graphql.context import Context, Info
from githubsim.store import (
    Comment,
    CommitComment,
    Issue,
    Pull,
    Release,
    Review,
    ReviewComment,
)
from githubsim.store.rendered import Kept

# What there is by the thousand; each has an id.
_KEPT = frozenset({Comment, CommitComment, Issue, Pull, Release, Review, ReviewComment})
# The items of these fields are nodes.
_COUNTED = frozenset({"nodes", "edges"})
_serial = count()
# Where a list is in a document: response names and types down to it, without the indices.
Place = tuple[tuple[str, str | None], ...]


@dataclass(slots=True)
class Document:
    """A valid document, with what was found out about its lists."""

    node: DocumentNode
    number: int = field(default_factory=lambda: next(_serial))
    _used: dict[Place, tuple[str, ...]] = field(default_factory=dict)

    def variables(self, place: Place, nodes: Iterable[Node]) -> tuple[str, ...]:
        """The variables that the fields at a place use."""
        found = self._used.get(place)
        if found is None:
            fragments = {
                one.name.value: one
                for one in self.node.definitions
                if isinstance(one, FragmentDefinitionNode)
            }
            found = self._used[place] = tuple(sorted(set(_variables(nodes, fragments))))
        return found


class KeepingExecutor(Executor[Any]):
    """graphql-core's, but a node of a list is rendered once. What lies inside it is kept with it.
    Not kept is an item with an error, nor any once git or a change came between.
    """

    _inside = False
    _list: Info | None = None
    _key: tuple[Any, ...] = ()

    def complete_list_item_value(
        self,
        item: Any,
        complete_results: list[Any],
        item_type: GraphQLOutputType,
        field_details_list: Any,
        info: Info,
        item_path: Path,
        position_context: Any,
    ) -> bool:
        """One item of a list: as it is kept, or as graphql-core completes it."""
        context: Context = self.context_value
        context.nodes += info.field_name in _COUNTED

        def complete() -> Any:
            done: list[Any] = []
            super(KeepingExecutor, self).complete_list_item_value(
                item, done, item_type, field_details_list, info, item_path, position_context
            )
            return done[0]

        document = context.document
        if self._inside or type(item) not in _KEPT or document is None:
            complete_results.append(complete())
            return False
        if self._list is not info:
            self._list, self._key = info, self._of_list(info, item_path, document)
        plain: list[Any] = []

        def render() -> Kept | None:
            before, nodes = len(self.collected_errors.errors), context.nodes
            self._inside = True
            try:
                plain.append(complete())
            finally:
                self._inside = False
            if len(self.collected_errors.errors) > before or context.git_was_read:
                return None
            return Kept(jsontext.encode(plain[0]), context.nodes - nodes)

        key = (self._key, type(item), item.id)
        kept = context.store.rendered(key, context.version, render)
        if not plain and kept is not None:
            context.nodes += kept.nodes
        complete_results.append(plain[0] if kept is None else msgspec.Raw(kept.content))
        return False

    def _of_list(self, info: Info, item_path: Path, document: Document) -> tuple[Any, ...]:
        """What the rows of a list depend on, beside the store."""
        context = info.context
        names: list[tuple[str, str | None]] = []
        path = item_path.prev
        while path is not None:
            if isinstance(path.key, str):
                names.append((path.key, path.typename))
            path = path.prev
        place = tuple(names)
        used = document.variables(place, info.field_nodes)
        values = msgspec.json.encode([context.variables.get(one) for one in used])
        return (document.number, place, values, context.caller_key)


def _variables(nodes: Iterable[Any], fragments: dict[str, FragmentDefinitionNode]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, VariableNode):
            yield node.name.value
        elif isinstance(node, FragmentSpreadNode):
            yield from _variables(node.directives or (), fragments)
            yield from _variables([fragments[node.name.value]], fragments)
        elif isinstance(node, Node):
            for name in node.keys:
                value = getattr(node, name)
                yield from _variables(
                    value if isinstance(value, (list, tuple)) else [value], fragments
                )
