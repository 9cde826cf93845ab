"""Product and simulator are released together: one version, said the same everywhere."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import autosync
import githubsim

PACKAGES = Path(__file__).resolve().parents[3]


def project(name: str) -> dict[str, Any]:
    found: dict[str, Any] = tomllib.loads((PACKAGES / name / "pyproject.toml").read_text())
    return found["project"]  # type: ignore[no-any-return]


def test_both_distributions_have_one_version() -> None:
    ours, theirs = project("autosync"), project("githubsim")
    assert ours["version"] == theirs["version"] == autosync.__version__ == githubsim.__version__
    assert f"githubsim=={ours['version']}" in ours["optional-dependencies"]["demo"]


def test_githubsims_changelog_has_the_version() -> None:
    text = (PACKAGES / "githubsim" / "CHANGELOG.md").read_text()
    assert re.search(rf"^## {re.escape(githubsim.__version__)}\b", text, re.M)


def test_both_say_the_same_of_the_pythons_they_run_on() -> None:
    ours, theirs = project("autosync"), project("githubsim")
    assert ours["requires-python"] == theirs["requires-python"]
    pythons = [
        {one for one in of["classifiers"] if "Programming Language" in one} for of in (ours, theirs)
    ]
    assert pythons[0] == pythons[1]
