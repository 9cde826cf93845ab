"""The page whose table of endpoints the code and the schema tests write."""

from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "githubsim.md"
RENEW = (
    "docs/githubsim.md is out of date. In packages/githubsim run: pytest tests/test_schemas.py && "
    "python -m githubsim.catalogue --validated .pytest_cache/v/githubsim/validated "
    "../../docs/githubsim.md"
)
