"""Languages of a repository's default branch, with their sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from githubsim.graphql.context import Info
from githubsim.graphql.pages import CONNECTION, EDGE, Edge, Page, Part, Resolvers, of_list
from githubsim.languages import languages_of
from githubsim.store import Repository


@dataclass(frozen=True, slots=True)
class LanguageEdge(Edge):
    """An edge that tells the bytes."""

    size: int


class Languages(Page):
    """The connection, which has the sum too."""

    def __init__(self, page: Page, size: int) -> None:
        super().__init__(lambda: _edges(page.part), lambda: page.total)
        self.size = size


def _edges(part: Part) -> Part:
    edges = [LanguageEdge(one.cursor, *one.node) for one in part.edges]
    return Part(edges, part.has_next, part.has_previous)


def _languages(repository: Repository, info: Info, **args: Any) -> Languages:
    git = info.context.git
    head = git.ref(repository.id, f"refs/heads/{repository.default_branch}")
    found = [] if head is None else list(languages_of(git, repository.id, head))
    if (args.get("orderBy") or {}).get("direction") == "ASC":
        found.reverse()
    return Languages(of_list(info, found, args), sum(size for _, size in found))


REPOSITORY: Resolvers = {"languages": _languages}
TYPES: dict[str, Resolvers] = {
    "LanguageConnection": CONNECTION | {"totalSize": lambda page, _: page.size},
    "LanguageEdge": EDGE | {"size": lambda edge, _: edge.size},
}
