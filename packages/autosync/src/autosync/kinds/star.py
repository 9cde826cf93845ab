"""Who starred a repository, and when. A star has no id at GitHub, and may return."""

from __future__ import annotations

from django.db import models

from autosync.kinds import _columns as gh
from autosync.kinds._kind import Clock, Connection, Kind, Line, List, OfRepository, Scalar
from autosync.kinds._rules import Pair


class Star(OfRepository, key=("repository_id", "user_id")):
    """One user's star of a repository."""

    user_id = gh.ActorId(
        "user", graph="node", event="sender", of="User", about="GitHub's id of who starred it."
    )
    user_login = gh.ActorLogin(
        "user", graph="node", event="sender", of="User", about="The login of who starred it."
    )
    # Null only where it was taken back before it was seen: the event does not say when it began.
    starred_at = gh.Moment(null=True, about="When it was starred.")

    github = Kind(
        # Since July 2026 an App sees the list only with write access to contents:
        # https://github.blog/changelog/2026-06-30-upcoming-access-restrictions-to-public-api-endpoints-and-ui-views/
        read=Connection("stargazers", newest="starred_at", shown_to={"contents": "write"}),
        news=Scalar("stargazerCount"),
        events={"star": Pair(gone={"deleted"}, since="starred_at")},
        needs={"metadata": "read"},
        clock=Clock.ARRIVAL,
        feed=Line("star", key="user_id", title="user_login"),
        api=List(
            "-starred_at",
            filters=("user_login",),
            search=("user_login",),
            columns=("user_login", "starred_at"),
        ),
    )

    class Meta:
        indexes = [models.Index(fields=["repository", "-starred_at"], name="star_by_time")]

    def __str__(self) -> str:
        return self.user_login
