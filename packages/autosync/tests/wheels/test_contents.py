"""What the wheels and the archives of the sources hold: all that belongs to them, nothing else."""

from __future__ import annotations

import tarfile
import zipfile
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest

from tests.service import ROOT
from tests.wheels.conftest import NAMES

PACKAGES = {"autosync_github": "autosync", "githubsim": "githubsim"}


def names(built: Path, distribution: str) -> set[str]:
    with zipfile.ZipFile(next(built.glob(f"{distribution}-*.whl"))) as wheel:
        return set(wheel.namelist())


def metadata(built: Path, distribution: str) -> Message:
    with zipfile.ZipFile(next(built.glob(f"{distribution}-*.whl"))) as wheel:
        name = next(one for one in wheel.namelist() if one.endswith(".dist-info/METADATA"))
        return message_from_bytes(wheel.read(name))


def sources(package: str) -> set[str]:
    """Every file of a package as the checkout has it."""
    source = ROOT / "packages" / package / "src"
    return {
        str(path.relative_to(source))
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.parametrize("distribution", NAMES)
def test_a_wheel_holds_the_whole_package_and_nothing_beside_it(
    built: Path, distribution: str
) -> None:
    found = names(built, distribution)
    about = {one for one in found if one.partition("/")[0].endswith(".dist-info")}
    assert found - about == sources(PACKAGES[distribution])
    assert f"{PACKAGES[distribution]}/py.typed" in found
    kinds = {Path(one).suffix for one in found - about}
    expected = {"autosync_github": {".html", ".js", ".css", ".svg", ".sql", ".toml"},
                "githubsim": {".graphql", ".css", ".sql"}}  # fmt: skip
    assert kinds == expected[distribution] | {".py", ".typed"}


@pytest.mark.parametrize("distribution", NAMES)
def test_a_wheel_brings_its_licence(built: Path, distribution: str) -> None:
    found = {one.partition("/licenses/")[2] for one in names(built, distribution)} - {""}
    assert found == {"LICENSE", "NOTICE"} if distribution == "githubsim" else {"LICENSE"}


def test_the_notice_names_every_extract_of_what_github_publishes(built: Path) -> None:
    notice = (ROOT / "packages" / "githubsim" / "NOTICE").read_text()
    carried = {one for one in names(built, "githubsim") if one.endswith(".graphql")}
    assert carried == {line for line in notice.splitlines() if line.endswith(".graphql")}
    assert "Copyright (c) GitHub" in notice


@pytest.mark.parametrize("distribution", NAMES)
def test_an_archive_of_the_sources_holds_what_the_wheel_is_built_from(
    built: Path, distribution: str
) -> None:
    with tarfile.open(next(built.glob(f"{distribution}-*.tar.gz"))) as archive:
        found = {one.partition("/")[2] for one in archive.getnames()}
    beside = {"CHANGELOG.md", "LICENSE", "README.md", "pyproject.toml", "PKG-INFO"}
    assert {f"src/{one}" for one in sources(PACKAGES[distribution])} | beside <= found
    assert not {one for one in found if one.startswith(("tests", "benchmarks"))}


def test_the_metadata_says_what_it_is(built: Path) -> None:
    for distribution in NAMES:
        about = metadata(built, distribution)
        assert about["License-Expression"] == "Apache-2.0"
        assert about["Requires-Python"] == ">=3.11"
        assert "Typing :: Typed" in about.get_all("Classifier", [])
        assert about["Summary"]
        assert "pip install" not in str(about.get_payload())
    assert metadata(built, "autosync_github").get_all("Provides-Extra") == ["demo"]
