"""The page whose table of endpoints the code and the schema tests write."""

from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "githubsim.md"
RENEW = (
    "docs/githubsim.md is out of date. Run: pytest tests/githubsim/test_schemas.py && "
    "python -m githubsim.catalogue --validated .pytest_cache/v/githubsim/validated"
)
