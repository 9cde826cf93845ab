"""What GitHub should not answer and does: it costs the object or the moment, not the repository."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from autosync import config, connect
from autosync.github import (
    AppClient,
    GraphQLTooHeavy,
    InstallationClient,
    LocalBudget,
    Priority,
    Unreadable,
)
from autosync.github.hiccups import is_uncountable
from autosync.kinds import KINDS
from autosync.mirror.models import (
    Commit,
    GitHubAppInstallation,
    Issue,
    PageSize,
    PullRequest,
    Repository,
    UnreadObject,
)
from autosync.sync import unread
from autosync.sync.commits import sync_details
from autosync.sync.errors import is_passing
from autosync.sync.lists import sync_list
from autosync.sync.reconcile import GitHubSyncManager
from autosync.sync.refetch import refetch, refetch_dirty
from githubsim.testing import Sim
from tests.integration.api_rows import commit
from tests.stub import Seen, Stub, in_front_of

pytestmark = pytest.mark.django_db(transaction=True)
ISSUES = KINDS["issue"].resource
UNTYPED = "Something went wrong while executing your query. Please include `AAAA:1:2:3` when …"
PAGES = r"\bpage: (issues|pullRequests)\("


@pytest.fixture(scope="module")
def sim() -> Iterator[Sim]:
    with Sim(repositories=1, commits=8, issues=45, pulls=7, install=False, limits=False) as sim:
        sim.control("install")
        yield sim


@pytest.fixture
def stub(sim: Sim) -> Iterator[Stub]:
    with in_front_of(sim.url) as stub:
        yield stub
    sim.control("weather", {"heavy_above": 0, "hiccups": 0.0, "garbled": 0.0, "fresh_refused": 0.0})


@pytest.fixture
def manager(sim: Sim, stub: Stub, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubSyncManager]:
    """An installation whose repositories are listed, and nothing read."""
    for name, value in {
        "GITHUB_API_URL": stub.url,
        "GITHUB_APP_ID": str(sim.app.id),
        "GITHUB_APP_PRIVATE_KEY": sim.private_key,
        "AUTOSYNC_COMMIT_FILES": "0",  # so that sizes are asked of GraphQL
    }.items():
        monkeypatch.setenv(name, value)
    caches = (config.load, connect.credentials, connect.app_client)
    for cached in caches:
        cached.cache_clear()
    [installation] = GitHubSyncManager.discover()
    manager = GitHubSyncManager(installation)
    manager.sync_repositories()
    yield manager
    for cached in caches:
        cached.cache_clear()


@pytest.fixture
def client(manager: GitHubSyncManager) -> InstallationClient:
    return manager.client


@pytest.fixture
def repository(manager: GitHubSyncManager) -> Repository:
    return Repository.objects.get()


def answered(seen: Seen) -> Any:
    """The page or the nodes in an answer of GraphQL."""
    data = seen.document["data"]
    return data["node"]["page"] if "node" in data else data


def is_query(seen: Seen, words: str) -> bool:
    return seen.path.endswith("/graphql") and bool(re.search(words, seen.asked["query"], re.S))


def first(seen: Seen) -> int:
    return int(seen.asked["variables"].get("first") or len(seen.asked["variables"]["ids"]))


def failing(seen: Seen) -> None:
    """GraphQL's ordinary hiccup: nulls, and an error without a type."""
    document = seen.document
    page = document["data"]["node"]["page"]
    page["nodes"] = [None] * len(page["nodes"])
    seen.document = document | {"errors": [{"message": UNTYPED}]}


# Sizes of commits.


def test_a_commit_whose_changes_cannot_be_counted_costs_its_own_numbers(
    sim: Sim, manager: GitHubSyncManager, repository: Repository
) -> None:
    shas = [one["sha"] for one in commits_there(sim, repository)]
    sim.control("commits/uncountable", {"shas": shas[:1]})
    manager.sync_repository(repository)
    uncounted = Commit.objects.get(sha=shas[0])
    assert (uncounted.additions, uncounted.deletions, uncounted.changed_files) == (None, None, None)
    assert uncounted.size_unknown == "The additions count for this commit is unavailable."
    assert uncounted.author_login, "whose it is, GitHub knows"
    others = Commit.objects.exclude(sha=shas[0])
    assert not others.filter(additions=None).exists()
    assert set(others.values_list("size_unknown", flat=True)) == {""}
    repository.refresh_from_db()
    assert (repository.sync_state, repository.sync_error) == ("synced", "")
    # Not at every sync.
    assert sync_details(repository, manager.client, lambda: None) == 0
    sim.control("commits/uncountable", {"shas": []})


