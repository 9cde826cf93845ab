"""Settings: validated, named when wrong, never echoed when secret, all in the reference."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autosync import config
from autosync.errors import ConfigurationError

REFERENCE = Path(__file__).parents[4] / "docs" / "reference" / "settings.md"


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    config.load.cache_clear()
    yield  # type: ignore[misc]
    config.load.cache_clear()


def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTOSYNC_PORT", "http")
    with pytest.raises(ConfigurationError, match="AUTOSYNC_PORT"):
        config.load()


def test_a_missing_value_is_named_with_its_meaning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_WEBHOOK_SECRET", "")
    with pytest.raises(ConfigurationError, match="GITHUB_WEBHOOK_SECRET is not set"):
        config.load().require("GITHUB_WEBHOOK_SECRET")


def test_several_webhook_secrets_are_accepted_during_a_rotation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GITHUB_WEBHOOK_SECRET", "new one")
    monkeypatch.setenv("GITHUB_WEBHOOK_SECRET_PREVIOUS", "old older")
    assert config.load().webhook_secrets == ["new one", "old", "older"]


def test_values_come_from_a_env_file_too(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("AUTOSYNC_SYNC_INTERVAL=30\n")
    assert config.load().autosync_sync_interval == 30


def test_secrets_are_not_shown() -> None:
    assert "a test secret" not in repr(config.load())


def test_the_generated_secret_key_is_private_and_kept(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AUTOSYNC_SECRET_KEY", "")
    monkeypatch.setenv("AUTOSYNC_DATA_DIR", str(tmp_path))
    key = config.load().secret_key()
    assert key == config.load().secret_key()
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("-wiki", "'-wiki' is no kind of object; there are annotated_tag, closing_reference,"),
        ("--label", "'--label' is no kind of object"),
        ("-issue", "issue cannot be left out"),
        ("-contributor", "contributor cannot be left out"),
        ("+label,-label", "label is both added and left out"),
        ("label;release", "'label;release' is no kind of object"),
    ],
)
def test_a_wrong_choice_of_kinds_is_named_before_anything_starts(
    given: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTOSYNC_KINDS", given)
    with pytest.raises(ConfigurationError, match=f"AUTOSYNC_KINDS: {re.escape(says)}"):
        config.load()


def test_kinds_are_chosen_by_names_with_or_without_a_sign(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AUTOSYNC_KINDS", " release , +label,-review,")
    choice = config.load().kinds
    assert (choice.alone, choice.added, choice.removed) == ({"release"}, {"label"}, {"review"})


def test_every_setting_is_in_the_reference() -> None:
    text = REFERENCE.read_text()
    missing = [n for n in config.Config.model_fields if f"`{n.upper()}`" not in text]
    assert not missing
