"""The outside: GitHub's REST, GraphQL and git, authenticated and paced. Knows no database."""

from autosync.github.budget import (
    Budget,
    BudgetState,
    Go,
    LocalBudget,
    Priority,
    WaitUntil,
    decide,
    observe,
    same_window,
    spare,
)
from autosync.github.client import AppClient, DeliveryPage, GraphQLReply, InstallationClient
from autosync.github.credentials import AppCredentials, load_private_key
from autosync.github.errors import (
    Conflict,
    Forbidden,
    ForeignURL,
    GitFailed,
    GitHubError,
    Gone,
    GraphQLError,
    GraphQLTooHeavy,
    InstallationSuspended,
    NotFound,
    QuotaExhausted,
    Unauthorized,
    Unavailable,
    UnexpectedReply,
)
from autosync.github.git import GitCommit, GitReader
from autosync.github.tokens import InstallationToken
from autosync.github.transport import Reply

__all__ = [
    "AppClient",
    "AppCredentials",
    "Budget",
    "BudgetState",
    "Conflict",
    "DeliveryPage",
    "Forbidden",
    "ForeignURL",
    "GitCommit",
    "GitFailed",
    "GitHubError",
    "GitReader",
    "Go",
    "Gone",
    "GraphQLError",
    "GraphQLReply",
    "GraphQLTooHeavy",
    "InstallationClient",
    "InstallationSuspended",
    "InstallationToken",
    "LocalBudget",
    "NotFound",
    "Priority",
    "QuotaExhausted",
    "Reply",
    "Unauthorized",
    "Unavailable",
    "UnexpectedReply",
    "WaitUntil",
    "decide",
    "load_private_key",
    "observe",
    "same_window",
    "spare",
]
