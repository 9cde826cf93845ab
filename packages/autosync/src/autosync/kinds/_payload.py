"""How a document of GitHub's is read: by its declared shape, or as near to it as it comes.

Fields turn null without notice (octokit/webhooks#576, XAMPPRocky/octocrab#486). What is not as
declared and has a default gets the default; what has none is essential, and an object without it
cannot be stored.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

import msgspec
from msgspec import inspect

from autosync import jsontext
from autosync.errors import AutoSyncError

T = TypeVar("T")

# What the columns hold; more is cut off a text, and a number beyond them counts as none.
Name = Annotated[str, msgspec.Meta(max_length=255)]
Word = Annotated[str, msgspec.Meta(max_length=16)]
Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Count = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]

_document = msgspec.json.Decoder().decode
_NOTHING: Any = object()


class IncompletePayload(AutoSyncError, msgspec.ValidationError):
    """GitHub left out what identifies an object. Trying again does not help; a sync reads it."""


class Reading(NamedTuple, Generic[T]):
    """A document as read; `amiss` are the fields that were not as GitHub describes them."""

    value: T
    amiss: tuple[str, ...] = ()


class _Unfit(Exception):
    """A value that cannot be made into what is declared."""


def reader(shape: type[T]) -> Callable[[bytes], Reading[T]]:
    """A function from JSON to `shape`. Raises msgspec.DecodeError for what is not JSON, and
    IncompletePayload if something without a default is missing.
    """
    strict = msgspec.json.Decoder(shape).decode

    def read(body: bytes) -> Reading[T]:
        try:
            return Reading(jsontext.decode(strict, body))
        except msgspec.ValidationError:
            return _nearest(jsontext.decode(_document, body), shape)

    return read


def read(document: Any, shape: type[T]) -> Reading[T]:
    """The same for JSON that is decoded already."""
    try:
        return Reading(msgspec.convert(document, shape))
    except msgspec.ValidationError:
        return _nearest(document, shape)


def _nearest(document: Any, shape: type[T]) -> Reading[T]:
    amiss: list[str] = []
    try:
        value = _fit(document, _described(shape), "", amiss)  # type: ignore[arg-type]
    except _Unfit:
        raise IncompletePayload(f"GitHub sent {_kind(document)} in place of an object.") from None
    return Reading(value, tuple(amiss))


@cache
def _described(shape: type[Any]) -> inspect.Type:
    return inspect.type_info(shape)


def _fit(value: Any, declared: inspect.Type, path: str, amiss: list[str]) -> Any:
    """`value` as `declared`; _Unfit if it cannot be that."""
    if isinstance(declared, inspect.UnionType):
        return _one_of(value, declared, path, amiss)
    if isinstance(declared, inspect.StructType) and isinstance(value, dict):
        return _struct(value, declared, path, amiss)
    if isinstance(declared, inspect.ListType) and isinstance(value, list):
        return _items(value, declared, path, amiss)
    if isinstance(declared, inspect.DictType) and isinstance(value, dict):
        return _entries(value, declared, path, amiss)
    if isinstance(declared, inspect.StrType) and isinstance(value, str):
        if declared.max_length is not None and len(value) > declared.max_length:
            amiss.append(path)
        return value[: declared.max_length]
    if isinstance(declared, inspect.IntType) and type(value) is int:
        low, high = declared.ge, declared.le
        if (low is None or low <= value) and (high is None or value <= high):
            return value
    if (
        isinstance(declared, inspect.AnyType)
        or (isinstance(declared, inspect.BoolType) and isinstance(value, bool))
        or (isinstance(declared, inspect.NoneType) and value is None)
    ):
        return value
    raise _Unfit


def _one_of(value: Any, declared: inspect.UnionType, path: str, amiss: list[str]) -> Any:
    for member in declared.types:
        try:
            return _fit(value, member, path, amiss)
        except _Unfit:
            continue
    raise _Unfit


def _struct(
    value: dict[str, Any], declared: inspect.StructType, path: str, amiss: list[str]
) -> Any:
    found: dict[str, Any] = {}
    for field in declared.fields:
        place = f"{path}.{field.encode_name}" if path else field.encode_name
        given = value.get(field.encode_name, _NOTHING)
        if given is not _NOTHING:
            try:
                found[field.name] = _fit(given, field.type, place, amiss)
                continue
            except _Unfit:
                amiss.append(place)
        if field.required:
            raise IncompletePayload(
                f"GitHub {_fault(given)} `$.{place}`, without which this cannot be stored. "
                "Nothing is lost: the next sync asks GitHub for the object itself."
            )
    return declared.cls(**found)


def _items(value: list[Any], declared: inspect.ListType, path: str, amiss: list[str]) -> list[Any]:
    """Those that can be read: one that cannot costs only itself."""
    found = []
    for place, item in enumerate(value):
        try:
            found.append(_fit(item, declared.item_type, f"{path}[{place}]", amiss))
        except (_Unfit, IncompletePayload):
            amiss.append(f"{path}[{place}]")
    return found


def _entries(
    value: dict[str, Any], declared: inspect.DictType, path: str, amiss: list[str]
) -> dict[str, Any]:
    found = {}
    for key, entry in value.items():
        try:
            found[key] = _fit(entry, declared.value_type, f"{path}.{key}", amiss)
        except (_Unfit, IncompletePayload):
            amiss.append(f"{path}.{key}")
    return found


def _fault(given: Any) -> str:
    return "left out" if given is _NOTHING else f"sent {_kind(given)} for"


def _kind(value: Any) -> str:
    """The JSON type of a value, for people. The value itself is not repeated."""
    if value is None:
        return "null"
    names = {bool: "true or false", int: "another number", float: "a fraction", str: "text"}
    names |= {list: "a list", dict: "an object"}
    return names.get(type(value), "something else")
