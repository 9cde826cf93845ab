"""Rules of the one door that kinds to come need: any order of the same versions, one row."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, models, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from autosync.mirror.merge import Cause, Clock, Group, Merge, Rule, SetOf
from autosync.mirror.models import MirroredModel, NodeAlias
from autosync.mirror.nodes import keyed, keys_of, learn
from autosync.mirror.prose import erase_until
from autosync.mirror.tombstones import absent_from, inherit, mark_dirty, seen_since, tombstone
from autosync.mirror.upsert import absent, upsert
from tests.examples import examples

T0 = datetime(2026, 1, 1, tzinfo=UTC)
pytestmark = pytest.mark.django_db
any_order = settings(
    max_examples=examples(50),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


class Thing(MirroredModel):
    thing_id = models.BigIntegerField(primary_key=True)
    node_id = models.CharField(max_length=255, default="")
    home = models.BigIntegerField()  # no new row can go without it
    a = models.TextField(default="")
    b = models.TextField(default="new")
    c = models.IntegerField(null=True)
    raw = models.JSONField(null=True)
    likes = models.IntegerField(default=0)
    hearts = models.IntegerField(default=0)
    likes_at = models.DateTimeField(null=True)
    sets_read = models.BooleanField(default=False, db_default=False)

    class Meta(MirroredModel.Meta):
        abstract = False
        app_label = "tests_rows"
        db_table = "rows_things"


class Pair(MirroredModel):
    home = models.BigIntegerField()
    login = models.CharField(max_length=40)
    role = models.TextField(default="")

    class Meta(MirroredModel.Meta):
        abstract = False
        app_label = "tests_rows"
        db_table = "rows_pairs"
        constraints = [models.UniqueConstraint(fields=["home", "login"], name="rows_pair")]


class Member(models.Model):
    home = models.BigIntegerField()
    thing = models.BigIntegerField()
    label = models.TextField()
    color = models.TextField(default="")

    class Meta:
        app_label = "tests_rows"
        db_table = "rows_members"
        constraints = [
            models.UniqueConstraint(fields=["home", "thing", "label"], name="rows_member")
        ]

    def __str__(self) -> str:
        return self.label


LIKES = Group("likes_at", ("likes", "hearts"))
THINGS = Merge(
    Thing,
    key=("thing_id",),
    columns=("node_id", "home", "a", "b", "c", "raw", "likes", "hearts"),
    quiet=frozenset({"raw"}),
    groups=(LIKES,),
)
PLAIN = replace(THINGS, columns=("node_id", "home", "a", "b", "c", "raw"), groups=())
BY_ARRIVAL = replace(PLAIN, clock=Clock.ARRIVAL, variant="_arrival")
CHILDREN = replace(PLAIN, inherits=True, variant="_child")
PAIRS = Merge(Pair, key=("home", "login"), columns=("role",), clock=Clock.ARRIVAL, returns=True)
STARS = replace(PAIRS, clock=Clock.NONE, variant="_star")
LABELS = SetOf(
    "labels",
    Merge(Member, ("home", "thing", "label"), ("color",), clock=Clock.NONE),
    (("home", "home"), ("thing", "thing_id")),
)
LABELLED = replace(
    PLAIN,
    columns=(*PLAIN.columns, "sets_read"),
    quiet=frozenset({"raw", "sets_read"}),
    sets=(LABELS,),
    variant="_labelled",
)


def tables() -> Iterator[None]:
    with connection.schema_editor() as editor:
        for model in (Thing, Pair, Member):
            editor.create_model(model)
    yield
    with connection.schema_editor() as editor:
        for model in (Thing, Pair, Member):
            editor.delete_model(model)


@pytest.fixture(autouse=True)
def _tables(request: pytest.FixtureRequest) -> Iterator[None]:
    whole = request.node.get_closest_marker("django_db").kwargs.get("transaction", False)
    request.getfixturevalue("transactional_db" if whole else "db")
    yield from tables()


def at(second: float) -> datetime:
    return T0 + timedelta(seconds=second)


def thing(second: int | None, number: int = 1, **given: Any) -> dict[str, Any]:
    clock = {} if second is None else {"updated_at": at(second)}
    return {"thing_id": number, "home": 7, **clock, **given}


def put(
    *rows: dict[str, Any], merge: Merge = PLAIN, seen: float = 0, rule: Rule = Rule.VERSIONED
) -> Any:
    return upsert(merge, rows, observed_at=at(seen), rule=rule)


def row(number: int = 1) -> dict[str, Any]:
    """What the table holds of it, but for when it was seen and AutoSync's own ids."""
    [values] = Thing.objects.filter(pk=number).values()
    return {k: v for k, v in values.items() if k != "observed_at"}


