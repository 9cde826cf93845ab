"""The types that githubsim's GraphQL answers are GitHub's published ones, field by field."""

import os
import shutil
import subprocess
import tarfile
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from graphql import parse, print_ast
from graphql.language import ast

from githubsim.graphql.schema import TEXT
from tests.octokit import missing

PACKAGE = "@octokit/graphql-schema@15.26.1"
_CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "autosync-tests"
_OURS = {
    one.name.value: one
    for one in parse(TEXT, no_location=True).definitions
    if isinstance(one, ast.TypeDefinitionNode)
}


@cache
def published() -> dict[str, Any]:
    """Every type of the published schema by name, fetched once into a cache."""
    path = _CACHE / "schema-15.26.1.graphql"
    if not path.exists():
        _fetch(path)
    return {
        one.name.value: one
        for one in parse(path.read_text(), no_location=True).definitions
        if isinstance(one, ast.TypeDefinitionNode)
    }


def _fetch(path: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        missing(f"npm is not installed: {PACKAGE} cannot be fetched")
        return
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [npm, "pack", PACKAGE, "--silent"],
            cwd=folder,
            capture_output=True,
            timeout=120,
            check=False,
        )
        archives = list(Path(folder).glob("*.tgz"))
        if not archives:
            missing(f"npm could not fetch {PACKAGE}")
        with tarfile.open(archives[0]) as archive:
            member = archive.extractfile("package/schema.graphql")
            assert member is not None
            content = member.read()
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two runs side by side may both fetch: the rename is atomic.
    fresh = path.with_suffix(f".{os.getpid()}")
    fresh.write_bytes(content)
    fresh.rename(path)


def _signature(field: Any) -> tuple[str, dict[str, str]]:
    """A field's type, and its arguments with their types and defaults."""
    arguments = {
        one.name.value: print_ast(one.type)
        + (f" = {print_ast(one.default_value)}" if one.default_value else "")
        for one in getattr(field, "arguments", None) or ()
    }
    return print_ast(field.type), arguments


@pytest.mark.octokit
@pytest.mark.parametrize("name", sorted(_OURS))
def test_a_type_is_part_of_the_published_one(name: str) -> None:
    ours, theirs = _OURS[name], published()[name]
    assert type(ours) is type(theirs)
    for part in ("types", "interfaces"):
        mine = {one.name.value for one in getattr(ours, part, None) or ()}
        assert mine <= {one.name.value for one in getattr(theirs, part, None) or ()}
    known = {one.name.value: one for one in getattr(theirs, "fields", None) or ()}
    for field in getattr(ours, "fields", None) or ():
        assert field.name.value in known, field.name.value
        (our_type, some), (type_, all_) = _signature(field), _signature(known[field.name.value])
        assert our_type == type_, field.name.value
        assert some.items() <= all_.items(), field.name.value
    values = {one.name.value for one in getattr(theirs, "values", None) or ()}
    assert {one.name.value for one in getattr(ours, "values", None) or ()} <= values
