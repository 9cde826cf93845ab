"""What GitHub's GraphQL says when something is wrong: 200, with typed errors beside the data."""

from __future__ import annotations

import re
from collections.abc import Callable, Set
from typing import Any

from graphql import (
    SKIP,
    ArgumentNode,
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLResolveInfo,
    InlineFragmentNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    print_ast,
    visit,
)

Json = dict[str, Any]

_NO_FIELD = re.compile(r"Cannot query field '(\w+)' on type '(\w+)'")
_NO_ARGUMENT = re.compile(r"Unknown argument '(\w+)' on field '(\w+)\.(\w+)'")
_NO_VALUE = re.compile(r"Field '(\w+)' argument '(\w+)' of type '([^']+)' is required")


class Problem(Exception):
    """One thing that could not be answered; `type` is GitHub's name for it, e.g. NOT_FOUND."""

    def __init__(self, type_: str, message: str, extensions: Json | None = None) -> None:
        super().__init__(message)
        self.type = type_
        self.extra = extensions


class ListFails(Exception):
    """A list that GitHub cannot make, however short: the whole query answers 502."""

    type = "502"


def unresolved(node_id: str) -> Problem:
    """No such node, or none that the caller may see: GitHub tells no difference.

    Source: octokit/octokit.graphql.net#201 (an issue in a private repository),
    flowwer-dev/pull-request-stats#8 (a pull request, a permission lacking).
    """
    return Problem("NOT_FOUND", f"Could not resolve to a node with the global id of '{node_id}'.")


def forbidden() -> Problem:
    """The token lacks a permission."""
    return Problem("FORBIDDEN", "Resource not accessible by integration")


def failed(error: GraphQLError) -> Json:
    """An error of execution in GitHub's shape."""
    shape: Json = {}
    if isinstance(error.original_error, Problem):
        shape["type"] = error.original_error.type
    if error.path is not None:
        shape["path"] = error.path
    if isinstance(error.original_error, Problem) and error.original_error.extra is not None:
        shape["extensions"] = error.original_error.extra
    return shape | {"locations": _locations(error), "message": error.message}


def invalid(error: GraphQLError) -> Json:
    """An error of parsing or validation in GitHub's shape."""
    message, extensions = error.message, {}
    if found := _NO_FIELD.search(message):
        name, type_name = found.groups()
        message = f"Field '{name}' doesn't exist on type '{type_name}'"
        extensions = {"code": "undefinedField", "typeName": type_name, "fieldName": name}
    elif found := _NO_ARGUMENT.search(message):
        argument, _, name = found.groups()
        message = f"Field '{name}' doesn't accept argument '{argument}'"
        extensions = {"code": "argumentNotAccepted", "name": name, "argumentName": argument}
    elif found := _NO_VALUE.search(message):
        name, argument, _ = found.groups()
        message = f"Field '{name}' is missing required arguments: {argument}"
        extensions = {"code": "missingRequiredArguments", "name": name, "arguments": argument}
    elif message.startswith("Syntax Error: "):
        message = f"Parse error: {message.removeprefix('Syntax Error: ')}"
    shape: Json = {"extensions": extensions} if extensions else {}
    return shape | {"locations": _locations(error), "message": message}


def older(document: DocumentNode, lacking: Set[str]) -> list[Json]:
    """What an older Enterprise Server says, which does not have these fields, `Type.fields` and
    types yet; nor the words by which members of a union are chosen, for such a type.

    The words are those of the library that GitHub uses:
    https://github.com/rmosolgo/graphql-ruby/tree/master/lib/graphql/static_validation/rules
    """
    from githubsim.graphql.schema import schema  # noqa: PLC0415 (it imports this file)

    errors: list[Json] = []
    types = TypeInfo(schema())
    words = {re.sub(r"(?<!^)(?=[A-Z])", "_", name).upper() for name in lacking if name[0].isupper()}

    class Lookup(Visitor):
        def enter_field(self, node: FieldNode, *_: Any) -> None:
            home, name = types.get_parent_type(), node.name.value
            if not lacking.isdisjoint({name, f"{home}.{name}"}):
                message = f"Cannot query field '{name}' on type '{home}'."
                errors.append(invalid(GraphQLError(message, [node])))

        def enter_inline_fragment(self, node: InlineFragmentNode, *_: Any) -> Any:
            name = node.type_condition.name.value if node.type_condition else ""
            if name not in lacking:
                return None
            message = f"No such type {name}, so it can't be a fragment condition"
            said = {"extensions": {"code": "undefinedType", "typeName": name}}
            errors.append(invalid(GraphQLError(message, [node])) | said)
            return SKIP

        def enter_argument(self, node: ArgumentNode, *_: Any) -> None:
            chosen = getattr(node.value, "values", ())
            if words.isdisjoint(getattr(one, "value", "") for one in chosen):
                return
            field, argument = types.get_field_def(), types.get_argument()
            name = next(k for k, v in field.args.items() if v is argument) if field else ""
            message = (
                f"Argument '{name}' has an invalid value ({print_ast(node.value)}). "
                f"Expected type '{argument.type if argument else ''}'."
            )
            said = {
                "code": "argumentLiteralsIncompatible",
                "typeName": "Field",
                "argumentName": name,
            }
            errors.append(invalid(GraphQLError(message, [node])) | {"extensions": said})

    if lacking:
        visit(document, TypeInfoVisitor(types, Lookup()))
    return errors


def withheld(names: Set[str]) -> Callable[..., Any]:
    """What answers for these fields that the App may not see them, whoever asks."""

    def resolve(
        next_: Callable[..., Any], source: Any, info: GraphQLResolveInfo[Any], **more: Any
    ) -> Any:
        if info.field_name in names:
            raise forbidden()
        return next_(source, info, **more)

    return resolve


def too_heavy(request_id: str) -> Json:
    """What comes with the 502 when a query took too long."""
    return {
        "data": None,
        "errors": [
            {
                "message": "Something went wrong while executing your query. This may be the "
                "result of a timeout, or it could be a GitHub bug. Please include "
                f"`{request_id}` when reporting this issue."
            }
        ],
    }


def cut_short(shape: Json) -> None:
    """Leave out half of the first list of an answer, as past GitHub's resource limits."""
    found = _first_list(shape.get("data"), [])
    if found is None:
        return
    items, path = found
    first = (len(items) + 1) // 2
    items[first:] = [None] * (len(items) - first)
    error = {
        "type": "RESOURCE_LIMITS_EXCEEDED",
        "path": [*path, first],
        "locations": [],
        "message": "Resource limits for this query exceeded.",
    }
    shape.setdefault("errors", []).append(error)


def hiccup(shape: Json, request_id: str) -> None:
    """Nothing of the first list, and an error that has no type.

    Source: octokit/plugin-retry.js#395, atlassian/github-for-jira#779, mergestat/mergestat#148.
    """
    found = _first_list(shape.get("data"), [])
    if found is not None:
        items, _ = found
        items[:] = [None] * len(items)
    message = (
        "Something went wrong while executing your query. "
        f"Please include `{request_id}` when reporting this issue."
    )
    shape.setdefault("errors", []).append({"message": message})


def _first_list(value: Any, path: list[str | int]) -> tuple[list[Any], list[str | int]] | None:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in ("nodes", "edges") and isinstance(inner, list) and len(inner) > 1:
                return inner, [*path, name]
            found = _first_list(inner, [*path, name])
            if found is not None:
                return found
    return None


def _locations(error: GraphQLError) -> list[Json]:
    return [{"line": one.line, "column": one.column} for one in error.locations or ()]
