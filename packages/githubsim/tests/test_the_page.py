"""docs/githubsim.md says what is there; the schema tests say what is valid."""

from githubsim import catalogue
from tests.page import PAGE, RENEW


def test_the_table_of_endpoints_is_up_to_date() -> None:
    page = PAGE.read_text()
    assert catalogue.renewed(page, catalogue.validated_in(page)) == page, RENEW


def test_every_difference_is_of_an_endpoint_that_is_there() -> None:
    assert catalogue.DIFFERENCES.keys() <= set(catalogue.endpoints())
