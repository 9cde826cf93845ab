"""Forks of a repository."""

from __future__ import annotations

from django.db import models

from autosync.kinds import _columns as gh
from autosync.kinds._kind import Clock, Connection, Kind, Line, List, OfRepository, Packed
from autosync.kinds._rules import Pair


class Fork(OfRepository, key=("repository_id", "fork_id")):
    """One fork, as its list shows it. It is gone when it is deleted, detached or private.

    A fork that the App may see too is also a row of the table of repositories.
    """

    fork_id = gh.PartOfKey(
        "id", graph="node.databaseId", event="forkee.id", about="GitHub's id of that repository."
    )
    full_name = gh.Name(
        graph="node.nameWithOwner", event="forkee.full_name", about="Its owner and name."
    )
    owner_id = gh.ActorId(
        "owner",
        graph="node.owner",
        event="forkee.owner",
        of="RepositoryOwner",
        null=True,
        about="GitHub's id of whose it is.",
    )
    owner_login = gh.ActorLogin(
        "owner",
        graph="node.owner",
        event="forkee.owner",
        of="RepositoryOwner",
        about="The login of whose it is.",
    )
    html_url = gh.Url(graph="node.url", event="forkee.html_url", about="The address of its page.")
    created_at = gh.Moment(
        graph="node.createdAt", event="forkee.created_at", null=True, about="When it was made."
    )

    github = Kind(
        # https://docs.github.com/graphql/reference/objects#repository: those of the repository
        # itself; `forkCount` has those of its whole network.
        read=Connection("forks", newest="created_at", none_without="forks_count"),
        news=Packed("forks"),
        # https://docs.github.com/webhooks/webhook-events-and-payloads#fork tells of new ones.
        events={"fork": Pair()},
        needs={"contents": "read"},
        clock=Clock.ARRIVAL,
        feed=Line("fork", key="fork_id", title="full_name"),
        api=List(
            "-created_at",
            filters=("owner_login",),
            search=("full_name",),
            columns=("full_name", "owner_login", "created_at"),
        ),
    )

    class Meta:
        indexes = [models.Index(fields=["repository", "-created_at"], name="fork_by_time")]

    def __str__(self) -> str:
        return self.full_name