@pytest.mark.parametrize("path", [["node", "c1", "deletions"], None])
@pytest.mark.parametrize("kind", ["SERVICE_UNAVAILABLE", None])
def test_a_count_that_is_null_in_its_place_says_so_as_well(
    sim: Sim,
    stub: Stub,
    client: InstallationClient,
    repository: Repository,
    path: list[str] | None,
    kind: str | None,
) -> None:
    for there in commits_there(sim, repository)[:3]:
        commit(repository, sha=there["sha"])

    def change(seen: Seen) -> None:
        if is_query(seen, "additions"):
            document = seen.document
            document["data"]["node"]["c1"]["deletions"] = None
            error = {"message": "The deletions count for this commit is unavailable."}
            error |= {"type": kind} if kind else {}
            seen.document = document | {"errors": [error | ({"path": path} if path else {})]}

    stub.change = change
    assert sync_details(repository, client, lambda: None) == 3
    [uncounted] = Commit.objects.exclude(size_unknown="")
    assert uncounted.deletions is None
    assert uncounted.size_unknown.startswith("The deletions count")
    assert not Commit.objects.filter(detailed_at=None).exists()


def test_other_words_are_no_missing_count() -> None:
    assert not is_uncountable({"message": UNTYPED})
    assert is_uncountable({"message": "The changedFiles count for this commit is unavailable."})


# Hiccups, and pages that are too heavy.


def test_a_hiccup_without_a_type_makes_the_page_smaller_and_the_work_come_later(
    stub: Stub, manager: GitHubSyncManager, repository: Repository
) -> None:
    asked: list[int] = []

    def change(seen: Seen) -> None:
        if is_query(seen, PAGES):
            asked.append(first(seen))
            failing(seen)

    stub.change = change
    with pytest.raises(GraphQLTooHeavy, match="Something went wrong") as caught:
        sync_list(ISSUES, repository, manager.client, lambda: None)
    assert is_passing(caught.value), "the task comes back, and no repository failed"
    assert "defect" not in str(caught.value)
    assert asked == [100, 50, 25, 12, 6, 3, 1, 1], "at last for its id, to tell which it is"
    assert not UnreadObject.objects.exists()
    stub.change = lambda _: None
    sync_list(ISSUES, repository, manager.client, lambda: None)
    assert Issue.objects.count() == 45


@pytest.mark.parametrize(
    "errors",
    [
        [{"message": UNTYPED}],
        [{"type": "SOMETHING_NEW", "message": "?", "path": ["node", "page", "nodes", 3]}],
        [{"type": "INTERNAL", "message": "?"}],
        "none at all",
    ],
)
@pytest.mark.parametrize("data", ["kept", None, [], {"node": {"page": None}}])
def test_whatever_graphql_failed_with_it_is_asked_for_less(
    stub: Stub, client: InstallationClient, repository: Repository, errors: Any, data: Any
) -> None:
    def change(seen: Seen) -> None:
        if is_query(seen, PAGES) and first(seen) > 20:
            document = seen.document
            if data != "kept":
                document["data"] = data
            elif errors == "none at all":
                return
            seen.document = document | {"errors": errors}

    stub.change = change
    sync_list(ISSUES, repository, client, lambda: None)
    assert Issue.objects.count() == 45


