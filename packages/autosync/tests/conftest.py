"""How property tests judge, and in which order the files run."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

# What is computed is judged, never how fast the machine was.
settings.register_profile(
    "any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any machine")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Side by side, begin with the acceptance tests: each file is long, and would come last.

    pytest-django puts what uses a database before them; with `--no-loadscope-reorder` this holds.
    """
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: "acceptance" not in item.path.parts)
