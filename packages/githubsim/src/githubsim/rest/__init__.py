"""GitHub's REST interface: one file per resource, all their routes gathered here."""

from collections.abc import Iterator
from types import ModuleType

from githubsim.rest import (
    activity,
    app,
    collaborators,
    comments,
    commit_comments,
    commits,
    community,
    events,
    gitdata,
    hook,
    issue_links,
    issues,
    labels,
    members,
    meta,
    people,
    pulls,
    reactions,
    refs,
    release_assets,
    releases,
    repositories,
    review_comments,
    reviews,
    stats,
    teams,
    users,
)
from githubsim.rest.call import Route, Router

_RESOURCES = (
    activity,
    app,
    collaborators,
    comments,
    commit_comments,
    commits,
    community,
    events,
    gitdata,
    hook,
    issue_links,
    issues,
    labels,
    members,
    meta,
    people,
    pulls,
    reactions,
    refs,
    release_assets,
    releases,
    repositories,
    review_comments,
    reviews,
    stats,
    teams,
    users,
)


def routes() -> Iterator[Route]:
    """Every route of every resource."""
    for module in _RESOURCES:
        yield from _routes(module)


def router() -> Router:
    """The table of them."""
    # Where two paths fit, the one with fewer parameters is meant (/issues/comments).
    return Router(sorted(routes(), key=lambda one: one.path.count("{")))


def _routes(module: ModuleType) -> Iterator[Route]:
    for one in vars(module).values():
        if getattr(one, "__module__", None) == module.__name__:
            yield from getattr(one, "routes", ())
