"""Columns: Django fields that also say where GitHub has their value, and what it means.

By convention the REST key is the column's name and the GraphQL field that key in camelCase; `rest=`
(the first argument), `graph=` and `event=` say otherwise, with dots between the steps. A step of
GraphQL may have arguments and an alias. `None` says that a way does not have it. A webhook has what
REST has; where a path starts with `$.`, it starts at the payload and not at the object.

Migrations know these as the plain Django fields they are: see `Column.deconstruct`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, TypeVar

import msgspec
from django.db import models

from autosync.kinds._events import Owner, When
from autosync.kinds._graphql import ASSIGNEE_FIELDS, LABEL_FIELDS, Actor
from autosync.kinds._payload import Count, Id
from autosync.kinds._payload import Name as Login
from autosync.kinds._union import Union

if TYPE_CHECKING:
    from django.db.models import (
        BigIntegerField,
        BooleanField,
        CharField,
        DateTimeField,
        Field,
        IntegerField,
        JSONField,
        TextField,
    )

    from autosync.kinds._shape import At
else:

    class _Generic:
        """A Django field as its type stubs have it: of what is assigned and what is read."""

        def __init__(self, field):
            self._field = field

        def __getitem__(self, _types):
            return self._field

    Field = _Generic(models.Field)
    BigIntegerField = _Generic(models.BigIntegerField)
    BooleanField = _Generic(models.BooleanField)
    CharField = _Generic(models.CharField)
    DateTimeField = _Generic(models.DateTimeField)
    IntegerField = _Generic(models.IntegerField)
    JSONField = _Generic(models.JSONField)
    TextField = _Generic(models.TextField)

_ST = TypeVar("_ST", contravariant=True)
_GT = TypeVar("_GT", covariant=True)
BY_NAME: Final = "by name"  # where nothing else is said
# Who may act: https://docs.github.com/graphql/reference/interfaces#actor. An
# EnterpriseUserAccount has no number.
_ACTORS = {
    "Actor": ("User", "Bot", "Organization", "Mannequin"),
    "RepositoryOwner": ("User", "Organization"),
}


def camel(name: str) -> str:
    """updated_at → updatedAt, as GraphQL writes it."""
    return re.sub(r"_([a-z0-9])", lambda found: found[1].upper(), name)


class Column(Field[_ST, _GT]):
    """A column that comes from GitHub.

    `none`: GitHub may say null, or have no object there, which is stored as the default and not as
    NULL. `essential`: without it the object cannot be stored. `listed=False`: REST's lists leave it
    out. `apart` names the column with the moment when this one was seen, for one that changes
    without the object's clock. `when` names a flag: stored only while that is true. `deep`: a list
    inside the object, for which lists of objects would cost as many points as there might be of
    them; GitHub is asked for it by the ids of those that are there. `added`: the version of the
    kind with which it came, for a column that a mirror may have to fill in; such columns are
    `null=True`, for NULL is what is not known yet. `quiet`: two versions that differ in it alone
    are one. `about` is for the reference page; it is no `help_text`, of which each change of a word
    would make a migration.
    `prose`: what a person wrote, as any `Text` is that does not say otherwise. It goes when the
    object is deleted at GitHub, or when its author, the first person declared, is forgotten.
    `git`: for kinds that git tells of, the attribute of what it tells, by the column's name unless
    this says otherwise; `None`: git does not have it. `whose`: the person whose number, login, name
    or address it is, where its own name does not begin with theirs.
    """

    settings: ClassVar[dict[str, Any]] = {}  # of the Django field, unless declared otherwise
    textual: ClassVar[bool] = False  # "" stands for none
    written: ClassVar[bool] = False  # prose, unless declared otherwise

    def __init__(
        self,
        rest: str | None = BY_NAME,
        *,
        graph: str | None = BY_NAME,
        event: str | None = BY_NAME,
        git: str | None = BY_NAME,
        about: str = "",
        whose: str = "",
        none: bool = False,
        essential: bool = False,
        listed: bool = True,
        apart: str = "",
        when: str = "",
        added: int = 1,
        quiet: bool = False,
        prose: bool | None = None,
        deep: bool = False,
        null: bool = False,
        **field: Any,
    ) -> None:
        self.prose = self.written if prose is None else prose
        self._rest, self._graph, self._event, self._git = rest, graph, event, git
        self.whose = whose
        self.added, self.quiet = added, quiet
        self.deep = deep
        self.about = about
        self.none, self.essential, self.listed, self.when = none, essential, listed, when
        self.apart = apart
        if null or (none and self.textual):
            field.setdefault("blank", True)
        if added > 1 and not null:
            raise TypeError("a column that came later is null=True: NULL is not known yet")
        settings = dict(self.settings)
        if null:  # else a migration would write the default into rows from before the column
            settings.pop("default", None)
        super().__init__(null=null, **{**settings, **field})

    if not TYPE_CHECKING:

        def __class_getitem__(cls, _types):
            return cls

    @property
    def rest(self) -> str | None:
        """Where REST has it, in an object of this kind."""
        return self.name if self._rest is BY_NAME else self._rest

    @property
    def event(self) -> str | None:
        """Where a webhook has it."""
        return self.rest if self._event is BY_NAME else self._event

    @property
    def git(self) -> str | None:
        """The attribute of what git tells that has it."""
        return self.name if self._git is BY_NAME else self._git

    def from_git(self) -> str:
        """Python that gives the column's value from `it`, which git told."""
        return f"it.{self.git}"

    @property
    def graph(self) -> str | None:
        """Where GraphQL has it."""
        if self._graph is not BY_NAME:
            return self._graph
        known = self.name if self._rest in (BY_NAME, None) else self._rest
        return camel(known or "")

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        """As the plain Django field: a migration outlives what is declared here."""
        name, _, args, kwargs = super().deconstruct()
        plain = next(base for base in type(self).__mro__ if base.__module__.startswith("django."))
        home = "django.db.models"
        if not plain.__module__.startswith(home):
            home = plain.__module__.rpartition(".")[0]  # that of PostgreSQL's own fields
        return name, f"{home}.{plain.__name__}", args, kwargs

    def source(self, at: At) -> str:
        """Python that gives the column's value; `at` gives that of what GitHub sent."""
        raise NotImplementedError