def test_a_page_that_was_too_heavy_is_remembered_and_grows_slowly(
    sim: Sim, stub: Stub, client: InstallationClient, repository: Repository
) -> None:
    asked: list[tuple[int, int]] = []

    def change(seen: Seen) -> None:
        if is_query(seen, PAGES):
            if first(seen) > 11:
                seen.status, seen.content = 502, b"<html>502 Bad Gateway</html>"
            asked.append((first(seen), seen.status))

    stub.change = change
    sync_list(ISSUES, repository, client, lambda: None)
    assert Issue.objects.count() == 45
    refused = [size for size, status in asked if status == 502]
    assert refused == [100, 50, 25, 12], "each costs points; none is asked for twice"
    assert {size for size, status in asked if status == 200} == {6, 11}
    size = PageSize.objects.get(name="issues")
    assert (size.size, size.too_heavy) == (11, 12)
    # The next sync, of any worker, begins where this one ended.
    asked.clear()
    repository.cursors.all().delete()
    sync_list(ISSUES, repository, client, lambda: None)
    assert asked == [(11, 200)] * 5


def test_commit_details_and_refetches_remember_it_too(
    stub: Stub, manager: GitHubSyncManager, repository: Repository
) -> None:
    manager.sync_repository(repository)
    refused: list[int] = []

    def change(seen: Seen) -> None:
        if is_query(seen, r"nodes\(ids: \$ids\) \{ \.\.\. on Issue \{.*title") and first(seen) > 20:
            refused.append(first(seen))
            seen.status = 504
        if is_query(seen, "additions") and len(re.findall("object", seen.asked["query"])) > 3:
            refused.append(-1)
            seen.status = 504

    stub.change = change
    nodes = dict(Issue.objects.values_list("node_id", "pk"))
    assert refetch(ISSUES, manager.client, nodes) == 45
    assert refetch(ISSUES, manager.client, nodes) == 45
    assert refused == [45, 22], "and not once more"
    refused.clear()
    for _ in range(2):
        Commit.objects.update(detailed_at=None)
        sync_details(repository, manager.client, lambda: None)
    assert len(refused) == 6, "100, 50, 25, 12, 6, and 5 after three good ones"


def test_a_commit_that_github_does_not_answer_for_costs_its_own_numbers_for_a_while(
    sim: Sim, stub: Stub, client: InstallationClient, repository: Repository
) -> None:
    shas = [there["sha"] for there in commits_there(sim, repository)]
    for sha in shas:
        commit(repository, sha=sha)

    def change(seen: Seen) -> None:
        if is_query(seen, "additions") and shas[1] in seen.asked["query"]:
            seen.status = 502

    stub.change = change
    assert sync_details(repository, client, lambda: None) == len(shas)
    [silent] = Commit.objects.exclude(size_unknown="")
    assert (silent.sha, silent.additions) == (shas[1], None)
    assert silent.author_login
    assert silent.size_unknown.startswith("GitHub does not answer for it")
    assert sync_details(repository, client, lambda: None) == 0
    stub.change = lambda _: None
    before = timezone.now() - timedelta(minutes=10)
    Commit.objects.update(detailed_at=before, observed_at=before)
    assert sync_details(repository, client, lambda: None) == 1
    silent.refresh_from_db()
    assert silent.additions is not None
    assert silent.size_unknown == ""


# Single objects.


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", None),
        ("comments", None),
        ("updatedAt", "yesterday"),
        ("number", None),
        ("number", 2**40),
        ("state", "S" * 5000),
        ("labels", {"nodes": [{"id": 1}]}),
        ("createdAt", 17),
    ],
)
def test_an_object_that_cannot_be_understood_costs_itself(
    stub: Stub, manager: GitHubSyncManager, repository: Repository, field: str, value: Any
) -> None:
    odd: list[str] = []

    def change(seen: Seen) -> None:
        if not is_query(seen, r"page: issues\(|on Issue"):
            return
        document = seen.document
        data = document["data"]
        page = (data.get("node") or {}).get("page", {})
        for node in data.get("nodes") or page.get("nodes", []):
            # Not what is read with an issue.
            if field in (node or {}) and (not odd or node.get("id") in odd):
                odd[:] = [node["id"]]
                node[field] = value
        seen.document = document

    stub.change = change
    manager.sync_repository(repository)
    repository.refresh_from_db()
    assert repository.sync_state == "synced"
    if Issue.objects.count() == 45:
        # It is read as nothing.
        assert repository.sync_error == ""
        return
    [left] = UnreadObject.objects.all()
    assert (left.node_id, left.resource) == (odd[0], "issue")
    assert Issue.objects.count() == 44
    assert PullRequest.objects.count() == 7
    assert repository.sync_error.startswith(f"1 object could not be read: issue {left.key} (")
    # It is known: the counts are as they should be, and nothing is listed anew for it.
    stub.requests.clear()
    manager.sync_repository(repository)
    assert stub.requests.count("POST /graphql") <= 5
    assert unread.accounted(ISSUES, repository) == 45
    # Some time later it is asked for again.
    stub.change = lambda _: None
    UnreadObject.objects.update(tried_at=timezone.now() - unread.AT_THE_LATEST)
    repository.refresh_from_db()
    manager.sync_repository(repository)
    assert Issue.objects.count() == 45
    assert not UnreadObject.objects.exists()
    repository.refresh_from_db()
    assert repository.sync_error == ""