# Versions by second; each way gives some of the columns.
WAYS = (("a", "b", "c", "raw", "node_id"), ("a", "b"), ("a", "c"), ("c", "raw"), ("b",), ())


def version(second: int, columns: tuple[str, ...]) -> dict[str, Any]:
    content = {
        "a": f"a{second}", "b": f"b{second // 2}", "c": second, "raw": {"at": second},
        "node_id": "T_1",
    }  # fmt: skip
    return thing(second) | {name: content[name] for name in columns}


def deal(queue: list[Any], sizes: list[int]) -> Iterator[list[Any]]:
    for size in [*sizes, len(queue)]:
        if batch := queue[:size]:
            yield batch
        del queue[:size]


SIZES = st.lists(st.integers(1, 4), min_size=4, max_size=12)
SOME = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(WAYS)), min_size=1, max_size=8)


@any_order
@given(versions=SOME, data=st.data(), sizes=SIZES, merge=st.sampled_from([PLAIN, BY_ARRIVAL]))
def test_partial_versions_in_any_order_leave_the_same_row(
    versions: list[tuple[int, tuple[str, ...]]], data: st.DataObject, sizes: list[int], merge: Merge
) -> None:
    """Each column is of the newest version that gave it, and `lacking` says which are older."""

    def run(order: list[tuple[int, tuple[str, ...]]]) -> dict[str, Any]:
        Thing.objects.all().delete()
        if merge is PLAIN:
            rows = [version(second, way) for second, way in order]
        else:
            rows = [version(s, way) | {"observed_at": at(s)} for s, way in order]
        for batch in deal(rows, sizes):
            put(*batch, merge=merge)
        return row()

    shuffled = data.draw(st.permutations(versions + versions[:3]))
    mixed, sorted_ = run(shuffled), run(sorted(versions))
    if merge is BY_ARRIVAL:
        mixed.pop("updated_at"), sorted_.pop("updated_at")
    assert mixed == sorted_
    newest = max(second for second, _ in versions)
    for name in ("a", "b", "c", "raw"):
        of = [second for second, way in versions if name in way]
        assert mixed[name] == (version(max(of), (name,))[name] if of else _default(name))
        known = bool(of) and max(of) == newest
        assert (name in (mixed["lacking"] or {})) is not known
    assert mixed["dirty_at"] is None


def _default(name: str) -> Any:
    return {"a": "", "b": "new", "c": None, "raw": None}[name]


def test_what_a_row_lacks_keeps_its_value_and_says_of_when_it_is() -> None:
    put(version(1, WAYS[0]))
    put(version(2, ("a",)))
    now = row()
    assert (now["a"], now["c"], now["node_id"]) == ("a2", 1, "T_1")
    assert set(now["lacking"]) == {"b", "c", "raw", "node_id"}
    # A whole answer completes it.
    put(version(2, WAYS[0]), rule=Rule.AUTHORITATIVE, seen=3)
    assert (row()["c"], row()["lacking"], row()["dirty_at"]) == (2, None, None)


def test_a_tie_compares_only_what_both_give() -> None:
    put(thing(5, a="one", c=1))
    assert not put(thing(5, a="one", b="more")).dirty
    assert (row()["a"], row()["b"], row()["c"], row()["dirty_at"]) == ("one", "more", 1, None)
    assert not put(thing(5, raw={"x": 1}), thing(5, raw={"x": 2})).dirty
    assert put(thing(5, b="other")).dirty == {(1,)}
    assert row()["b"] == "other"


def test_versions_of_one_second_that_differ_in_one_batch_are_settled_by_asking() -> None:
    assert put(thing(5, a="one", c=1), thing(5, a="two", b="b")).dirty == {(1,)}


@any_order
@given(
    ties=st.lists(st.tuples(st.integers(0, 2), st.sampled_from("xy"), st.booleans()), min_size=1),
    sizes=SIZES,
)
def test_what_two_versions_of_the_newest_second_disagree_on_is_marked(
    ties: list[tuple[int, str, bool]], sizes: list[int]
) -> None:
    Thing.objects.all().delete()
    rows = [thing(s, a=text) | ({"b": "b"} if more else {}) for s, text, more in ties]
    newest = max(s for s, _, _ in ties)
    for batch in deal(rows, sizes):
        put(*batch)
    contents = {text for s, text, _ in ties if s == newest}
    assert (row()["dirty_at"] is not None) == (len(contents) > 1)
    assert row()["a"] in contents


