"""A kind with one of those that its objects are read with: what GraphQL is asked, and for whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from autosync.kinds._columns import Place, camel
from autosync.kinds._kind import Nested
from autosync.mirror.children import Family
from autosync.mirror.upsert import Row

if TYPE_CHECKING:
    from autosync.kinds._derived import Derived


@dataclass(frozen=True, eq=False)
class Nest:
    """A kind of children and a kind of their parents."""

    kind: Derived
    parent: Derived

    @property
    def name(self) -> str:
        """By which it is known among the nests of all kinds."""
        several = len(self.kind.under.models) > 1
        return f"{self.kind.name}/{self.parent.name}" if several else self.kind.name

    @cached_property
    def family(self) -> Family:
        """Children and parents as tables."""
        under, counted = self.kind.under, ("", "")
        if under.counted:
            column = self.parent.model._meta.get_field(under.counted)
            counted = (under.counted, column.apart)
        merge, parents = self.kind.merge, self.parent.merge
        return Family(self.name, merge, parents, under.link, under.follows, counted)

    @property
    def read(self) -> Nested:
        """How the children are declared to be read."""
        read = self.kind.declared.read
        assert isinstance(read, Nested), self.kind.name
        return read

    @property
    def clock(self) -> str:
        """The parent's clock, as GraphQL has it."""
        return camel(self.kind.under.follows)

    @property
    def total(self) -> str:
        """The field of the connection that says how many there are, or in a page."""
        return self.read.union.count if self.read.union else "totalCount"

    @cached_property
    def of_parent(self) -> tuple[str, ...]:
        """What is asked of the parent itself."""
        return (self.clock, "number") if self._numbers else (self.clock,)

    @cached_property
    def _numbers(self) -> bool:
        """Whether only the parent says which number it has."""
        column = self.kind.under.number
        return bool(column) and "graphql" not in self.kind.ways_of(column)

    def list(self, arguments: str) -> str:
        """GraphQL for the connection, under the kind's name."""
        union, fields = self.read.union, self.kind.graphql_list.selection
        if union is not None:
            arguments = f"{arguments}, {union.arguments(self.parent.graphql_type)}"
            fields = union.written(self.kind.graphql_list.tree, self.parent.graphql_type)
        return (
            f"{self.kind.name}: {self.read.name}({arguments}) {{ {self.total} "
            f"pageInfo {{ hasNextPage endCursor }} nodes {{ {fields} }} }}"
        )

    def place(self, parent: Mapping[str, Any]) -> Row:
        """What a child has of its parent, as GraphQL shows that."""
        return {self.kind.under.number: parent["number"]} if self._numbers else {}

    @cached_property
    def _place(self) -> str:
        """The column with a child's place in the list, if it has one."""
        return next((one.name for one in self.kind.columns if isinstance(one, Place)), "")

    def row(self, node: Mapping[str, Any], place: Row, repository_id: int, at: int) -> Row:
        """A row from a node of the connection, the `at`th."""
        row = {**self.kind.from_graph_list(node, repository_id), **place}
        return {**row, self._place: at} if self._place else row