def test_an_object_that_github_cannot_answer_for_even_alone_costs_itself(
    stub: Stub, manager: GitHubSyncManager, repository: Repository
) -> None:
    poisoned: list[str] = []
    asked: list[int] = []

    def change(seen: Seen) -> None:
        if not is_query(seen, r"(page: issues\(|on Issue ).*title"):
            return
        asked.append(first(seen))
        data = seen.document["data"]
        nodes = data["nodes"] if "nodes" in data else data["node"]["page"]["nodes"]
        poisoned[:] = poisoned or [nodes[17]["id"]]
        if any(node and node["id"] in poisoned for node in nodes):
            seen.status, seen.content = 502, b""

    stub.change = change
    manager.sync_repository(repository)
    [left] = UnreadObject.objects.all()
    assert [left.node_id] == poisoned
    assert "does not answer for it" in left.reason
    assert Issue.objects.count() == 44
    repository.refresh_from_db()
    assert repository.sync_error.startswith("1 object could not be read: issue")
    assert asked.count(100) == 2, "the others are asked for as before"
    # In doubt it would be asked for every few seconds.
    commit_pk = Issue.objects.first()
    assert commit_pk is not None
    poisoned[:] = [commit_pk.node_id]
    before = timezone.now() - timedelta(minutes=1)
    Issue.objects.filter(pk=commit_pk.pk).update(dirty_at=before, observed_at=before)
    refetch_dirty(manager.client, manager.installation.pk)
    commit_pk.refresh_from_db()
    assert (commit_pk.dirty_at, commit_pk.deleted_at) == (None, None)
    assert UnreadObject.objects.filter(key=commit_pk.pk).exists()


def test_an_answer_that_lacks_nodes_deletes_nothing(
    stub: Stub, manager: GitHubSyncManager, repository: Repository
) -> None:
    manager.sync_repository(repository)

    def change(seen: Seen) -> None:
        if is_query(seen, "nodes"):
            document = seen.document
            data = document["data"]
            if "nodes" in data:
                data["nodes"] = None
            elif "page" in data["node"]:
                data["node"]["page"] |= {"nodes": None, "totalCount": 3}
            seen.document = document

    stub.change = change
    nodes = dict(Issue.objects.values_list("node_id", "pk"))
    with pytest.raises(GraphQLTooHeavy):
        refetch(ISSUES, manager.client, nodes)
    with pytest.raises(GraphQLTooHeavy):
        sync_list(ISSUES, repository, manager.client, lambda: None)
    assert not Issue.objects.filter(deleted_at__isnull=False).exists()


def test_half_a_surrogate_pair_costs_one_character(
    stub: Stub, client: InstallationClient, repository: Repository
) -> None:
    def change(seen: Seen) -> None:
        if is_query(seen, PAGES):
            seen.content = re.sub(rb'"title": ?"', rb'"title": "cut \\ud83d ', seen.content)

    stub.change = change
    sync_list(ISSUES, repository, client, lambda: None)
    assert Issue.objects.filter(title__startswith="cut \N{REPLACEMENT CHARACTER} ").count() == 45


# REST.


@pytest.mark.parametrize("body", [b"<!DOCTYPE html><html></html>", b"", b'[{"id": 1, "acc'])
def test_what_is_not_json_is_asked_for_again(
    stub: Stub, manager: GitHubSyncManager, body: bytes
) -> None:
    times = iter((True,))

    def change(seen: Seen) -> None:
        if seen.path.startswith("/app/installations?") and next(times, False):
            seen.content = body

    stub.change = change
    assert len(GitHubSyncManager.discover()) == 1


