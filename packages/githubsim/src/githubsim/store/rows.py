"""The typed rows of the store: what its methods return and its events carry. All are immutable.

Times are epoch seconds. `author_id` is None for a ghost (a deleted account).
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from githubsim.ids import node_id
from githubsim.store.commit_comment_rows import CommitComment
from githubsim.store.people_rows import Collaborator, Member, Star, Team, TeamMember
from githubsim.store.release_rows import Release
from githubsim.store.review_rows import Review, ReviewComment

ZERO_SHA = "0" * 40
# An issue has no more: https://github.com/actions/labeler/issues/115
MOST_LABELS = 100
_PREFIXES = {"Organization": "O", "Bot": "BOT", "Mannequin": "M"}


class TooManyLabels(ValueError):
    """As GitHub says it, with 422."""

    def __init__(self) -> None:
        super().__init__(f"Issues cannot have more than {MOST_LABELS} labels")


@dataclass(frozen=True, slots=True)
class Account:
    """A user (`User`), an App's user (`Bot`), an organisation (`Organization`), or the stand-in for
    the author of imported data (`Mannequin`).
    """

    id: int
    login: str
    type: str
    name: str | None
    email: str | None
    site_admin: bool
    created_at: int
    updated_at: int

    @property
    def node_id(self) -> str:
        return node_id(_PREFIXES.get(self.type, "U"), self.id)

    @property
    def slug(self) -> str:
        """What GraphQL says is its login, and a bot's page has: REST adds `[bot]`, and calls
        copilot-swe-agent otherwise (posit-dev/ark#1001).
        """
        if self.type != "Bot":
            return self.login
        return "copilot-swe-agent" if self.login == "Copilot" else self.login.removesuffix("[bot]")


@dataclass(frozen=True, slots=True)
class App:
    """A GitHub App with its one webhook. `public_key` is PEM; the private key is not kept here."""

    id: int
    slug: str
    name: str
    client_id: str
    client_secret: str
    public_key: str
    owner_id: int
    bot_id: int
    permissions: dict[str, str]
    events: tuple[str, ...]
    hook_id: int
    hook_url: str | None
    hook_secret: str | None
    hook_content_type: str
    hook_insecure_ssl: str
    created_at: int
    updated_at: int

    @property
    def node_id(self) -> str:
        return node_id("A", self.id)


@dataclass(frozen=True, slots=True)
class Installation:
    """The App on one account. `repository_selection` is `all` or `selected`."""

    id: int
    app_id: int
    account_id: int
    repository_selection: str
    permissions: dict[str, str]
    events: tuple[str, ...]
    created_at: int
    updated_at: int
    suspended_at: int | None
    suspended_by_id: int | None
    deleted_at: int | None

    @property
    def node_id(self) -> str:
        # Installations still have the old style of node ids on GitHub.
        return base64.b64encode(f"023:IntegrationInstallation{self.id}".encode()).decode()


@dataclass(frozen=True, slots=True)
class Token:
    """`kind` is `installation` or `personal`; `repository_ids` None means all it may see."""

    token: str
    kind: str
    installation_id: int | None
    account_id: int | None
    permissions: dict[str, str]
    repository_ids: tuple[int, ...] | None
    created_at: int
    expires_at: int | None


@dataclass(frozen=True, slots=True)
class Repository:
    """`size` is in KB; `open_issues` counts open issues and open pull requests, as on GitHub.
    `license` is the key of what GitHub takes it for.
    """

    id: int
    owner_id: int
    name: str
    description: str | None
    homepage: str | None
    language: str | None
    topics: tuple[str, ...]
    default_branch: str
    private: bool
    fork: bool
    parent_id: int | None
    archived: bool
    has_issues: bool
    size: int
    stargazers: int
    forks: int
    open_issues: int
    next_number: int
    next_milestone: int
    created_at: int
    updated_at: int
    pushed_at: int
    deleted_at: int | None
    license: str | None = None

    @property
    def node_id(self) -> str:
        return node_id("R", self.id)


@dataclass(frozen=True, slots=True)
class Issue:
    """An issue, or the issue half of a pull request (`pull_id` is then the pull's own id)."""

    id: int
    repository_id: int
    number: int
    pull_id: int | None
    title: str
    body: str | None
    state: str
    state_reason: str | None
    locked: bool
    lock_reason: str | None
    author_id: int | None
    association: str
    label_ids: tuple[int, ...]
    assignee_ids: tuple[int, ...]
    milestone_id: int | None
    comments: int
    created_at: int
    updated_at: int
    closed_at: int | None
    closed_by_id: int | None

    @property
    def node_id(self) -> str:
        if self.pull_id is not None:
            return node_id("PR", self.repository_id, self.pull_id)
        return node_id("I", self.repository_id, self.id)


@dataclass(frozen=True, slots=True)
class PullPart:
    """What a pull request has beyond its issue, as stored."""

    id: int
    issue_id: int
    draft: bool
    base_ref: str
    base_sha: str
    head_ref: str
    head_sha: str
    head_repository_id: int | None
    additions: int
    deletions: int
    changed_files: int
    commits: int
    merged_at: int | None
    merged_by_id: int | None
    merge_commit_sha: str | None
    # To be merged once it may be: since when, by whom, and how (merge, squash or rebase).
    auto_merge_at: int | None = None
    auto_merge_by_id: int | None = None
    auto_merge_method: str | None = None


@dataclass(frozen=True, slots=True)
class Pull:
    """A pull request: its issue (number, title, state, labels, clocks) and its own part."""

    issue: Issue
    part: PullPart

    @property
    def id(self) -> int:
        """The pull request's own id, not its issue's."""
        return self.part.id

    @property
    def number(self) -> int:
        return self.issue.number

    @property
    def repository_id(self) -> int:
        return self.issue.repository_id

    @property
    def merged(self) -> bool:
        return self.part.merged_at is not None

    @property
    def auto_merge_texts(self) -> tuple[str, str]:
        """Headline and body of the commit that is to merge it, as GitHub proposes them."""
        if self.part.auto_merge_method == "merge":
            return f"Merge pull request #{self.number} from {self.part.head_ref}", self.issue.title
        return f"{self.issue.title} (#{self.number})", ""

    @property
    def node_id(self) -> str:
        return self.issue.node_id


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on an issue or a pull request's conversation."""

    id: int
    repository_id: int
    issue_id: int
    author_id: int | None
    association: str
    body: str
    created_at: int
    updated_at: int

    @property
    def node_id(self) -> str:
        return node_id("IC", self.repository_id, self.id)


@dataclass(frozen=True, slots=True)
class Label:
    """`color` is six hex digits without `#`. Its times are GraphQL's alone."""

    id: int
    repository_id: int
    name: str
    color: str
    description: str | None
    is_default: bool
    created_at: int | None = None
    updated_at: int | None = None

    @property
    def node_id(self) -> str:
        return node_id("LA", self.repository_id, self.id)


@dataclass(frozen=True, slots=True)
class Milestone:
    """`number` counts per repository; `state` is `open` or `closed`."""

    id: int
    repository_id: int
    number: int
    title: str
    description: str | None
    state: str
    creator_id: int | None
    due_on: int | None
    created_at: int
    updated_at: int
    closed_at: int | None

    @property
    def node_id(self) -> str:
        return node_id("MI", self.repository_id, self.id)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One attempt to deliver a webhook. `duration` is in seconds, `delivered_at` has fractions."""

    id: int
    guid: str
    event: str
    action: str | None
    installation_id: int | None
    repository_id: int | None
    redelivery: bool
    delivered_at: float
    duration: float
    status: str
    status_code: int
    url: str
    request_headers: dict[str, str]
    request_payload: str
    response_headers: dict[str, str]
    response_payload: str


@dataclass(frozen=True, slots=True)
class CommitLine:
    """One commit as a push payload lists it. `distinct` means: on no other ref before."""

    sha: str
    tree: str
    message: str
    timestamp: str
    author_name: str
    author_email: str
    committer_name: str
    committer_email: str
    distinct: bool = True
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    modified: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Push:
    """One ref that moved: `before` or `after` is ZERO_SHA for a new or deleted ref.

    `commits` is oldest first and at most 2,048 long; `head` is the commit at `after`.
    """

    ref: str
    before: str
    after: str
    forced: bool
    commits: tuple[CommitLine, ...]
    head: CommitLine | None
    base_ref: str | None = None

    @property
    def created(self) -> bool:
        return self.before == ZERO_SHA

    @property
    def deleted(self) -> bool:
        return self.after == ZERO_SHA


Subject = (
    Account
    | Installation
    | Repository
    | Issue
    | Pull
    | Comment
    | Label
    | Milestone
    | Push
    | Review
    | ReviewComment
    | Release
    | Collaborator
    | CommitComment
    | Member
    | Star
    | Team
    | TeamMember
)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, as webhooks need it: the rows as they were right after the change.

    `installation_ids` are those that hear of it. `extra` holds what the action adds: `changes`
    (dict in GitHub's shape), `label` (Label), `assignee` (Account), `milestone` (Milestone),
    `issue` (Issue or Pull, of a comment), `ref`/`ref_type`, `repositories` (of installation
    events), `before`/`after` (synchronize), `new_issue`/`new_repository` (transferred),
    `pull` (Pull, of a review and its comments), `request` (ReviewRequest), `thread` (its comments),
    `organization` and `team` (of who belongs where).
    """

    name: str
    action: str | None
    at: int
    sender_id: int | None
    repository: Repository | None
    installation_ids: tuple[int, ...]
    subject: Subject | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PullSpec:
    """The pull half of an IssueSpec. `merged_at` set means merged (and the issue closed)."""

    base_ref: str
    base_sha: str
    head_ref: str
    head_sha: str
    draft: bool = False
    head_repository_id: int | None = None
    additions: int = 0
    deletions: int = 0
    changed_files: int = 0
    commits: int = 1
    merged_at: int | None = None
    merged_by_id: int | None = None
    merge_commit_sha: str | None = None


@dataclass(frozen=True, slots=True)
class IssueSpec:
    """An issue or pull request to be bulk loaded; its number and ids are given in list order.

    `comments` are (author id or None, body, epoch seconds), oldest first.
    """

    title: str
    body: str | None
    author_id: int | None
    created_at: int
    updated_at: int
    state: str = "open"
    state_reason: str | None = None
    closed_at: int | None = None
    closed_by_id: int | None = None
    locked: bool = False
    lock_reason: str | None = None
    association: str = "CONTRIBUTOR"
    label_ids: tuple[int, ...] = ()
    assignee_ids: tuple[int, ...] = ()
    milestone_id: int | None = None
    comments: tuple[tuple[int | None, str, int], ...] = ()
    pull: PullSpec | None = None
