"""Answers and payloads checked against GitHub's own OpenAPI description, in both API versions.

`githubkit` is generated from that description: a call through it validates the whole answer.
"""

import warnings
from collections.abc import Callable
from typing import Any

import pytest
from githubkit import AppAuthStrategy, AppInstallationAuthStrategy, GitHub

from githubsim.testing import Sim
from tests.githubsim.receiver import Receiver

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from githubkit.versions.v2022_11_28.webhooks import WebhookNamespace as Webhooks2022
    from githubkit.versions.v2026_03_10.webhooks import WebhookNamespace as Webhooks2026

VERSIONS = ("2022-11-28", "2026-03-10")
Rest = Any

APP_CALLS: dict[str, Callable[[Rest, int], Any]] = {
    "GET /app": lambda rest, _: rest.apps.get_authenticated(),
    "GET /app/installations": lambda rest, _: rest.apps.list_installations(),
    "GET /app/installations/{id}": lambda rest, one: rest.apps.get_installation(one),
    "POST …/access_tokens": lambda rest, one: rest.apps.create_installation_access_token(one),
    "GET /app/hook/config": lambda rest, _: rest.apps.get_webhook_config_for_app(),
    "GET /app/hook/deliveries": lambda rest, _: rest.apps.list_webhook_deliveries(),
}
REPOSITORY_CALLS: dict[str, Callable[[Rest, str, str], Any]] = {
    "GET /repos/{o}/{r}": lambda rest, o, r: rest.repos.get(o, r),
    "GET …/branches": lambda rest, o, r: rest.repos.list_branches(o, r),
    "GET …/branches/{name}": lambda rest, o, r: rest.repos.get_branch(o, r, "main"),
    "GET …/commits": lambda rest, o, r: rest.repos.list_commits(o, r),
    "GET …/commits/{ref}": lambda rest, o, r: rest.repos.get_commit(o, r, "main"),
    "GET …/compare": lambda rest, o, r: rest.repos.compare_commits(o, r, "main...topic"),
    "GET …/contributors": lambda rest, o, r: rest.repos.list_contributors(o, r, anon="1"),
    "GET …/languages": lambda rest, o, r: rest.repos.list_languages(o, r),
    "GET …/tags": lambda rest, o, r: rest.repos.list_tags(o, r),
    "GET …/topics": lambda rest, o, r: rest.repos.get_all_topics(o, r),
    "GET …/git/matching-refs": lambda rest, o, r: rest.git.list_matching_refs(o, r, "heads"),
    "GET …/git/ref": lambda rest, o, r: rest.git.get_ref(o, r, "heads/main"),
    "GET …/issues": lambda rest, o, r: rest.issues.list_for_repo(o, r, state="all", per_page=100),
    "GET …/issues/{n}": lambda rest, o, r: rest.issues.get(o, r, 1),
    "GET …/issues/comments": lambda rest, o, r: rest.issues.list_comments_for_repo(o, r),
    "GET …/labels": lambda rest, o, r: rest.issues.list_labels_for_repo(o, r),
    "GET …/milestones": lambda rest, o, r: rest.issues.list_milestones(o, r, state="all"),
    "GET …/assignees": lambda rest, o, r: rest.issues.list_assignees(o, r),
    "GET …/pulls": lambda rest, o, r: rest.pulls.list(o, r, state="all", per_page=100),
    "GET …/issues/events": lambda rest, o, r: rest.issues.list_events_for_repo(o, r, per_page=100),
    "GET …/releases": lambda rest, o, r: rest.repos.list_releases(o, r),
    "GET …/releases/latest": lambda rest, o, r: rest.repos.get_latest_release(o, r),
    "GET …/releases/tags/{tag}": lambda rest, o, r: rest.repos.get_release_by_tag(o, r, "t1"),
    "GET …/pulls/comments": lambda rest, o, r: rest.pulls.list_review_comments_for_repo(o, r),
    "GET /installation/repositories": lambda rest, o, r: (
        rest.apps.list_repos_accessible_to_installation()
    ),
    "GET …/git/trees": lambda rest, o, r: rest.git.get_tree(o, r, "main", recursive="1"),
    "GET …/comments": lambda rest, o, r: rest.repos.list_commit_comments_for_repo(o, r),
    "GET …/commits/{ref}/comments": lambda rest, o, r: rest.repos.list_comments_for_commit(
        o, r, "main"
    ),
    "GET …/stargazers": lambda rest, o, r: rest.activity.list_stargazers_for_repo(o, r),
    "GET …/subscribers": lambda rest, o, r: rest.activity.list_watchers_for_repo(o, r),
    "GET …/collaborators": lambda rest, o, r: rest.repos.list_collaborators(o, r),
    "GET …/teams": lambda rest, o, r: rest.repos.list_teams(o, r),
    "GET …/stats/contributors": lambda rest, o, r: rest.repos.get_contributors_stats(o, r),
    "GET …/stats/commit_activity": lambda rest, o, r: rest.repos.get_commit_activity_stats(o, r),
    "GET …/stats/code_frequency": lambda rest, o, r: rest.repos.get_code_frequency_stats(o, r),
    "GET …/stats/participation": lambda rest, o, r: rest.repos.get_participation_stats(o, r),
    "GET …/stats/punch_card": lambda rest, o, r: rest.repos.get_punch_card_stats(o, r),
    "GET /orgs/{org}/members": lambda rest, o, r: rest.orgs.list_members(o),
    "GET /orgs/{org}/public_members": lambda rest, o, r: rest.orgs.list_public_members(o),
    "GET /orgs/{org}/teams": lambda rest, o, r: rest.teams.list(o),
    "GET /orgs/{org}/teams/{slug}": lambda rest, o, r: rest.teams.get_by_name(o, "security"),
    "GET …/teams/{slug}/members": lambda rest, o, r: rest.teams.list_members_in_org(o, "docs"),
    "GET …/teams/{slug}/repos": lambda rest, o, r: rest.teams.list_repos_in_org(o, "docs"),
    "GET …/teams/{slug}/teams": lambda rest, o, r: rest.teams.list_child_in_org(o, "platform"),
    "GET /meta": lambda rest, o, r: rest.meta.get(),
    "GET /versions": lambda rest, o, r: rest.meta.get_all_versions(),
    "GET /rate_limit": lambda rest, o, r: rest.rate_limit.get(),
    "GET /users/{login}": lambda rest, o, r: rest.users.get_by_username(o),
    "GET /users/{login}/orgs": lambda rest, o, r: rest.orgs.list_for_user(o),
    "GET /orgs/{org}": lambda rest, o, r: rest.orgs.get(o),
    "GET /orgs/{org}/repos": lambda rest, o, r: rest.repos.list_for_org(o),
}


