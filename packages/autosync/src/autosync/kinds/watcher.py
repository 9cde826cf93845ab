"""Who watches a repository: hears of everything in it. No webhook and no clock tells of that."""

from __future__ import annotations

from autosync.kinds import _columns as gh
from autosync.kinds._kind import Clock, Connection, Kind, List, OfRepository, Packed


class Watcher(OfRepository, key=("repository_id", "user_id")):
    """One user who watches a repository. Who stops may begin again."""

    user_id = gh.ActorId(None, graph="node", of="User", about="GitHub's id of who watches it.")
    user_login = gh.ActorLogin(None, graph="node", of="User", about="The login of who watches it.")

    github = Kind(
        # The event `watch` is about stars, for it is older than watching:
        # https://docs.github.com/webhooks/webhook-events-and-payloads#watch
        read=Connection("watchers", edges=True),
        news=Packed("watchers"),
        needs={"metadata": "read"},
        clock=Clock.ARRIVAL,
        api=List("user_login", filters=("user_login",), search=("user_login",)),
        default=False,
    )

    def __str__(self) -> str:
        return self.user_login
