"""`autosync token`: the token is shown once and works until it is revoked."""

from __future__ import annotations

import pytest
from django.test import Client
from typer.testing import CliRunner, Result

from autosync.cli import token as command

pytestmark = pytest.mark.django_db


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command.app, list(arguments), env={"COLUMNS": "200"})


def test_a_token_from_its_making_to_its_end() -> None:
    made = run("create", "ci", "--scope", "read", "--scope", "sync")
    assert made.exit_code == 0
    plain = made.stdout.strip()
    client = Client(headers={"authorization": f"Bearer {plain}"})
    assert client.get("/api/issues/").status_code == 200

    shown = run("list").stdout
    assert "ci" in shown
    assert "read, sync" in shown
    assert plain not in shown

    assert run("revoke", "ci").exit_code == 0
    assert client.get("/api/issues/").status_code == 401


def test_the_scope_is_read_unless_said() -> None:
    assert run("create", "reader").exit_code == 0
    assert "read" in run("list").stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["create", "x", "--scope", "root"], "read, sync"),
        (["revoke", "nobody"], "autosync token list"),
    ],
)
def test_a_mistake_is_told_in_one_line(arguments: list[str], says: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 1
    assert says in result.stderr
    assert result.stderr.count("\n") == 1