def test_what_is_never_json_is_named_and_the_work_comes_later(
    stub: Stub, manager: GitHubSyncManager
) -> None:
    def change(seen: Seen) -> None:
        if seen.path.startswith("/app/installations?"):
            seen.content = b"<!DOCTYPE html><html></html>"

    stub.change = change
    with pytest.raises(Unreadable, match="GitHub answered 200 with HTML instead of JSON") as caught:
        GitHubSyncManager.discover()
    assert is_passing(caught.value)
    assert "defect" not in str(caught.value)
    assert not GitHubAppInstallation.objects.exclude(deleted_at=None).exists()


@pytest.mark.parametrize("value", [None, {"message": "hello"}, "list", 3])
def test_a_list_that_is_none_deletes_nothing(
    stub: Stub, manager: GitHubSyncManager, value: Any
) -> None:
    def change(seen: Seen) -> None:
        if seen.path.startswith("/app/installations?"):
            seen.document = value
        if seen.path.startswith("/installation/repositories"):
            seen.document = {"total_count": 1, "repositories": value}

    stub.change = change
    with pytest.raises(Unreadable, match=r"instead of a list"):
        GitHubSyncManager.discover()
    with pytest.raises(Unreadable, match=r"instead of a list of repositories"):
        manager.sync_repositories()
    assert Repository.visible().count() == 1


@pytest.mark.parametrize("item", [{"id": 0, "name": 7}, {"name": "no id"}, None, "item"])
def test_an_item_of_a_list_that_cannot_be_understood_costs_itself(
    stub: Stub, manager: GitHubSyncManager, repository: Repository, item: Any
) -> None:
    if isinstance(item, dict) and "id" in item:
        item["id"] = repository.pk

    def change(seen: Seen) -> None:
        document = seen.document
        if seen.path.startswith("/installation/repositories"):
            document["repositories"] = [item]
        elif seen.path == f"/repositories/{repository.pk}":
            document |= {"name": 7, "full_name": None}
        else:
            return
        seen.document = document

    stub.change = change
    assert manager.sync_repositories() == []
    repository.refresh_from_db()
    assert repository.removed_at is None, "it is listed, or may be"
    if isinstance(item, dict) and "id" in item:
        assert manager.not_read.startswith(f"1 could not be read: repository {repository.pk} (")


def test_a_token_answer_without_a_token_is_githubs_fault(
    sim: Sim, stub: Stub, manager: GitHubSyncManager
) -> None:
    def change(seen: Seen) -> None:
        if seen.path.endswith("/access_tokens"):
            seen.document = {"token": None, "expires_at": None}

    stub.change = change
    app = AppClient(connect.credentials(), LocalBudget())
    with pytest.raises(Unreadable, match="without the token"):
        app.installation_token(manager.installation.pk)

    def odd(seen: Seen) -> None:
        if seen.path.endswith("/access_tokens"):
            seen.document = seen.document | {"expires_at": "soon", "permissions": None}

    stub.change = odd
    token = app.installation_token(manager.installation.pk)
    assert token.value.startswith("ghs_")
    assert token.lifetime == 3600


def test_an_item_of_the_delivery_log_that_cannot_be_understood_costs_itself(
    sim: Sim, stub: Stub, manager: GitHubSyncManager
) -> None:
    def change(seen: Seen) -> None:
        if "/app/hook/deliveries" in seen.path:
            good = {"id": 7, "guid": "g", "event": "push", "delivered_at": "2026-01-01T00:00:00Z"}
            seen.document = [good, None, {"id": 8}, good | {"delivered_at": None}, good | {"id": 9}]

    stub.change = change
    [page] = AppClient(connect.credentials(), LocalBudget()).deliveries()
    assert [item["id"] for item in page.items] == [7, 9]


def commits_there(sim: Sim, repository: Repository) -> list[dict[str, Any]]:
    client = InstallationClient(
        connect.credentials(),
        repository.installation_id,
        LocalBudget(),
        Priority.LIVE,
    )
    found: list[dict[str, Any]] = client.get(f"/repos/{repository.full_name}/commits").items()
    return found
