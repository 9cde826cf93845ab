"""Every REST answer and every webhook checked against GitHub's OpenAPI description, both versions.

The routes are the router's and the events the store's own table: what is added to them without a
walk that reaches it fails here.
"""

from collections import defaultdict
from collections.abc import Iterator

import pytest
from githubkit import AppInstallationAuthStrategy, GitHub

from githubsim import catalogue
from githubsim.receiver import Receiver
from githubsim.store.events import EVENTS
from githubsim.testing import Sim
from tests.description import VERSIONS, payload_mismatches
from tests.page import PAGE, RENEW
from tests.walker import Record
from tests.walks import walk_through
from tests.walks.happenings import happen

# The first test of each kind waits for the walks, and for the models of all of GitHub.
ROUTES = [name for name in catalogue.endpoints() if name != catalogue.GRAPHQL]
HOOKS = [
    ".".join(filter(None, (name, action))) for name, actions in EVENTS.items() for action in actions
]


@pytest.fixture(scope="module")
def github(receiver: Receiver) -> Iterator[Sim]:
    """A world of its own: the walks end its installations, and are in a hurry."""
    hook = {"webhook_url": receiver.url, "webhook_secret": "s3cret", "limits": False}
    with Sim(repositories=5, commits=120, issues=60, pulls=20, **hook) as github:
        receiver.wait_for("installation.created")
        yield github


@pytest.fixture(scope="module")
def repository(github: Sim) -> str:
    found = max(github.truth()["repositories"], key=lambda one: one["issues"]["total"])
    return str(found["full_name"])


@pytest.fixture(scope="module")
def record(github: Sim, repository: str, request: pytest.FixtureRequest) -> Record:
    """What the walks found; the table of endpoints in the documentation is written from it."""
    record = Record()
    for version in VERSIONS:
        walk_through(github, version, repository, record)
    valid = [route for route in ROUTES if record.valid(route)]
    request.config.cache.set("githubsim/validated", valid)
    return record


@pytest.fixture(scope="module")
def payloads(
    github: Sim, repository: str, receiver: Receiver, record: Record
) -> dict[str, list[str]]:
    """By event and action what was wrong with the payloads that came."""
    happen(github, repository)
    assert github.control("webhooks/wait", {"timeout": 60})["delivered"]
    wrong: dict[str, list[str]] = defaultdict(list)
    for one in receiver.received:
        wrong[one.name] += payload_mismatches(one.event, one.body)
    return wrong


@pytest.mark.parametrize("route", ROUTES)
def test_a_routes_answers_are_as_github_describes_them(record: Record, route: str) -> None:
    assert not record.wrong.get(route), "\n".join(record.wrong[route])
    for version in VERSIONS:
        assert record.statuses.get((route, version)), f"no walk asks for {route}"


def test_what_the_page_marks_as_validated_was_validated(record: Record) -> None:
    valid = {route for route in ROUTES if record.valid(route)}
    assert catalogue.validated_in(PAGE.read_text()) == valid, RENEW


@pytest.mark.parametrize("hook", HOOKS)
def test_a_webhooks_payload_is_as_github_describes_it(
    payloads: dict[str, list[str]], hook: str
) -> None:
    assert hook in payloads, "no walk makes it happen"
    assert not payloads[hook], "\n".join(payloads[hook])


def test_no_other_webhook_is_sent(payloads: dict[str, list[str]]) -> None:
    assert payloads.keys() == set(HOOKS)


@pytest.mark.parametrize("version", VERSIONS)
def test_githubkit_signs_in_and_reads(github: Sim, repository: str, version: str) -> None:
    installation = github.truth()["installations"][0]["id"]
    auth = AppInstallationAuthStrategy(str(github.app.id), github.private_key, installation)
    client = GitHub(auth, base_url=f"{github.url}/", http_cache=False)
    found = client.rest(version).issues.list_for_repo(*repository.split("/"), state="all")
    assert found.parsed_data
    seen = client.rest(version).apps.list_repos_accessible_to_installation().parsed_data
    assert repository in {one.full_name for one in seen.repositories}
