"""Mirrored rows for the API's tests, with only what a test cares about spelled out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from django.test import Client

from autosync.api import tokens
from autosync.mirror.models import (
    Commit,
    Delivery,
    DeliveryGuid,
    GitHubAppInstallation,
    Issue,
    PullRequest,
    Repository,
)
from autosync.models import Review

T0 = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
_ids = count(1000)


def moment(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def installation(**but: Any) -> GitHubAppInstallation:
    values: dict[str, Any] = {
        "github_id": next(_ids), "account_login": "acme", "account_type": "Organization",
        "observed_at": T0,
    }  # fmt: skip
    return GitHubAppInstallation.objects.create(**values | but)


def repository(full_name: str = "acme/rocket", **but: Any) -> Repository:
    if "installation" not in but:
        but["installation"] = GitHubAppInstallation.objects.first() or installation()
    owner, _, name = full_name.partition("/")
    values: dict[str, Any] = {
        "github_id": next(_ids), "full_name": full_name, "owner_login": owner, "name": name,
        "observed_at": T0,
    }  # fmt: skip
    return Repository.objects.create(**values | but)


def commit(repo: Repository, **but: Any) -> Commit:
    values: dict[str, Any] = {
        "repository": repo, "sha": f"{next(_ids):040x}", "committed_at": T0, "observed_at": T0,
    }  # fmt: skip
    return Commit.objects.create(**values | but)


def issue(repo: Repository, **but: Any) -> Issue:
    number = next(_ids)
    values: dict[str, Any] = {
        "github_issue_id": number, "repository": repo, "number": number, "title": f"Issue {number}",
        "created_at": T0, "updated_at": T0, "observed_at": T0,
    }  # fmt: skip
    return Issue.objects.create(**values | but)


def review(repo: Repository, **but: Any) -> Review:
    values: dict[str, Any] = {
        "github_id": next(_ids), "repository": repo, "pull_number": 1, "state": "approved",
        "submitted_at": T0, "observed_at": T0,
    }  # fmt: skip
    return Review.objects.create(**values | but)


def pull_request(repo: Repository, **but: Any) -> PullRequest:
    number = next(_ids)
    values: dict[str, Any] = {
        "github_id": number, "repository": repo, "number": number, "title": f"Pull {number}",
        "created_at": T0, "updated_at": T0, "observed_at": T0,
    }  # fmt: skip
    return PullRequest.objects.create(**values | but)


def delivery(**but: Any) -> Delivery:
    values: dict[str, Any] = {
        "guid": f"guid-{next(_ids)}", "event": "issues", "body": b'{"action":"opened"}',
        "received_at": T0, "next_attempt_at": T0,
    }  # fmt: skip
    row = Delivery(**values | but)
    seen = DeliveryGuid(guid=row.guid, delivery_id=next(_ids), received_at=row.received_at)
    seen.save(force_insert=True)
    row.pk = seen.delivery_id
    row.save(force_insert=True)
    return row


def client_with(*scopes: str) -> Client:
    """A client that sends a fresh token with these scopes."""
    _, plain = tokens.create(f"token {next(_ids)}", scopes)
    return Client(headers={"authorization": f"Bearer {plain}"})
