"""How forgotten people are found in text and payloads, and who is not one of them."""

from __future__ import annotations

import uuid

import msgspec
import pytest

from autosync.kinds import KINDS
from autosync.kinds._kind import DECLARED
from autosync.mirror.people import Forgotten, digest
from autosync.mirror.unnamed_payloads import AUTHORS, TEXTS, unnamed_body

KEY, ADA = b"a key", uuid.uuid4()
FACTS = {"id": "815", "login": "Ada-L", "email": "ada@example.org"}
FORGOTTEN = Forgotten(
    KEY, {digest(KEY, kind, value): ADA for kind, value in FACTS.items()}, frozenset({ADA})
)


@pytest.mark.parametrize(
    ("written", "stored"),
    [
        ("Ask @ada-l.", "Ask @ghost."),
        ("@Ada-L- and (@ADA-L)", "@ghost- and (@ghost)"),
        ("https://github.com/ada-l?tab=x", "https://github.com/ghost?tab=x"),
        ("https://api.github.com/users/ada-l/repos", "https://api.github.com/users/ghost/repos"),
        ("see ada-l/engine#12", "see ghost/engine#12"),
        ("ada-l/engine", "ghost/engine"),
        ("ada-l:main", "ghost:main"),
        ("git@github.com:ada-l/engine.git", "git@github.com:ghost/engine.git"),
        ("Fix\n\nSigned-off-by: Ada L <ada@Example.org>", "Fix\n\nSigned-off-by: ghost <ghost>"),
        ("Co-authored-by: A L <815+ada-l@users.noreply.github.com>",
         "Co-authored-by: ghost <ghost>"),
        ("Write to ada@example.org!", "Write to ghost!"),
        ("![](https://avatars.githubusercontent.com/u/815?v=4)",
         "![](https://avatars.githubusercontent.com/u/0?v=4)"),
    ],
)  # fmt: skip
def test_a_mention_becomes_the_ghosts(written: str, stored: str) -> None:
    assert FORGOTTEN.text(written) == stored


@pytest.mark.parametrize(
    "written",
    [
        "@ada-lovelace", "x@ada-l", "src/ada-l/x", "@ada", "ada-l as a word",
        "https://github.com/acme/ada-l", "grada@example.org", "@someone <eve@example.org>",
    ],
)  # fmt: skip
def test_what_only_looks_like_one_stays(written: str) -> None:
    assert FORGOTTEN.text(written) == written


def test_a_login_that_another_account_has_by_now_is_not_theirs() -> None:
    assert FORGOTTEN.account(815, "ada-l") == ADA
    assert FORGOTTEN.account(None, "ADA-L") == ADA
    assert FORGOTTEN.account(4711, "ada-l") is None
    assert FORGOTTEN.account(None, "ada") is None


def test_a_payload_keeps_what_others_say_and_do() -> None:
    ada = {"login": "Ada-L", "id": 815, "node_id": "U_815", "type": "User"}
    eve = {"login": "eve", "id": 5}
    body = {
        "action": "edited",
        "changes": {"body": {"from": "her old words"}},
        "issue": {
            "user": ada, "title": "her words", "body": None, "number": 3, "assignees": [eve, ada],
            "milestone": {"creator": eve, "title": "1.0"},
        },
        "comment": {"user": eve, "body": "I agree with @ada-l"},
        "commits": [{"id": "aa", "message": "her words", "author": {
            "name": "Ada L", "email": "ada@example.org", "username": "Ada-L"}}],
        "pusher": {"name": "Ada-L", "email": "ada@example.org"},
        "sender": ada,
    }  # fmt: skip
    found = msgspec.json.decode(unnamed_body(FORGOTTEN, msgspec.json.encode(body)))
    assert found["issue"]["user"]["login"] == found["sender"]["login"] == "ghost"
    assert (found["issue"]["title"], found["issue"]["number"]) == ("", 3)
    assert found["issue"]["assignees"] == [eve]
    assert found["issue"]["milestone"]["title"] == "1.0"
    assert found["comment"] == {"user": eve, "body": "I agree with @ghost"}
    assert found["commits"][0]["message"] == ""
    assert found["changes"] == {"body": {"from": ""}}
    text = msgspec.json.encode(found).decode().lower()
    assert not any(word in text for word in ("ada", "her words", "815"))


def test_a_payload_without_them_is_the_same_bytes() -> None:
    body = b'{"sender": {"login": "eve", "id": 5},  "issue": {"title": "@eve"}}'
    assert unnamed_body(FORGOTTEN, body) is body
    assert unnamed_body(FORGOTTEN, b"no json, @ada-l") == b"no json, @ghost"


@pytest.mark.parametrize(
    "kind", [one for one in KINDS.values() if any(who.writes for who in one.merge.people)]
)
def test_what_a_kind_calls_its_author_and_its_text_is_found_in_payloads(kind: object) -> None:
    """The walk through a payload knows the keys of every declared kind."""
    from autosync.kinds._derived import Derived

    assert isinstance(kind, Derived)
    columns = {one.name: one for one in kind.columns}
    (first, *_) = kind.merge.people
    author = columns[first.name or first.login or first.id]
    if not author.event:
        return  # no payload shows who it was
    assert (author.event or "").partition(".")[0] in AUTHORS
    for name in first.writes:
        assert (columns[name].event or "").partition(".")[0] in TEXTS, name


def test_every_column_that_may_hold_a_person_is_declared_as_one() -> None:
    for model in DECLARED:
        people = {
            name for one in model.github and KINDS[_name(model)].merge.people
            for name in (one.id, one.login)
        }  # fmt: skip
        for column in model._meta.local_fields:
            if column.name.endswith("_login") or column.name == "assignees":
                assert column.name in people, f"{model.__name__}.{column.name}"


def _name(model: type) -> str:
    return next(name for name, kind in KINDS.items() if kind.model is model)
