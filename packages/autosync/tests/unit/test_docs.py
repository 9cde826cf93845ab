"""What pages, code and comments point at is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.mutations.guards import GUARDS, Guard

ROOT = Path(__file__).resolve().parents[4]
PACKAGE = ROOT / "packages" / "autosync"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("packages/*/*.md"), *(ROOT / "docs").rglob("*.md")])
PACKAGES = sorted(one.parent for one in ROOT.glob("packages/*/pyproject.toml"))
_LINK = re.compile(r"\]\(([^)\s]+)\)")

# A file named by its path, in a text or in a comment. What follows a slash is part of an address.
_KINDS = r"(?:css|html|js|json|md|mjs|png|py|sql|toml)"
_NAMED = re.compile(
    rf"(?<![\w/.@-])((?:docs|packages|tests|benchmarks|tools|src)/[\w./-]*\w\.{_KINDS})\b"
)
# In backticks it may also be a path below a package's sources or tests, such as `mirror/upsert.py`.
_QUOTED = re.compile(rf"`([a-z_]+/[\w/-]+\.{_KINDS})`")

EXAMPLES = {
    # The guide to a new kind names the files that its reader creates.
    "packages/autosync/src/autosync/kinds/repository_collaborator.py",
    "packages/autosync/src/autosync/kinds/team.py",
    "packages/autosync/src/autosync/kinds/team_member.py",
    # githubsim's manual names a file of the world that its reader creates.
    "world/app.json",
    # A file that a push in a test adds.
    "src/new.py",
}


def sources() -> Iterator[Path]:
    """Every text that people wrote: pages, code, SQL, templates, settings of the tools."""
    yield from PAGES
    yield from (one for one in (ROOT / "Makefile", ROOT / ".ci" / "run") if one.exists())
    yield from ROOT.glob("*.toml")
    yield from ROOT.glob("packages/*/*.toml")
    for folder in (
        *ROOT.glob("packages/*/src"),
        *ROOT.glob("packages/*/tests"),
        *ROOT.glob("packages/*/benchmarks"),
        ROOT / "tools",
        ROOT / ".github",
    ):
        for ending in ("py", "sql", "html", "toml", "yml"):
            yield from (
                one for one in folder.rglob(f"*.{ending}") if "node_modules" not in one.parts
            )


def exists(name: str, source: Path) -> bool:
    """Whether `name` is a file, below the root or below the package of `source` (if any)."""
    own = [one for one in PACKAGES if one in source.parents] or PACKAGES
    places = [ROOT, *own]
    places += [inner for one in own for inner in (one / "src" / one.name, one / "tests")]
    return name in EXAMPLES or any((place / name).is_file() for place in places)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = page.read_text()
    links = [one.partition("#")[0] for one in _LINK.findall(text) if "://" not in one]
    assert [one for one in links if one and not (page.parent / one).exists()] == []


def test_every_file_named_in_code_pages_and_comments_exists() -> None:
    wrong = {
        f"{source.relative_to(ROOT)}: {name}"
        for source in sources()
        for text in [source.read_text()]
        for name in _NAMED.findall(text) + _QUOTED.findall(text)
        if not exists(name, source)
    }
    assert wrong == set()


def test_every_promise_names_a_test() -> None:
    text = (ROOT / "docs" / "guarantees.md").read_text().partition("## Guards")[0]
    rows = re.findall(r"^\| (?!promise|--)(.+?) \| (.+) \|$", text, re.M)
    assert len(rows) > 50
    assert [
        promise for promise, shown in rows if not re.search(r"`[\w/]+/test_\w+\.py`", shown)
    ] == []


def test_every_guard_is_on_the_page_of_guarantees() -> None:
    text = (ROOT / "docs" / "guarantees.md").read_text()
    listed = text.partition("## Guards")[2].partition("\n## ")[0]
    assert re.findall(r"^- (.+)$", listed, re.M) == [guard.name for guard in GUARDS]


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: str(guard.name))
def test_every_guard_stands_once_in_its_file(guard: Guard) -> None:
    text = (PACKAGE / guard.file).read_text()
    assert text.count(guard.old) == 1
