"""The rows of reviews: a review of a pull request, and its comments on lines of the diff."""

from dataclasses import dataclass

from githubsim.ids import node_id


@dataclass(frozen=True, slots=True)
class Review:
    """`state` is APPROVED, CHANGES_REQUESTED, COMMENTED, DISMISSED, or PENDING until submitted.

    What is pending exists for its author only.
    """

    id: int
    repository_id: int
    pull_id: int
    author_id: int | None
    association: str
    state: str
    body: str
    commit_sha: str
    created_at: int
    updated_at: int
    submitted_at: int | None

    @property
    def node_id(self) -> str:
        return node_id("PRR", self.repository_id, self.id)

    @property
    def pending(self) -> bool:
        return self.state == "PENDING"


@dataclass(frozen=True, slots=True)
class ReviewComment:
    """A comment on a line (or a range of lines, or a whole file) of a pull request's diff.

    `reply_to_id` is the first comment of its thread; None for that first one, whose
    `resolved_by_id` says who resolved the thread. `position` counts lines of the file's diff. The
    `now_` fields are where the lines are in the newest diff; `now_position` None: outdated.
    """

    id: int
    repository_id: int
    pull_id: int
    review_id: int
    reply_to_id: int | None
    author_id: int | None
    association: str
    body: str
    path: str
    diff_hunk: str
    commit_sha: str
    original_commit_sha: str
    position: int
    line: int | None
    side: str
    start_line: int | None
    start_side: str | None
    subject_type: str
    resolved_by_id: int | None
    now_position: int | None
    now_line: int | None
    now_start_line: int | None
    created_at: int
    updated_at: int
    # Of the first of a thread whose first comment was another one once: that one's id.
    thread_number: int | None = None

    @property
    def node_id(self) -> str:
        return node_id("PRRC", self.repository_id, self.id)

    @property
    def outdated(self) -> bool:
        """Whether later commits changed what it is about."""
        return self.now_position is None

    @property
    def thread_node_id(self) -> str:
        """The node id of the thread that it is the first of; it outlives that first comment."""
        return node_id("PRRT", self.repository_id, self.thread_number or self.thread_id)

    @property
    def thread_id(self) -> int:
        """The id of the thread's first comment."""
        return self.id if self.reply_to_id is None else self.reply_to_id


@dataclass(frozen=True, slots=True)
class ReviewRequest:
    """Somebody (or a team) asked to review a pull request; gone once they have."""

    id: int
    repository_id: int
    pull_id: int
    account_id: int | None
    team_id: int | None

    @property
    def node_id(self) -> str:
        return node_id("RRQ", self.repository_id, self.id)


@dataclass(frozen=True, slots=True)
class DiffSpot:
    """The place in a diff that a review comment is about."""

    path: str
    diff_hunk: str
    position: int = 1
    line: int | None = None
    side: str = "RIGHT"
    start_line: int | None = None
    start_side: str | None = None
    subject_type: str = "line"


@dataclass(frozen=True, slots=True)
class ReviewSpec:
    """A submitted review to be bulk loaded. `notes` are (place, body, replies), replies being
    (author id, body, epoch seconds).
    """

    pull_id: int
    author_id: int | None
    state: str
    body: str
    commit_sha: str
    at: int
    notes: tuple[tuple[DiffSpot, str, tuple[tuple[int | None, str, int], ...]], ...] = ()
