"""Each row of the table has its benchmark, and the page names them all."""

from __future__ import annotations

import json

import pytest

from benchmarks.__main__ import MEASURED, available
from benchmarks._figures import spreads, verdict
from benchmarks._least import of_world
from benchmarks._report import page, read
from benchmarks._table import ROWS
from tests.service import ROOT

_PAGE = ROOT / "docs" / "benchmarks.md"


@pytest.fixture(scope="module")
def known() -> list[str]:
    return available()


def test_each_row_of_the_table_has_a_benchmark(known: list[str]) -> None:
    assert {name for row in ROWS for name in row.benchmarks} <= set(known)
    assert all(row.benchmarks for row in ROWS)


def test_the_page_is_that_of_the_lines_with_each_row_and_each_benchmark(known: list[str]) -> None:
    text = _PAGE.read_text()
    assert text == page(read(MEASURED.read_text().splitlines()), known), (
        "run `python -m benchmarks report > ../../docs/benchmarks.md` in packages/autosync"
    )
    assert [row.what for row in ROWS if f"| {row.what} |" not in text] == []
    assert [name for name in known if f"\n### {name}\n" not in text] == []


def test_the_page_is_made_from_the_lines_and_says_what_was_missed() -> None:
    line = {
        "benchmark": "one_percent",
        "share": 20,
        "runs": 2,
        **spreads([{"seconds": 1.5, "cpu_s": {"worker": 3}}, {"seconds": 2.5, "cpu_s": {}}]),
        "verdicts": [verdict("requests / least", 1.5, 1.2), verdict("seconds", 2, 5)],
        "machine": {"cpus": 2, "packages": {"django": "5.2"}},
        "command": "python -m benchmarks one_percent",
        "seconds_of_the_benchmark": 9,
    }
    text = page(read(["not a line", json.dumps(line)]), ["one_percent", "receiver"])
    assert "`one_percent`: cpus 2, django 5.2" in text
    assert "requests / least ≤ 1.2: **1.5** ✗, seconds ≤ 5: **2**" in text
    assert "(1/20 of the world)" in text
    assert "- `one_percent`: requests / least ≤ 1.2 was asked for, 1.5 measured" in text
    assert (
        "- Measured on a share of their world alone, and judged by nothing: `one_percent`" in text
    )
    assert "| seconds | 2 (1.5 to 2.5) |" in text
    assert "### receiver\n\nNot measured for this page." in text


def test_the_least_is_that_by_hand() -> None:
    world = [
        {"issues": {"total": 250}, "pulls": {"total": 100}},
        {"issues": {"total": 0}, "pulls": {"total": 1}},
    ]
    # The list, the counts; three pages of issues, one and one of pull requests.
    found = of_world(world, latency=1, per_node=0, limits=False)
    assert (found.requests, found.seconds) == (7, 3)
    # 7 s of waiting, and 351 items and twice two repositories at one second each.
    limited = of_world(world, latency=1, per_node=1, limits=True)
    assert limited.response_seconds == 362
    # 90 s of it at once, and 90 after each of the four minutes that follow.
    assert limited.seconds == max(240, 303)
