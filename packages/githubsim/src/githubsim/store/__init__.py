"""The state of a simulated GitHub: one SQLite file, typed rows, and an event for each change.

Every write method takes the time `at` (epoch seconds; the clock's now if left out), returns the
changed row, and emits what GitHub would send as a webhook. The `bulk_` methods and `quiet=True`
send nothing and are for loading a world.
"""

from githubsim.store.activity import Activity
from githubsim.store.collaborators import Collaborators
from githubsim.store.comments import Comments
from githubsim.store.commit_comment_rows import CommitComment
from githubsim.store.commit_comments import CommitComments
from githubsim.store.history_rows import IssueEvent, Reaction
from githubsim.store.listing import Listing
from githubsim.store.people_rows import (
    Collaborator,
    Member,
    Star,
    Team,
    TeamMember,
    TeamRepository,
    Watcher,
)
from githubsim.store.release_assets import ReleaseAssets
from githubsim.store.release_rows import Release, ReleaseAsset
from githubsim.store.review_comments import ReviewComments
from githubsim.store.review_requests import ReviewRequests
from githubsim.store.review_rows import (
    DiffSpot,
    Review,
    ReviewComment,
    ReviewRequest,
    ReviewSpec,
)
from githubsim.store.rows import (
    MOST_LABELS,
    ZERO_SHA,
    Account,
    App,
    Comment,
    CommitLine,
    Delivery,
    Event,
    Installation,
    Issue,
    IssueSpec,
    Label,
    Milestone,
    Pull,
    PullPart,
    PullSpec,
    Push,
    Repository,
    Token,
)
from githubsim.store.stars import Stars


class Store(
    ReviewRequests, ReviewComments, Comments, ReleaseAssets, CommitComments, Collaborators, Stars
):
    """All of it: `Store(path)` opens or makes the file, `Store(None)` keeps it in memory."""


__all__ = [
    "MOST_LABELS",
    "ZERO_SHA",
    "Account",
    "Activity",
    "App",
    "Collaborator",
    "Comment",
    "CommitComment",
    "CommitLine",
    "Delivery",
    "DiffSpot",
    "Event",
    "Installation",
    "Issue",
    "IssueEvent",
    "IssueSpec",
    "Label",
    "Listing",
    "Member",
    "Milestone",
    "Pull",
    "PullPart",
    "PullSpec",
    "Push",
    "Reaction",
    "Release",
    "ReleaseAsset",
    "Repository",
    "Review",
    "ReviewComment",
    "ReviewRequest",
    "ReviewSpec",
    "Star",
    "Store",
    "Team",
    "TeamMember",
    "TeamRepository",
    "Token",
    "Watcher",
]