@pytest.fixture(scope="module")
def topic(github: Sim) -> str:
    """A repository with everything the calls ask for."""
    found = max(github.truth()["repositories"], key=lambda one: one["issues"]["total"])
    name = str(found["full_name"])
    opened = github.control("pulls/open", {"repository": name, "head": "topic", "title": "Topic"})
    where = {"repository": name, "number": opened["number"]}
    github.control("issues/comment", where)
    github.control("issues/label", where | {"labels": ["bug"]})
    github.control("reviews/submit", where | {"comments": 2})
    github.control("releases/create", {"repository": name, "tag": "t1"})
    github.control("commits/comment", {"repository": name})
    return name


def installation_of(github: Sim) -> int:
    return int(github.truth()["installations"][0]["id"])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("call", APP_CALLS)
def test_the_apps_answers_are_githubs(github: Sim, topic: str, call: str, version: str) -> None:
    app = GitHub(AppAuthStrategy(str(github.app.id), github.private_key), base_url=f"{github.url}/")
    answer = APP_CALLS[call](app.rest(version), installation_of(github))
    assert answer.parsed_data is not None


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("call", REPOSITORY_CALLS)
def test_a_repositorys_answers_are_githubs(
    github: Sim, topic: str, call: str, version: str
) -> None:
    auth = AppInstallationAuthStrategy(
        str(github.app.id), github.private_key, installation_of(github)
    )
    client = GitHub(auth, base_url=f"{github.url}/", http_cache=False)
    if "/stats/" in call:
        # The first question is answered 202, with no statistics yet.
        path = f"/repos/{topic}/{call.partition('/')[2]}"
        assert client.request("GET", path).status_code in (200, 202)
    answer = REPOSITORY_CALLS[call](client.rest(version), *topic.split("/"))
    assert answer.parsed_data is not None


