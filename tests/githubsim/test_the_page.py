"""docs/githubsim.md says what is there; it runs after the schema tests, which say what is valid."""

from pathlib import Path

import pytest

from githubsim import catalogue

PAGE = Path(__file__).parents[2] / "docs" / "githubsim.md"
RENEW = (
    "docs/githubsim.md is out of date. Run: pytest tests/githubsim/test_schemas.py && "
    "python -m githubsim.catalogue --validated .pytest_cache/v/githubsim/validated"
)


def test_the_table_of_endpoints_is_up_to_date() -> None:
    page = PAGE.read_text()
    assert catalogue.renewed(page, catalogue.validated_in(page)) == page, RENEW


def test_what_is_marked_as_validated_was_validated(request: pytest.FixtureRequest) -> None:
    mine = [one for one in request.session.items if "test_schemas.py" in one.nodeid]
    if (
        not mine
        or request.config.getoption("keyword")
        or any("::" in a for a in request.config.args)
    ):
        pytest.skip("the schema tests did not all run before this")
    reached = set(request.config.cache.get("githubsim/validated", []))
    marked = catalogue.validated_in(PAGE.read_text())
    assert marked == reached & set(catalogue.endpoints()), RENEW


def test_every_difference_is_of_an_endpoint_that_is_there() -> None:
    assert catalogue.DIFFERENCES.keys() <= set(catalogue.endpoints())
