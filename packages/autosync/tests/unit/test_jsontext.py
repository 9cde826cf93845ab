"""JSON with characters that are none is read; what is not JSON is refused."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autosync.jsontext import decode, repaired

_decode = msgspec.json.Decoder(dict[str, str]).decode


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (rb'{"a":"x\ud83dy"}', "x\ufffdy"),
        (rb'{"a":"x\ud83d"}', "x\ufffd"),
        (rb'{"a":"\ude00\ud83d"}', "\ufffd\ufffd"),
        (rb'{"a":"\ud83d\ud83d\ude00"}', "\ufffd\U0001f600"),
        (rb'{"a":"\uD83D\\ud83d"}', "\ufffd\\ud83d"),
        (b'{"a":"\xff"}', "\ufffd"),
        (b'{"a":"\xed\xa0\xbd"}', "\ufffd\ufffd\ufffd"),
    ],
)
def test_a_character_that_is_none_becomes_the_replacement_character(body: bytes, text: str) -> None:
    assert decode(_decode, body) == {"a": text}


def test_what_is_whole_stays_as_it_is() -> None:
    body = rb'{"a":"\ud83d\ude00 \\ud83d \\\\ \u0000"}'
    assert repaired(body) == body
    assert decode(_decode, body) == {"a": "\U0001f600 \\ud83d \\\\ \x00"}


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"a":"b', b'{"a":"\xff', b'{"a": 1}'])
def test_what_is_not_the_document_is_refused(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        decode(_decode, body)


@given(st.text(st.characters(codec=None)))
def test_any_text_can_be_read(text: str) -> None:
    body = json.dumps({"a": text}).encode()
    # A high half beside a low one in Python is a pair in JSON.
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert len(decode(_decode, body)["a"]) == len(whole)
