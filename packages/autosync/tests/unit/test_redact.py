"""No password of an address is shown, whatever shape the address has."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autosync.database_url import parameters
from autosync.errors import ConfigurationError
from autosync.redact import RedactingFormatter, redact


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://ada:hid/den@db:5432/autosync",
        "connection to 'postgresql://ada:hid@den@db/autosync' failed",
        "postgresql://:hidden@db/autosync",
        "postgresql://db/autosync?user=ada&password=hidden",
        "host=db user=ada password=hidden dbname=autosync",
        "host=db password='hid den' dbname=autosync",
        "http://ada:hidden@proxy.example:3128",
        "https://hiddentoken@github.com/acme/rocket.git",
        "cloning https://x-access-token:hidden@github.com/acme/rocket",
        "redis://:hidden@localhost:6379/0",
    ],
)
def test_a_password_is_left_out(text: str) -> None:
    shown = redact(text)
    for part in ("hid", "den@", "hidden"):
        assert part not in shown
    assert "…" in shown


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://ada@db:5432/autosync",
        "http://127.0.0.1:8000/repositories/1/",
        "http://127.0.0.1:8000/people/ada@example.org",
        "ada@example.org pushed to https://github.com/acme/rocket",
        "Check DATABASE_URL (postgresql://user@host:5432/name)",
    ],
)
def test_what_holds_none_stays(text: str) -> None:
    assert redact(text) == text


def test_a_traceback_in_the_log_holds_none_either() -> None:
    try:
        raise RuntimeError("cannot connect to postgresql://ada:hidden@db/autosync")
    except RuntimeError as error:
        trace = (type(error), error, error.__traceback__)
    record = logging.LogRecord("autosync", logging.ERROR, __file__, 1, "failed", (), trace)
    line = RedactingFormatter("%(message)s").format(record)
    assert "Traceback" in line
    assert "hidden" not in line


def test_a_traceback_that_nobody_caught_holds_none_either() -> None:
    script = (
        "from autosync import redact; redact.in_tracebacks()\n"
        "raise ValueError('postgresql://ada:hidden@db/autosync')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 1
    assert "ValueError: postgresql://ada:…@db/autosync" in done.stderr


_PASSWORDS = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="%'\"<>"), min_size=6
)


@given(_PASSWORDS)
def test_an_address_is_read_whole_or_refused_without_its_password(password: str) -> None:
    said, found = "", {}
    try:
        found = parameters("DATABASE_URL", f"postgresql://ada:{password}@db.example:5432/autosync")
    except ConfigurationError as error:
        said = str(error)
    assert password not in said
    if not said:
        assert found["password"] == password
        assert (found["host"], found["port"], found["dbname"]) == (
            "db.example", "5432", "autosync",
        )  # fmt: skip