def test_single_answers_are_githubs(github: Sim, topic: str) -> None:
    auth = AppInstallationAuthStrategy(
        str(github.app.id), github.private_key, installation_of(github)
    )
    client = GitHub(auth, base_url=f"{github.url}/", http_cache=False)
    owner, name = topic.split("/")
    for version in VERSIONS:
        rest = client.rest(version)
        for pull in rest.pulls.list(owner, name, state="all").parsed_data:
            assert rest.pulls.get(owner, name, pull.number).parsed_data.id == pull.id
            assert rest.pulls.list_files(owner, name, pull.number).parsed_data is not None
            assert rest.pulls.list_commits(owner, name, pull.number).parsed_data is not None
            asked = rest.pulls.list_requested_reviewers(owner, name, pull.number)
            assert asked.parsed_data.teams is not None
            for comment in rest.pulls.list_review_comments(owner, name, pull.number).parsed_data:
                assert rest.pulls.get_review_comment(owner, name, comment.id).parsed_data
            for review in rest.pulls.list_reviews(owner, name, pull.number).parsed_data:
                which = (owner, name, pull.number, review.id)
                assert rest.pulls.get_review(*which).parsed_data.id == review.id
                assert rest.pulls.list_comments_for_review(*which).parsed_data is not None
        made = rest.issues.create(owner, name, title="Through githubkit").parsed_data
        for number in [
            issue.number for issue in rest.issues.list_for_repo(owner, name).parsed_data
        ]:
            assert rest.issues.list_events(owner, name, number).parsed_data is not None
            assert rest.issues.list_events_for_timeline(owner, name, number).parsed_data is not None
        for event in rest.issues.list_events_for_repo(owner, name, per_page=5).parsed_data:
            assert rest.issues.get_event(owner, name, event.id).parsed_data.id == event.id
        tree = rest.git.get_tree(owner, name, "main", recursive="1").parsed_data.tree
        blob = next(entry.sha for entry in tree if entry.type == "blob")
        assert rest.git.get_blob(owner, name, blob).parsed_data.encoding == "base64"
        spoken = rest.repos.list_commit_comments_for_repo(owner, name).parsed_data[0]
        assert rest.repos.get_commit_comment(owner, name, spoken.id).parsed_data.body
        commit = rest.git.get_commit(owner, name, spoken.commit_id).parsed_data
        assert commit.sha == spoken.commit_id
        somebody = rest.orgs.list_members(owner).parsed_data[0].login
        assert rest.orgs.get_membership_for_user(owner, somebody).parsed_data.role
        assert rest.repos.get_collaborator_permission_level(owner, name, somebody).parsed_data
        where = {"headers": {"Accept": "application/vnd.github.star+json"}}
        stars = rest.activity.list_stargazers_for_repo(owner, name, **where).parsed_data
        assert all(star.starred_at for star in stars)
        reactions = rest.reactions
        assert reactions.create_for_issue(owner, name, made.number, content="+1").parsed_data
        assert len(reactions.list_for_issue(owner, name, made.number).parsed_data) == 1
        closed = rest.issues.update(owner, name, made.number, state="closed").parsed_data
        assert closed.state == "closed"