class Text(Column[_ST, _GT], TextField[_ST, _GT]):
    """Any text; "" where there is none, NULL if it is `null=True`."""

    settings = {"default": ""}
    textual = True
    written = True

    def source(self, at: At) -> str:
        return at(str, "")


class Url(Text[_ST, _GT]):
    """The address of the object's page."""

    settings = {"default": "", "blank": True}
    written = False

    @property
    def graph(self) -> str | None:
        return "url" if self._graph is BY_NAME else self._graph


class Name(Column[_ST, _GT], CharField[_ST, _GT]):
    """A text with a bound, 255 characters unless `max_length` says otherwise; more is cut off."""

    settings = {"default": "", "max_length": 255}
    textual = True

    def source(self, at: At) -> str:
        return at(Annotated[str, msgspec.Meta(max_length=self.max_length)], "")


class Word(Name[_ST, _GT]):
    """One of a few words, in lower case: GraphQL shouts them. `words` are those of GraphQL's, in
    lower case, that REST writes otherwise.
    """

    settings = {"default": "", "max_length": 16}

    def __init__(
        self,
        rest: str | None = BY_NAME,
        *,
        words: dict[str, str] | None = None,
        null: bool = False,
        **field: Any,
    ) -> None:
        self.words = words or {}
        super().__init__(rest, null=null, **field)

    def source(self, at: At) -> str:
        value = super().source(at)
        word = f"{value}.lower()"
        if self.words and at.way == "graphql":
            words = at.given("words", self.words)
            word = f"{words}.get(word := {word}, word)"
        return f"{value} and {word}" if self.null else word


class Sha(Name[_ST, _GT]):
    """A commit's name; 64 digits where a repository uses SHA-256."""

    settings = {"default": "", "max_length": 64}


class State(Word[_ST, _GT]):
    """open or closed. `ends` are moments, of which one tells it where the word is left out;
    `words` are also GraphQL's for other columns' facts."""

    settings = {"default": "open", "max_length": 16}

    def __init__(
        self,
        rest: str | None = BY_NAME,
        *,
        ends: Sequence[str] = ("closed_at", "merged_at"),
        null: bool = False,
        **field: Any,
    ) -> None:
        self.ends = ends
        super().__init__(rest, null=null, **field)

    def source(self, at: At) -> str:
        value = super().source(at) if at.way == "graphql" else Name.source(self, at)
        ended = " or ".join(at.raw(end, When, None) for end in self.ends if at.has(end))
        return f'{value} or ("closed" if {ended} else "open")'


class Number(Column[_ST, _GT], IntegerField[_ST, _GT]):
    """A number of 32 bits; no number (`none`) is zero."""

    def __init__(
        self, rest: str | None = BY_NAME, *, none: bool = False, null: bool = False, **field: Any
    ) -> None:
        if none:
            field.setdefault("default", 0)
        super().__init__(rest, none=none, null=null, **field)

    def source(self, at: At) -> str:
        return at(Count, None if self.null else 0)


