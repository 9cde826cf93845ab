"""What each query of GraphQL costs is known before it is sent, and is what GitHub counts."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from graphql import get_operation_ast, parse

import autosync
from autosync.github import GraphQLTooHeavy
from autosync.github import client as clients
from autosync.github.price import MOST_NODES, Price, price
from autosync.kinds import KINDS
from autosync.kinds.review_comment import ReviewComment
from autosync.mirror.models import Commit, PullRequest, ResourceCursor
from autosync.sync import packed, packed_talk
from autosync.sync.audit import sets, streams
from autosync.sync.commit_details import fetch_accounts
from autosync.sync.identity import fetched_ahead
from autosync.sync.refetch import refetch
from githubsim.graphql.cost import cost_of
from tests.integration.engine import period
from tests.integration.pull_scene import Scene, talked_about

pytestmark = pytest.mark.django_db(transaction=True)
Sent = dict[str, tuple[str, Mapping[str, Any]]]  # query → who sends it, and its variables
# Lists of kinds that belong to an organisation, of which there are none yet.
ELSEWHERE = {"account_lists.py", "accounts.py"}
SOURCE = Path(autosync.__file__).parent


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    """Every query that is sent from now on."""
    found: Sent = {}

    def noted(query: str, variables: Mapping[str, Any]) -> Price:
        frame, sender = sys._getframe(1), clients.__file__
        while sender == clients.__file__ and frame.f_back is not None:
            frame = frame.f_back
            sender = frame.f_code.co_filename
        found[query] = (Path(sender).name, variables)
        return price(query, variables)

    monkeypatch.setattr(clients, "price", noted)
    return found


@pytest.fixture
def scene(sent: Sent, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    with talked_about(monkeypatch) as scene:
        yield scene


def senders() -> set[str]:
    """The files that send queries."""
    found = set()
    for path in (SOURCE / "sync").rglob("*.py"):
        text = path.read_text()
        if ".graphql(" in text or "client.nodes(" in text:
            found.add(path.name)
    return found


def counted(query: str, variables: Mapping[str, Any]) -> Price:
    """As the simulated GitHub counts it."""
    document = parse(query)
    operation = get_operation_ast(document)
    assert operation is not None
    cost = cost_of(document, operation, variables)
    return Price(cost.requests, cost.nodes)


def at_its_largest(variables: Mapping[str, Any]) -> dict[str, Any]:
    """With as many objects as are ever asked for at once."""
    return {
        name: ["X"] * 100 if isinstance(value, list) else 100 if name == "first" else value
        for name, value in variables.items()
    }


def read_with_others(scene: Scene) -> None:
    """As the first reading of many repositories does."""
    home, client = scene.home, scene.client
    scene.do("issues/comment", number=scene.pull)
    ResourceCursor.objects.filter(repository=home, resource="issue_comment").delete()
    done = packed.read(client, [home], packed.count(client, [home]))
    done.done[home.pk] |= {"issue", "pull_request"}
    PullRequest.objects.filter(number=scene.pull).update(comments_count=1)
    packed_talk.read(client, [home], done)
    with fetched_ahead([home], client):
        fetch_accounts(client, [(home, list(Commit.objects.values_list("sha", flat=True)[:3]))])


def test_every_query_costs_what_github_counts_and_is_within_its_limits(
    scene: Scene, sent: Sent
) -> None:
    many = [f"hand-{number}" for number in range(21)]  # more than come along
    for login in many:
        scene.sim.control("accounts/create", {"login": login})
    scene.do(
        "issues/assign", number=scene.do("issues/open", title="Many")["number"], assignees=many
    )
    scene.do("reviews/comment/delete", comment_id=scene.answer)
    scene.do("reviews/comment/delete", comment_id=scene.first)
    scene.lose()
    scene.later()
    period()
    known = dict(ReviewComment.live.values_list("node_id", "pk"))
    refetch(KINDS["review_comment"].resource, scene.client, known)
    one = Commit.objects.filter(complete=True).earliest("pk")  # as if no ref reached it
    long_ago = timezone.now() - timedelta(days=1)
    Commit.objects.filter(pk=one.pk).update(orphaned_at=long_ago, observed_at=long_ago)
    scene.later()
    scene.audit(deep=True)
    read_with_others(scene)
    # Only where some repositories of a hundred do not show such a list.
    for resource in streams.streams():
        lists = f"nodes(ids: $ids) {{ ... on Repository {{ {streams.asked(resource)} }} }}"
        sent[f"query($ids: [ID!]!) {{ {lists} }}"] = ("streams.py", {"ids": ["X"]})
    for one in (KINDS["issue"].resource, KINDS["pull_request"].resource):
        of = f"... on {one.graphql_type} {{ id {sets.set_fields(one)} }}"
        asked = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ {of} }} }}"
        sent[asked] = ("sets.py", {"ids": ["X"]})
    assert senders() - ELSEWHERE <= {sender for sender, _ in sent.values()}
    assert senders() >= ELSEWHERE
    most = 0
    for query, (sender, variables) in sent.items():
        largest = [] if sender == "packed.py" else [at_its_largest(variables)]  # it fills its own
        for some in (variables, *largest):
            assert price(query, some) == counted(query, some), query
            assert price(query, some).nodes <= MOST_NODES, query
            most = max(most, price(query, some).points)
    assert most <= 10, "what one query costs at the most"


def test_the_price_is_that_of_the_published_example() -> None:
    """https://docs.github.com/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api"""
    query = """query { viewer { login repositories(first: 100) { edges { node { id
      issues(first: 50) { edges { node { id labels(first: 60) { edges { node { id name } } } } } }
    } } } } }"""
    found = price(query, {})
    assert (found.requests, found.points) == (5101, 51)
    assert found.nodes == 100 + 100 * 50 + 100 * 50 * 60


def test_a_query_that_github_is_sure_to_refuse_is_not_sent(scene: Scene) -> None:
    query = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on PullRequest { reviews(first: 100) { "
    query += "nodes { comments(first: 100) { nodes { id } } } } } } }"
    scene.asked()
    with pytest.raises(GraphQLTooHeavy, match=str(MOST_NODES)):
        scene.client.graphql(query, {"ids": ["X"] * 100})
    assert "POST /graphql" not in scene.asked()
