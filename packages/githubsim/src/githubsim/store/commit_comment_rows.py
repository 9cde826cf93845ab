"""The row of a comment on a commit."""

from dataclasses import dataclass

from githubsim.ids import node_id


@dataclass(frozen=True, slots=True)
class CommitComment:
    """A comment on a commit, or on a line of one of its files (`position` in that file's diff)."""

    id: int
    repository_id: int
    commit_sha: str
    author_id: int | None
    association: str
    body: str
    path: str | None
    position: int | None
    line: int | None
    created_at: int
    updated_at: int

    @property
    def node_id(self) -> str:
        return node_id("CC", self.repository_id, self.id)