class NumberOf(Number[_ST, _GT]):
    """The number of what it belongs to, of which REST has the address."""

    def __init__(self, rest: str | None = BY_NAME, **field: Any) -> None:
        super().__init__(rest, essential=True, **field)

    def source(self, at: At) -> str:
        return f"number_in({at(str, '')})" if at.way == "rest" else at(Count, 0)


class Place(Number[_ST, _GT]):
    """Its place in the list that it is read from, from 1 on, which no way writes down."""

    def __init__(self, **field: Any) -> None:
        super().__init__(None, graph=None, event=None, **field)


class NumberIn(Column[_ST, _GT], IntegerField[_ST, _GT]):
    """The number of an issue or pull request, out of the address of what belongs to it."""

    def source(self, at: At) -> str:
        return f"number_in({at(str, '')})"


class BigNumber(Column[_ST, _GT], BigIntegerField[_ST, _GT]):
    """A number of 64 bits, as ids are."""

    def source(self, at: At) -> str:
        return at(Id, None if self.null else 0)


class Link(BigNumber[_ST, _GT]):
    """The key of what it belongs to. It is known from where the object is read; `event` says where
    a webhook has it.
    """

    def __init__(self, event: str | None = None, **field: Any) -> None:
        super().__init__(None, graph=None, event=event, essential=True, **field)


class PartOfKey(BigNumber[_ST, _GT]):
    """GitHub's id of another object, without which there is no row."""

    def source(self, at: At) -> str:
        return at(Id | None, None)


class IdOf(BigNumber[_ST, _GT]):
    """GitHub's id of another object, which GraphQL writes as text."""

    def source(self, at: At) -> str:
        if at.way != "graphql":
            return super().source(at)
        return f"number({at(str | int | None, None)})"


class FirstOf(IdOf[_ST, _GT]):
    """GitHub's id of the first in a list, which GraphQL alone has; `graph` leads to its nodes."""

    def __init__(self, *, graph: str | None = None, null: bool = False, **field: Any) -> None:
        super().__init__(None, graph=graph, null=null, **field)

    def source(self, at: At) -> str:
        at.select("fullDatabaseId")
        return f"first_id({at(list[Any], None, select=False)})"


class Key(Column[_ST, _GT], BigIntegerField[_ST, _GT]):
    """GitHub's own id, by which a row is known."""

    settings = {"primary_key": True}

    def __init__(
        self, rest: str | None = "id", *, graph: str | None = "fullDatabaseId", **field: Any
    ) -> None:
        super().__init__(rest, graph=graph, essential=True, **field)

    def source(self, at: At) -> str:
        if at.way == "graphql":
            return f"database_id({at(str | int | None, None)})"
        return at(Id, 0)


class NodeId(Name[_ST, _GT]):
    """GraphQL's id of the object."""

    def __init__(
        self, rest: str | None = BY_NAME, *, graph: str | None = "id", **field: Any
    ) -> None:
        super().__init__(rest, graph=graph, **field)


class Flag(Column[_ST, _GT], BooleanField[_ST, _GT]):
    """True or false. `since` names the moment whose presence tells it where GitHub does not;
    `words` are those of GraphQL's that stand for it, others stand for null.
    """

    settings = {"default": False}

    def __init__(
        self,
        rest: str | None = BY_NAME,
        *,
        since: str = "",
        words: dict[str, bool] | None = None,
        null: bool = False,
        **field: Any,
    ) -> None:
        self.since, self.words = since, words
        super().__init__(rest, none=bool(since) or field.pop("none", False), null=null, **field)

    def source(self, at: At) -> str:
        if self.words and at.way == "graphql":
            return f"{at.given('words', self.words)}.get({at(str, '')})"
        if not self.since:
            return at(bool, False)
        value = at.raw(self.name, bool | None, None)
        return f"{at.raw(self.since, When, None)} is not None if {value} is None else {value}"


class After(Flag[_ST, _GT]):
    """True after an action, and false after the others: all that events say of it."""

    def __init__(self, action: str = "", **field: Any) -> None:
        self.action = action
        super().__init__(None, event="$.action", **field)

    def source(self, at: At) -> str:
        if at.way != "event":
            return super().source(at)
        return f"{at(str, '')} == {self.action!r}"


class Moment(Column[_ST, _GT], DateTimeField[_ST, _GT]):
    """A moment. One that every object has is never NULL: the clock stands in for it."""

    def source(self, at: At) -> str:
        value = at(When, None)
        return f"timestamp({value})" if self.null else f"beginning({value}, {at.clock()})"


