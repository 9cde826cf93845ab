"""The reference page of the tables says what is declared, column by column."""

from __future__ import annotations

from pathlib import Path

import pytest

from autosync.kinds import KINDS, TABLES, _permissions, _shown
from autosync.kinds._overview import HEADS, facts, undescribed
from autosync.kinds._permissions import permissions
from autosync.kinds._reference import app_sentence, page
from autosync.kinds._relations import RELATIONS
from autosync.sync.hook import not_granted, wanted_events
from tests.integration import throwaway

ROOT = Path(__file__).resolve().parents[4]


def test_the_committed_page_is_current() -> None:
    stored = (ROOT / "docs/reference/kinds.md").read_text()
    assert stored == page(TABLES.values()), (
        "run: ./autosync kinds reference > docs/reference/kinds.md"
    )


def test_of_every_table_it_is_said_which_tools_have_it_too() -> None:
    tables = [
        *(kind.merge.table for kind in TABLES.values()),
        *(m._meta.db_table for m in _shown.PLAIN),
    ]
    tables += [one.name for one in RELATIONS]
    missing = undescribed(tables)
    assert missing == [], (
        "add to src/autosync/kinds/tables.toml, with the letters of the tools that have it ("
        f"{', '.join(facts()['tools'])}) and how many rows the example has: "
        + "; ".join(f'{one} = {{ has = "", rows = 100 }}' for one in missing)
    )


def test_every_table_is_listed_with_what_it_needs_and_costs() -> None:
    begin = page(TABLES.values()).split("## installations")[0]
    lines = [line.split(" | ") for line in begin.splitlines() if line.startswith("| `")]
    listed = {cells[0].strip("| `") for cells in lines}
    assert listed == {
        *(kind.merge.table for kind in TABLES.values()),
        *(model._meta.db_table for model in _shown.PLAIN),
        *(one.name for one in RELATIONS),
    }
    assert all(len(cells) == len(HEADS) for cells in lines)
    declared = {kind.merge.table for kind in TABLES.values()}
    for cells in lines:
        if cells[0].strip("| `") in declared:
            assert all(cells[:7]), cells
    assert all(reason for reason in facts()["left_out"].values())


@pytest.mark.django_db
def test_a_kind_that_nobody_described_is_listed_all_the_same() -> None:
    with throwaway.declared() as kind:
        line = next(
            one
            for one in page([kind], plain=[], relations=[]).splitlines()
            if one.startswith("| `")
        )
        assert undescribed([kind.merge.table]) == [kind.merge.table]
    assert line.startswith(
        "| `side_notes` | A note on an issue. | issues, discussions | side_note |"
    )
    assert line.endswith("| – |")


def test_every_column_says_what_it_means() -> None:
    silent = [
        f"{kind.name}.{one.name}"
        for kind in TABLES.values()
        for one in _shown.columns(kind)
        if not one.about
    ]
    silent += [
        f"{model.__name__}.{one.name}"
        for model in _shown.PLAIN
        for one in _shown.plain_columns(model)
        if not one.about
    ]
    assert silent == []


@pytest.mark.django_db
def test_a_declared_kind_is_described_with_where_github_has_each_column() -> None:
    with throwaway.declared() as kind:
        text = page([kind], plain=[], relations=[])
    assert "## side_notes\n\nA note on an issue.\n\n- View: `github.side_notes`\n" in text
    assert "- API: `GET /api/side-notes/`, `GET /api/side-notes/{key}/`\n" in text
    assert "- Permissions of the App: `issues` (write), `discussions` (read)\n" in text
    assert "- Events: `side_note`\n" in text
    lines = {line.split("`")[1]: line for line in text.splitlines() if line.startswith("| `")}
    assert lines["issue_number"] == (
        "| `issue_number` | integer, may be null | The issue \\| that it is on. "
        "| `issue.number` | yes | `issue.number` | yes |"
    )
    assert lines["readers"].endswith("| Who read it. | `readers` | yes |  | yes |")
    assert lines["author_id"].endswith("| `user.id` | yes | `author.databaseId` | yes |")
    assert lines["repository"].endswith("| The repository's full name, owner/name. |  |  |  |  |")


def test_readme_names_the_permissions_and_events_that_the_kinds_need() -> None:
    readme = " ".join((ROOT / "README.md").read_text().split())
    sentence = app_sentence(permissions(), wanted_events())
    assert sentence in readme, f"let README say: {sentence}"


def test_what_every_kind_needs_is_asked_of_the_app() -> None:
    needed = {name for kind in KINDS.values() for name in kind.declared.needs}
    assert set(permissions()) == needed | {"contents", "metadata"}
    assert not_granted({}) == list(permissions())
    for level in ("read", "write", "admin", "of next year"):
        assert not_granted(dict.fromkeys(permissions(), level)) == []
    heard = {event for kind in KINDS.values() for event in kind.declared.events}
    assert heard <= wanted_events()


@pytest.mark.django_db
def test_a_kind_that_needs_more_than_reading_is_not_content_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with throwaway.declared() as kind:
        monkeypatch.setattr(_permissions, "KINDS", {**KINDS, kind.name: kind})
        assert (permissions()["issues"], permissions()["discussions"]) == ("write", "read")
        assert not_granted(dict.fromkeys(permissions(), "read")) == ["issues"]
