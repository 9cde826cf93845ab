"""What happened to the branches of a repository: pushes, merges, branches made and deleted."""

from dataclasses import dataclass

from githubsim.ids import node_id


@dataclass(frozen=True, slots=True)
class Activity:
    """One movement of one branch, and who did it; `before` or `after` is ZERO_SHA for a new or
    deleted branch.
    """

    id: int
    repository_id: int
    kind: str
    ref: str
    before: str
    after: str
    actor_id: int | None
    at: int

    @property
    def node_id(self) -> str:
        return node_id("PSH", self.repository_id, self.id)
