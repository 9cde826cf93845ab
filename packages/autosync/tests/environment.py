"""A private environment for one test run; loaded before Django reads its settings."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

_root = Path(tempfile.mkdtemp(prefix="autosync-tests-"))
_kept = (
    "AUTOSYNC_HISTORIES",
    "AUTOSYNC_POSTGRES_USER",
    "AUTOSYNC_REQUIRE_ALL",
    "AUTOSYNC_TESTS_TEMPLATE",
)
for name in [n for n in os.environ if n.startswith(("GITHUB_", "AUTOSYNC_"))]:
    if name not in _kept:
        del os.environ[name]
# The first process of a run makes it, those beside it inherit it (tests/template.py).
os.environ.setdefault("AUTOSYNC_TESTS_TEMPLATE", str(_root))
# An explicit value outweighs whatever a developer keeps in .env.
os.environ |= {
    "DATABASE_URL": "",
    "AUTOSYNC_DATA_DIR": str(_root / "data"),
    "AUTOSYNC_SECRET_KEY": "only-for-tests",
    "GITHUB_APP_ID": "1",
    "GITHUB_WEBHOOK_SECRET": "a test secret",
    "GITHUB_API_URL": "http://127.0.0.1:9",
}


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the embedded PostgreSQL of this run and remove its folder."""
    from autosync import postgres
    from tests import commands

    commands.end()
    postgres.release()
    shutil.rmtree(_root, ignore_errors=True)