def test_every_payload_is_githubs(github: Sim, receiver: Receiver, topic: str) -> None:
    owner = topic.split("/")[0]
    control = github.control
    made = control("issues/open", {"repository": topic})
    issue = {"repository": topic, "number": made["number"]}
    people = [one["login"] for one in github.truth(accounts=1)["accounts"] if one["type"] == "User"]
    control("issues/edit", issue | {"body": "new"})
    control("issues/label", issue | {"labels": ["bug"]})
    control("issues/label", issue | {"labels": []})
    control("issues/assign", issue | {"assignees": people[:1]})
    control("issues/assign", issue | {"assignees": []})
    control("issues/lock", issue)
    control("issues/lock", issue | {"locked": False})
    control("issues/comment", issue)
    control("issues/close", issue)
    control("issues/reopen", issue)
    control("repositories/create", {"owner": owner, "name": "s1"})
    control("issues/transfer", issue | {"to": f"{owner}/s1"})
    gone = control("issues/open", {"repository": topic})["number"]
    control("issues/delete", {"repository": topic, "number": gone})
    pull = {"repository": topic, "number": control("pulls/open", {"repository": topic})["number"]}
    control("pulls/edit", pull | {"title": "Other"})
    control("issues/label", pull | {"labels": ["bug"]})
    control("issues/assign", pull | {"assignees": people[:1]})
    other = {"sender": people[1]}
    control("reviews/request", pull | {"reviewers": people[1:3]})
    control("reviews/unrequest", pull | {"reviewers": people[2:3]})
    review = {"review_id": control("reviews/submit", pull | {"comments": 1} | other)["id"]}
    control("reviews/edit", review | {"body": "new"})
    control("reviews/dismiss", review)
    remark = {"comment_id": control("reviews/comment", pull)["id"]}
    control("reviews/comment", pull | {"reply_to": remark["comment_id"]})
    control("reviews/comment/edit", remark)
    control("reviews/resolve", remark)
    control("reviews/resolve", remark | {"resolved": False})
    control("reviews/comment/delete", remark)
    control("pulls/draft", pull)
    control("pulls/draft", pull | {"draft": False})
    control("pulls/close", pull)
    control("pulls/reopen", pull)
    control("pulls/merge", pull)
    for kind in ({}, {"prerelease": True}, {"draft": True}):
        named = {"repository": topic, "tag": f"r{len(kind)}{'draft' in kind}"}
        release = {"release_id": control("releases/create", named | kind)["id"]}
        control("releases/edit", release | {"name": "Other", "draft": False})
        control("releases/edit", release | {"draft": True})
        control("releases/delete", release)
    control("commits/comment", {"repository": topic})
    label = {"repository": topic, "name": "s7"}
    control("labels/create", label)
    control("labels/edit", label | {"color": "123456", "description": "x"})
    control("labels/delete", label)
    milestone = {"repository": topic, "title": "s8", "number": pull["number"]}
    milestone["milestone"] = control("milestones/create", milestone)["number"]
    control("issues/milestone", milestone)
    control("issues/milestone", milestone | {"milestone": None})
    control("milestones/edit", milestone | {"title": "s9", "due_on": "2027-01-01T00:00:00Z"})
    control("milestones/edit", {**milestone, "title": "s9", "state": "closed"})
    control("milestones/edit", {**milestone, "title": "s9", "state": "open"})
    control("milestones/delete", milestone)
    control("accounts/create", {"login": "s5"})
    control("star", {"repository": topic, "sender": "s5"})
    control("unstar", {"repository": topic, "sender": "s5"})
    control("collaborators/add", {"repository": topic, "login": "s5"})
    who = {"organization": owner, "login": "s5", "team": "s6", "name": "s6"}
    control("members/add", who)
    control("teams/create", who)
    control("teams/join", who)
    control("teams/give", who | {"repository": topic})
    control("reviews/request", pull | {"teams": ["s6"]})
    control("reviews/unrequest", pull | {"teams": ["s6"]})
    control("teams/leave", who)
    control("teams/delete", who)
    control("members/remove", who)
    control("push", {"repository": topic, "branch": "s2"})
    control("refs/set", {"repository": topic, "ref": "refs/tags/s3"})
    control("refs/delete", {"repository": topic, "ref": "refs/heads/s2"})
    s1 = {"repository": f"{owner}/s1"}
    control("repositories/edit", s1 | {"description": "x"})
    control("repositories/edit", s1 | {"name": "s4"})
    s4 = {"repository": f"{owner}/s4"}
    control("repositories/edit", s4 | {"private": True})
    control("repositories/edit", s4 | {"private": False, "archived": True})
    control("repositories/edit", s4 | {"archived": False})
    control("installation/remove", {"repositories": [f"{owner}/s4"]})
    control("installation/add", {"repositories": [f"{owner}/s4"]})
    control("repositories/delete", s4)
    control("ping")
    control("suspend")
    control("unsuspend")
    control("uninstall")
    control("install", {"account": owner})
    assert control("webhooks/wait", {"timeout": 30})["delivered"]

    seen = set()
    wrong: list[str] = []
    for one in receiver.received:
        for version in (Webhooks2022, Webhooks2026):
            try:
                version.parse(one.event, one.body)
            except Exception as error:
                if (one.name, version) not in seen:
                    wrong.append(f"{one.name}: {error}"[:2000])
            seen.add((one.name, version))
    assert not wrong, "\n\n".join(wrong)
    assert len(seen) > 2 * 72
