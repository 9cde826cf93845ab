"""What the receiver makes of a delivery before it is stored."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autosync.receiver import form
from autosync.receiver.verify import Incoming, Refused, check, signed_by

SECRET = "s"


def incoming(body: bytes, **headers: str) -> Incoming:
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    given = {
        "x-github-event": "issues",
        "x-github-delivery": "g-1",
        "x-hub-signature-256": f"sha256={signature}",
        "content-type": "application/json",
    }
    return check(given | {k.replace("_", "-"): v for k, v in headers.items()}, body, [SECRET])


def test_the_inbox_learns_what_it_is_searched_by() -> None:
    body = json.dumps(
        {"action": "opened", "installation": {"id": 7}, "repository": {"id": 2**40, "name": "x"}}
    ).encode()
    found = incoming(body)
    assert (found.guid, found.event, found.action) == ("g-1", "issues", "opened")
    assert (found.installation_id, found.repository_id) == (7, 2**40)
    assert found.body == body


def test_a_form_is_unpacked_to_the_document_it_carries() -> None:
    document = '{"action": "closed", "title": "grüße & 100 %"}'
    found = incoming(
        urlencode({"payload": document}).encode(),
        content_type="application/x-www-form-urlencoded; charset=utf-8",
    )
    assert found.body.decode() == document
    assert found.action == "closed"


@pytest.mark.parametrize(
    "payload",
    [
        {"action": 5},
        {"action": None, "installation": None, "repository": "octo/hello"},
        {"installation": {"id": "seven"}, "repository": {"id": 2**70}},
        {"installation": {"id": -1}, "repository": {"id": 1.5}},
        {},
    ],
)
def test_an_object_of_another_shape_is_taken_all_the_same(payload: dict[str, object]) -> None:
    found = incoming(json.dumps(payload).encode())
    assert (found.action, found.installation_id, found.repository_id) == ("", None, None)


def test_an_action_that_the_table_cannot_hold_is_cut() -> None:
    assert incoming(b'{"action": "a\\u0000b"}').action == "ab"
    assert incoming(json.dumps({"action": "x" * 100}).encode()).action == "x" * 64


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b'"text"', b"null", b"{", b'{"a": 1} x', b'{"a": \xff}'],
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        incoming(body)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    "body",
    [
        rb'{"action":"opened","repository":{"id":5,"description":"half \ud83d"}}',
        rb'{"action":"opened","repository":{"id":5},"issue":{"title":"\ude00"}}',
        b'{"action":"opened","repository":{"id":5,"description":"\xff\xfe"}}',
    ],
)
def test_a_character_that_is_none_costs_no_delivery_and_the_body_is_kept(body: bytes) -> None:
    found = incoming(body)
    assert (found.action, found.repository_id, found.body) == ("opened", 5, body)
    half = incoming(rb'{"action":"a\ud83db"}')
    assert half.action == "a\ufffdb"


@pytest.mark.parametrize(
    "body", [b"", b"payload=", b"other=%7B%7D", b"payload=%ff%fe", b"p\xffx=1"]
)
def test_a_form_without_a_readable_payload_is_refused(body: bytes) -> None:
    with pytest.raises(Refused) as refused:
        incoming(body, content_type="application/x-www-form-urlencoded")
    assert refused.value.status == 400


def test_deep_nesting_is_refused_not_fatal() -> None:
    with pytest.raises(Refused) as refused:
        incoming(b'{"a":' + b"[" * 200_000 + b"]" * 200_000 + b"}")
    assert refused.value.status == 400


def test_only_the_headers_worth_keeping_are_kept() -> None:
    found = incoming(b"{}", authorization="Bearer x", x_github_hook_id="1", cookie="y")
    assert found.headers == {
        "X-GitHub-Event": "issues",
        "X-GitHub-Delivery": "g-1",
        "X-GitHub-Hook-ID": "1",
        "Content-Type": "application/json",
    }


@given(st.binary(max_size=200), st.text(max_size=80))
def test_no_signature_but_the_right_one_is_accepted(body: bytes, guess: str) -> None:
    right = "sha256=" + hmac.new(b"new", body, hashlib.sha256).hexdigest()
    assert signed_by(body, right, ["old", "new"])
    assert not signed_by(body, guess, ["old", "new"])
    assert not signed_by(body, right.replace("sha256=", "sha1="), ["old", "new"])
    assert not signed_by(body + b"x", right, ["old", "new"])


@given(st.text(min_size=1), st.sampled_from([quote_plus, quote]))
def test_any_text_comes_out_of_a_form_as_it_went_in(text: str, how: Callable[[str], str]) -> None:
    body = f"other=1&payload={how(text)}&last=2".encode()
    assert form.field(body, b"payload") == text.encode()


@pytest.mark.parametrize(
    "body",
    [
        b"", b"x=1", b"xpayload=1", b"payload=%", b"payload=a%4", b"payload=%%41", b"payload=%zz",
        b"payload=%ff", b"payload=a b", b"payload=\xc3\xbc", b"payload=a\n",
    ],
)  # fmt: skip
def test_a_form_that_cannot_be_read_has_no_field(body: bytes) -> None:
    assert form.field(body, b"payload") is None
