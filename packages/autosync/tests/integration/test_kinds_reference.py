"""The reference page of the tables says what is declared, column by column."""

from __future__ import annotations

from pathlib import Path

import pytest

from autosync.kinds import KINDS, TABLES, _permissions, _shown
from autosync.kinds._permissions import permissions
from autosync.kinds._reference import app_sentence, page
from autosync.sync.hook import not_granted, wanted_events
from tests.integration import throwaway

ROOT = Path(__file__).resolve().parents[4]


def test_the_committed_page_is_current() -> None:
    stored = (ROOT / "docs/reference/kinds.md").read_text()
    assert stored == page(TABLES.values()), (
        "run: ./autosync kinds reference > docs/reference/kinds.md"
    )


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
        text = page([kind], plain=[])
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
