"""The libraries that Python programs talk to GitHub with."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clients.counts import REST, Truth, expected
from tests.clients.tools import reader


@pytest.mark.parametrize("client", ["pygithub", "gidgethub"])
def test_reads_everything_there_is(client: str, access: dict[str, Any], truth: Truth) -> None:
    assert reader(client, access) == expected(truth, *REST)


def test_pygithub_reads_a_github_enterprise_server_the_same(
    access: dict[str, Any], truth: Truth
) -> None:
    found = reader("pygithub", access | {"url": f"{access['url']}/api/v3"})
    assert found == expected(truth, *REST)