def test_a_row_that_lacks_what_a_new_one_needs_updates_and_is_else_unknown() -> None:
    stub = {"thing_id": 1, "updated_at": at(2), "a": "a2"}
    assert put(stub).unknown == {(1,)}
    assert not Thing.objects.exists()
    put(thing(1, a="a1", c=3))
    assert put(stub, thing(2, number=2)).unknown == set()
    assert (row()["a"], row()["home"], row()["c"]) == ("a2", 7, 3)


@any_order
@given(
    seen=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=6),
    data=st.data(),
    sizes=SIZES,
)
def test_a_group_is_of_its_newest_observation_whatever_the_clock(
    seen: list[tuple[int, int]], data: st.DataObject, sizes: list[int]
) -> None:
    Thing.objects.all().delete()
    rows = [
        thing(clock, a=f"a{clock}", likes=s, hearts=s // 2, observed_at=at(s)) for clock, s in seen
    ]
    for batch in deal(data.draw(st.permutations(rows + rows[:2])), sizes):
        put(*batch, merge=THINGS)
    now, newest = row(), max(s for _, s in seen)
    assert (now["likes"], now["hearts"], now["likes_at"]) == (newest, newest // 2, at(newest))
    assert (now["a"], now["dirty_at"]) == (f"a{max(clock for clock, _ in seen)}", None)


def test_a_group_is_given_whole() -> None:
    with pytest.raises(ValueError, match="likes without hearts"):
        put(thing(1, likes=1), merge=THINGS)


def test_what_is_seen_unchanged_again_is_no_change_but_makes_older_answers_lose() -> None:
    put(thing(1, a="x", likes=1, hearts=1), merge=THINGS, seen=1)
    assert not put(thing(1, a="x", likes=1, hearts=1), merge=THINGS, seen=5).changed
    assert not put(thing(1, a="x", likes=2, hearts=1), merge=THINGS, seen=3).changed
    Thing.objects.all().delete()
    whole = {name: version(1, WAYS[0])[name] for name in WAYS[0]}
    put(thing(None, **whole), merge=BY_ARRIVAL, seen=1)
    assert not put(thing(None, **whole), merge=BY_ARRIVAL, seen=5).changed
    assert not put(thing(None, **whole | {"a": "late"}), merge=BY_ARRIVAL, seen=3).changed
    assert put(thing(None, **whole | {"a": "new"}), merge=BY_ARRIVAL, seen=6).changed
    assert seen_since(BY_ARRIVAL, [1, 2], at(6)) == {(1,)}


PAIR_STEPS = st.lists(
    st.tuples(st.sampled_from(["seen", "seen", "gone", "list"]), st.integers(0, 6)),
    min_size=1,
    max_size=8,
)


@any_order
@given(steps=PAIR_STEPS, data=st.data(), merge=st.sampled_from([PAIRS, STARS]))
def test_a_pair_is_there_if_it_was_seen_after_it_was_last_absent(
    steps: list[tuple[str, int]], data: st.DataObject, merge: Merge
) -> None:
    Pair.objects.all().delete()
    pair = {"home": 1, "login": "ann"}
    absent(merge, [pair], at(-1))  # what was never heard of, a list cannot call absent
    for name, second in data.draw(st.permutations(steps + steps[:3])):
        if name == "seen":
            role = f"at {second}" if merge is PAIRS else "once"
            put({**pair, "role": role}, merge=merge, seen=second)
        elif name == "gone":
            absent(merge, [pair], at(second))
        else:
            absent_from(merge, [(1, "bob")], {"home": 1}, at(second))
    last_seen = max((s for name, s in steps if name == "seen"), default=-2)
    last_gone = max((s for name, s in steps if name != "seen"), default=-1)
    [now] = Pair.objects.all()
    assert (now.deleted_at is None) == (last_seen > last_gone)
    if now.deleted_at is not None:
        assert (now.deleted_at, now.gone_because) == (at(last_gone), "deleted")
    if last_seen >= 0:
        assert now.role == (f"at {last_seen}" if merge is PAIRS else "once")
        assert now.lacking is None


def test_a_whole_list_leaves_what_it_has_what_is_younger_and_other_scopes() -> None:
    people = [{"home": h, "login": u, "role": ""} for h, u in [(1, "a"), (1, "b"), (2, "a")]]
    put(*people, merge=PAIRS, seen=1)
    put({"home": 1, "login": "young", "role": ""}, merge=PAIRS, seen=9)
    assert absent_from(PAIRS, [(1, "a")], {"home": 1}, at(5)) == {(1, "b")}
    assert absent_from(PAIRS, [], {"home": 1}, at(5)) == {(1, "a")}
    assert Pair.live.count() == 2


@any_order
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["seen", "parent", "deleted"]), st.integers(1, 6)), max_size=7
    ),
    data=st.data(),
)
def test_a_sight_lifts_the_tombstone_of_a_parent_and_no_other(
    steps: list[tuple[str, int]], data: st.DataObject
) -> None:
    Thing.objects.all().delete()
    put(thing(0, a="0"), merge=CHILDREN)
    for name, second in data.draw(st.permutations(steps + steps[:2])):
        if name == "seen":
            put(thing(second // 2, a=str(second // 2)), merge=CHILDREN, seen=second)
        else:
            cause = Cause.PARENT if name == "parent" else Cause.DELETED
            tombstone(CHILDREN, [1], at(second), cause)
    last = {
        kind: max((s for name, s in steps if name == kind), default=0)
        for kind in ("seen", "parent", "deleted")
    }
    now = row()
    if last["deleted"]:
        assert now["gone_because"] == "deleted"
        return
    gone = last["parent"] and last["parent"] >= last["seen"]
    assert now["gone_because"] == ("parent" if gone else "")
    assert now["deleted_at"] == (at(last["parent"]) if gone else None)
    assert now["a"] == str(last["seen"] // 2)


@any_order
@given(
    versions=st.lists(st.integers(1, 4), min_size=1, max_size=5),
    gone=st.sets(st.integers(1, 8), max_size=3),
    data=st.data(),
    way=st.sampled_from([("a", "b", "c", "raw", "node_id"), ("a", "c")]),
)
def test_text_of_what_is_deleted_is_erased_and_what_returns_is_as_if_it_was_never_gone(
    versions: list[int], gone: set[int], data: st.DataObject, way: tuple[str, ...]
) -> None:
    """Sights and deletions of the parent in any order; then one look at what is alive."""
    wordy = replace(CHILDREN, prose=("a", "b"))

    def run(merge: Merge) -> dict[str, Any]:
        Thing.objects.all().delete()
        put(version(0, WAYS[0]), merge=merge)
        for name, second in order:
            if name == "seen":
                put(version(second // 2, way), merge=merge, seen=second)
            else:
                tombstone(merge, [1], at(second), Cause.PARENT)
        erase_until(merge, at(9))
        return row()

    steps = [("seen", 2 * s) for s in versions] + [("gone", s) for s in sorted(gone)]
    order = data.draw(st.permutations(steps))
    erased, kept = run(wordy), run(CHILDREN)
    assert (erased["deleted_at"], erased["gone_because"]) == (
        kept["deleted_at"], kept["gone_because"],
    )  # fmt: skip
    if erased["deleted_at"] is not None:
        assert (erased["a"], erased["b"]) == ("", "")
        assert {"a", "b"} <= set(erased["lacking"])
    elif not gone:
        assert erased == kept
    put(version(4, WAYS[0]), merge=wordy, seen=20, rule=Rule.AUTHORITATIVE)
    now = row()
    assert (now["a"], now["b"], now["lacking"], now["deleted_at"]) == ("a4", "b2", None, None)


def test_children_inherit_the_tombstone_of_their_parent_also_when_they_come_late() -> None:
    put(thing(1, number=100), merge=PLAIN, seen=1)
    put(thing(1, number=1, c=100), thing(1, number=2, c=100), merge=CHILDREN, seen=1)
    tombstone(PLAIN, [100], at(5))
    link = {"c": "thing_id"}
    assert inherit(CHILDREN, PLAIN, link, parent_keys=[100]) == {(1,), (2,)}
    assert inherit(CHILDREN, PLAIN, link, parent_keys=[100]) == set()
    late = put(thing(1, number=3, c=100), merge=CHILDREN, seen=4).changed
    assert inherit(CHILDREN, PLAIN, link, keys=late) == {(3,)}
    again = put(thing(1, number=2, c=100), merge=CHILDREN, seen=6).changed
    assert again == {(2,)}
    assert inherit(CHILDREN, PLAIN, link, keys=again) == set()
    assert set(Thing.live.values_list("pk", flat=True)) == {2}


REST: dict[str, Any] = {"node_id": "T_1", "b": "", "c": None, "raw": None}


def labelled(second: int, *names: str, number: int = 1) -> dict[str, Any]:
    members = [{"label": n, "color": n.upper()} for n in names]
    return thing(second, number=number, a=str(second), **REST) | {
        "sets_read": True, "sets": {"labels": members}
    }  # fmt: skip


def put_labelled(second: int, *names: str, seen: float = 0, **how: Any) -> Any:
    return put(labelled(second, *names), merge=LABELLED, seen=seen, **how)


def shown(thing: int = 1) -> set[str]:
    return set(Member._default_manager.filter(thing=thing).values_list("label", flat=True))


@any_order
@given(
    versions=st.dictionaries(st.integers(0, 5), st.sets(st.sampled_from("abc")), min_size=1),
    together=st.booleans(),
    data=st.data(),
)
def test_a_set_is_that_of_the_version_of_its_parent(
    versions: dict[int, set[str]], together: bool, data: st.DataObject
) -> None:
    Thing.objects.all().delete()
    Member._default_manager.all().delete()
    steps = data.draw(st.permutations([*versions, *versions]))
    if together:
        put(*[labelled(one, *sorted(versions[one])) for one in steps], merge=LABELLED)
    else:
        for second in steps:
            put_labelled(second, *sorted(versions[second]))
    assert shown() == versions[max(versions)]
    now = row()
    assert (now["dirty_at"], now["lacking"], now["sets_read"]) == (None, None, True)


def test_a_set_of_the_same_clock_that_differs_is_settled_by_asking() -> None:
    put_labelled(1, "a")
    put(thing(2, a="2", **REST), merge=LABELLED)
    assert "sets_read" in row()["lacking"]  # the way that said it does not carry them
    assert shown() == {"a"}
    first = put_labelled(2, "b")
    assert (first.changed, first.dirty, row()["lacking"]) == ({(1,)}, set(), None)
    assert put_labelled(2, "c").dirty == {(1,)}
    assert put_labelled(1, "z").changed == set()
    assert (shown(), row()["dirty_at"] is None) == ({"c"}, False)
    answer = put_labelled(2, "d", seen=60, rule=Rule.AUTHORITATIVE)
    assert (answer.changed, answer.dirty, shown()) == ({(1,)}, set(), {"d"})


def test_a_set_that_is_as_it_was_is_not_written() -> None:
    put_labelled(1, "a", "b")
    with CaptureQueriesContext(connection) as queries:
        put_labelled(2, "b", "a")
    assert [one for one in queries if "INSERT INTO rows_members" in one["sql"]] == []
    assert shown() == {"a", "b"}


_ODD = "a\x00b\ud800c"


def test_a_row_with_what_json_and_postgresql_refuse_is_stored_cleaned_and_cut() -> None:
    put(thing(1, a=_ODD, b="\u2028\\u0000", node_id="n" * 300, raw={"huge": 2**80, "odd": _ODD}))
    put(thing(1, number=2, a="fine", raw=None))
    first, second = row(1), row(2)
    assert first["a"] == "ab\ufffdc"
    assert first["b"] == "\u2028\\u0000"
    assert first["node_id"] == "n" * 255
    assert first["raw"] == {"huge": 2**80, "odd": "ab\ufffdc"}
    assert (second["a"], second["raw"]) == ("fine", None)


def test_a_row_merged_again_costs_one_statement() -> None:
    put(thing(1, a="x"))
    with CaptureQueriesContext(connection) as queries:
        put(thing(2, a="y"))
    assert len(queries) == 1
    assert row()["a"] == "y"


def test_two_sets_of_one_clock_in_one_call_are_asked_about() -> None:
    result = put(labelled(1, "a"), labelled(1, "b"), merge=LABELLED)
    assert (result.dirty, len(shown())) == ({(1,)}, 1)


def test_what_is_said_of_a_member_is_no_other_set() -> None:
    put_labelled(1, "a", "b")
    recoloured = labelled(1, "a", "b")
    recoloured["sets"]["labels"][0]["color"] = "red"
    result = put(recoloured, merge=LABELLED)
    assert (result.changed, result.dirty) == ({(1,)}, set())
    assert Member._default_manager.get(label="a").color == "red"


def test_a_set_that_was_never_read_is_no_empty_one() -> None:
    put_labelled(1)
    Thing.objects.update(sets_read=False)  # as the rows of an older AutoSync are
    put(thing(1, a="1", **REST), merge=LABELLED)
    assert row()["sets_read"] is False
    result = put_labelled(1, "a")
    assert (result.changed, result.dirty, shown()) == ({(1,)}, set(), {"a"})
    assert row()["sets_read"] is True
    Thing.objects.update(sets_read=False)
    put_labelled(1, "a")
    assert row()["sets_read"] is True


def test_a_deleted_parent_carries_nothing_until_it_is_back() -> None:
    put(labelled(1, "a"), labelled(1, "b", number=2), merge=LABELLED)
    tombstone(LABELLED, [1], at(2))
    assert (shown(), shown(2)) == (set(), {"b"})
    assert put_labelled(1, "a", seen=3).changed == set()
    assert shown() == set()
    assert put_labelled(1, "a", seen=3, rule=Rule.AUTHORITATIVE).dirty == set()
    assert shown() == {"a"}


def test_keys_of_several_columns_are_marked_and_deleted_with_their_cause() -> None:
    merge = replace(PAIRS, returns=False, clock=Clock.ARRIVAL, variant="_whole")
    put(*[{"home": h, "login": u, "role": ""} for h in (1, 2) for u in "ab"], merge=merge)
    assert mark_dirty(merge, [(1, "b"), (3, "b")]) == {(1, "b")}
    assert tombstone(merge, [(1, "b"), (2, "a")], at(1), Cause.TRANSFERRED) == {(1, "b"), (2, "a")}
    assert tombstone(merge, [(2, "a")], at(2)) == set()
    assert set(Pair.objects.values_list("gone_because", flat=True)) == {"", "transferred"}
    assert not put({"home": 1, "login": "b", "role": "x"}, merge=merge, seen=9).changed
    assert put(
        {"home": 1, "login": "b", "role": "x"}, merge=merge, seen=9, rule=Rule.AUTHORITATIVE
    ).changed
    assert Pair.live.get(home=1, login="b").gone_because == ""


def test_another_form_of_a_node_id_is_an_alias_of_the_row() -> None:
    merge = replace(PLAIN, aliases=True, variant="_aliases")
    put(thing(1, node_id="old=="), merge=merge)
    put(thing(2, node_id="T_new", a="2"), merge=merge)
    put(thing(2, node_id="T_new", a="2"), thing(1, number=2, node_id="T_2"), merge=merge)
    assert row()["dirty_at"] is None
    assert keys_of(merge, ["old==", "T_new", "T_2", "T_3"]) == {
        "old==": (1,), "T_new": (1,), "T_2": (2,)
    }  # fmt: skip
    known, unknown = keyed(merge, [{"node_id": "T_new", "b": "x"}, {"node_id": "T_3"}])
    assert (known, unknown) == (
        [{"node_id": "T_new", "b": "x", "thing_id": 1}],
        [{"node_id": "T_3"}],
    )
    learn(merge, {"T_third": "T_new", "T_2": "T_2"})
    assert keys_of(merge, ["T_third"]) == {"T_third": (1,)}
    assert NodeAlias.objects.count() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", range(3))
def test_two_writers_of_the_same_rows_do_not_deadlock(seed: int) -> None:
    """Rows of other columns, in other orders, new and known, with tombstones between."""
    errors: list[BaseException] = []

    def work(step: int) -> None:
        try:
            for turn in range(15):
                numbers = range(1, 60) if (turn + step) % 2 else range(59, 0, -1)
                rows = [
                    version(turn, WAYS[(n * step + turn) % 5]) | {"thing_id": n} for n in numbers
                ]
                with transaction.atomic():
                    put(*rows, merge=CHILDREN, seen=turn)
                with transaction.atomic():
                    tombstone(CHILDREN, list(numbers), at(turn), Cause.PARENT)
                    mark_dirty(CHILDREN, [(n,) for n in numbers])
                if turn % 5 == seed:
                    Thing.objects.filter(pk=turn + 1).delete()  # one alone waits for nobody
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(step,)) for step in (1, 3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(120)
    assert errors == []
