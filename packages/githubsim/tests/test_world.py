"""Seeded worlds: the same seed makes the same world, and its people review."""

import random
import sqlite3
from contextlib import suppress
from pathlib import Path

from githubsim import world
from githubsim.gitrepos import GitError, GitRepos
from githubsim.people import Person
from githubsim.store import Event, Issue, Store

TABLES = (
    "accounts",
    "comments",
    "issue_events",
    "issues",
    "members",
    "milestones",
    "pulls",
    "reactions",
    "release_assets",
    "releases",
    "repositories",
    "review_comments",
    "review_requests",
    "reviews",
    "stars",
    "team_members",
    "team_repositories",
    "teams",
    "watchers",
)


def build(folder: Path, seed: int) -> tuple[Store, GitRepos]:
    folder.mkdir()
    store, git = Store(folder / "world.db"), GitRepos(folder / "git")
    world.build(store, git, seed=seed, repositories=6, commits=200, issues=60, pulls=40)
    return store, git


def everything(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    with sqlite3.connect(folder / "world.db") as db:
        return {
            table: db.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall() for table in TABLES
        }


def test_a_seed_makes_the_same_world_every_time(tmp_path: Path) -> None:
    for name, seed in (("one", 6), ("two", 6), ("other", 4)):
        store, _ = build(tmp_path / name, seed)
        store.close()
    one, two, other = (everything(tmp_path / name) for name in ("one", "two", "other"))
    assert all(one[table] for table in TABLES)
    assert one == two
    assert all(one[table] != other[table] for table in ("issues", "reviews", "reactions", "stars"))


def test_what_the_rows_say_of_each_other_is_true(tmp_path: Path) -> None:
    store, _ = build(tmp_path / "one", 5)
    for repository in store.repositories():
        assert repository.stargazers == store.count_stars(repository.id)
        for issue in store.rows(Issue, "WHERE repository_id = ?", (repository.id,)):
            events = [one.event for one in store.issue_events(issue.id)]
            assert events.count("labeled") == len(issue.label_ids)
            assert events.count("assigned") == len(issue.assignee_ids)
            assert events.count("closed") == (issue.state == "closed")
            assert all(one.created_at <= world.UNTIL for one in store.reactions("issue", issue.id))
            for review in store.reviews(issue.pull_id or 0):
                assert issue.created_at <= (review.submitted_at or 0) <= issue.updated_at
                assert review.author_id != issue.author_id or review.body == ""


def test_the_people_of_a_world_review_and_those_who_only_star_do_not_work(tmp_path: Path) -> None:
    store, git = build(tmp_path / "one", 6)
    heard: list[Event] = []
    store.on_event(heard.append)
    person = Person(store, git, random.Random(1))
    assert len(world.people_of(store).users) == 30
    for repository in store.repositories():
        person.review(repository)
    told = [(one.name, one.action) for one in heard]
    assert ("pull_request_review", "submitted") in told


def test_whatever_people_do_works_out(tmp_path: Path) -> None:
    store, git = build(tmp_path / "two", 6)
    heard: list[Event] = []
    store.on_event(heard.append)
    person = Person(store, git, random.Random(2))
    repository = max(store.repositories(), key=lambda one: one.open_issues)
    for _, act in person.acts():
        for _ in range(8):
            with suppress(GitError):  # branches that do not merge
                act(repository)
    told = {(one.name, one.action) for one in heard}
    assert {
        ("issue_comment", "edited"),
        ("issue_comment", "deleted"),
        ("label", "edited"),
        ("milestone", "created"),
        ("pull_request", "review_requested"),
        ("pull_request_review_comment", "created"),
        ("pull_request_review_comment", "edited"),
        ("pull_request_review_thread", "resolved"),
        ("release", "created"),
        ("release", "published"),
        ("star", "created"),
        ("star", "deleted"),
    } <= told