class ActorId(Column[_ST, _GT], BigIntegerField[_ST, _GT]):
    """The number of an account; NULL for an account that is gone, so it is always `null=True`,
    which type checkers see only where it is written.

    `of` is GraphQL's type of the field: `Actor` and `RepositoryOwner`, which are one of several, or
    `User`.
    """

    def __init__(
        self, rest: str | None = BY_NAME, *, of: str = "Actor", null: bool = False, **field: Any
    ) -> None:
        self.of = of
        super().__init__(rest, null=null, **field)

    def source(self, at: At) -> str:
        if at.way == "graphql":
            for kind in _ACTORS.get(self.of, ()):
                at.select(f"... on {kind}", "databaseId")
            number = at(Id | None, None, "databaseId", select=self.of not in _ACTORS)
        else:
            number = at(Id | None, None, "id")
        return f"None if {at(Login, '', 'login')} == 'ghost' else {number}"


class ActorLogin(Name[_ST, _GT]):
    """The login of an account, as REST writes it; "" for an account that is gone."""

    def __init__(
        self, rest: str | None = BY_NAME, *, of: str = "Actor", none: bool = True, **field: Any
    ) -> None:
        self.of = of
        super().__init__(rest, none=none, **field)

    def source(self, at: At) -> str:
        value = at(Login, "", "login")
        if at.way == "graphql" and self.of == "Actor":
            value = f"login({value}, {at(str, '', '__typename')})"
        return f"'' if (name := {value}) == 'ghost' else name"


class Json(Column[_ST, _GT], JSONField[_ST, _GT]):
    """Whatever GitHub has there, as it is; `default=list` or `dict`."""

    def source(self, at: At) -> str:
        kind: Any = list[Any] if self.default is list else dict[str, Any]
        return at(kind, self.default())


class TypeName(Name[_ST, _GT]):
    """What REST calls the type of an object that is one of several in a union of GraphQL's."""

    settings = {"default": "", "max_length": 64}

    def __init__(self, union: Union | None = None, **field: Any) -> None:
        self.union = union  # None where Django makes a copy
        super().__init__(None, graph="__typename", **field)

    def source(self, at: At) -> str:
        assert self.union is not None
        return f"{at.given('names', self.union.names)}.get({at(str, '')}, '')"


class Member(Column[_ST, _GT], JSONField[_ST, _GT]):
    """What the types of a union have each of their own; NULL if that is nothing."""

    written = True

    def __init__(self, union: Union | None = None, *, null: bool = False, **field: Any) -> None:
        self.union = union
        super().__init__(None, graph="__typename", null=null, **field)

    def source(self, at: At) -> str:
        assert self.union is not None
        found = (f"{key!r}: {at.beside(key)}" for key in self.union.special)
        return f"member({{{', '.join(found)}}}, {at.given('words', self.union.words)})"


class Reactions(Column[_ST, _GT], JSONField[_ST, _GT]):
    """How many chose each reaction, by REST's names; those that nobody chose are left out.

    They move no clock: `reactions_at` says when they were seen.
    """

    def __init__(
        self,
        rest: str | None = BY_NAME,
        *,
        graph: str | None = "reactionGroups",
        apart: str = "reactions_at",
        null: bool = False,
        **field: Any,
    ) -> None:
        super().__init__(rest, graph=graph, apart=apart, null=null, **field)

    def source(self, at: At) -> str:
        if at.way != "graphql":
            return f"reactions({at(dict[str, Any], {})})"
        at.select("content")
        # A count alone is no connection to pay for.
        at.select("reactors", "totalCount")
        return f"reaction_groups({at(list[dict[str, Any]], [], select=False)})"


class Labels(Column[_ST, _GT], JSONField[_ST, _GT]):
    """Labels with name, color and node id of each, by name."""

    settings = {"default": list, "help_text": '[{"name": …, "color": …}], by name'}
    if TYPE_CHECKING:
        _pyi_private_get_type: list[dict[str, str]]

    def source(self, at: At) -> str:
        if at.way != "graphql":
            return f"labels({at(list[Any], [])})"
        at.pages(LABEL_FIELDS, first=100)  # as many as an object may have: actions/labeler#115
        return f"labels({at(list[dict[str, Any] | None], [], 'nodes', select=False)})"


class Logins(Column[_ST, _GT], JSONField[_ST, _GT]):
    """The logins of several accounts, sorted.

    Of an issue's GraphQL's `assignees` leaves out bots, `assignedActors` has them:
    https://docs.github.com/graphql/reference/interfaces#assignable
    """

    settings = {"default": list, "help_text": "logins, sorted"}
    if TYPE_CHECKING:
        _pyi_private_get_type: list[str]

    def source(self, at: At) -> str:
        if at.way != "graphql":
            return f"logins({at(list[Owner | None], [])})"
        at.pages(ASSIGNEE_FIELDS, first=20)
        return f"logins(owners({at(list[Actor | None], [], 'nodes', select=False)}))"
