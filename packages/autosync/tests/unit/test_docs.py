"""What the pages point at is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.mutations.guards import GUARDS, Guard

ROOT = Path(__file__).resolve().parents[4]
PACKAGE = ROOT / "packages" / "autosync"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("packages/*/*.md"), *(ROOT / "docs").rglob("*.md")])
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_NAMED = re.compile(r"`((?:packages/\w+/(?:tests|benchmarks)|tools|docs)/[\w./-]+\.\w+)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_named_files_exist(page: Path) -> None:
    text = page.read_text()
    links = [one.partition("#")[0] for one in _LINK.findall(text) if "://" not in one]
    wrong = [one for one in links if one and not (page.parent / one).exists()]
    wrong += [one for one in _NAMED.findall(text) if not (ROOT / one).exists()]
    assert wrong == []


def test_every_guard_is_on_the_page_of_guarantees() -> None:
    text = (ROOT / "docs" / "guarantees.md").read_text()
    listed = text.partition("## Guards")[2].partition("\n## ")[0]
    assert re.findall(r"^- (.+)$", listed, re.M) == [guard.name for guard in GUARDS]


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: str(guard.name))
def test_every_guard_stands_once_in_its_file(guard: Guard) -> None:
    text = (PACKAGE / guard.file).read_text()
    assert text.count(guard.old) == 1
