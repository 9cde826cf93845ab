"""What issues and pull requests have in common: columns, and no kind of its own."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import models

from autosync.kinds import _columns as gh
from autosync.kinds._kind import EventRule, List, OfRepository
from autosync.kinds._naming import CarriedLabel, CarriedMilestone

LISTED = List(
    "-updated_at",
    filters=("author_login",),
    search=("title",),
    columns=("number", "title", "state", "author_login", "updated_at"),
)
NAMES: Mapping[str, EventRule] = {
    "label": CarriedLabel("labels"),
    "milestone": CarriedMilestone("milestone"),
}


def by_update(word: str) -> list[models.Index]:
    """The indexes behind lists in order of update, of one repository and of all."""
    return [
        models.Index(fields=["repository", "-updated_at"], name=f"{word}_by_update"),
        models.Index(fields=["-updated_at"], name=f"{word}_recent"),
    ]


class Discussed(OfRepository):
    """What has a number, and people talk about."""

    number = gh.Number(essential=True, about="Its number, which no other of the repository has.")
    title = gh.Text(about="The title.")
    body = gh.Text(none=True, about="The description, in Markdown; empty if there is none.")
    author_id = gh.ActorId("user", graph="author", null=True, about="Who opened it; null if gone.")
    author_login = gh.ActorLogin("user", graph="author", about="The login of who opened it.")
    labels = gh.Labels(about="Its labels, by name: name, color and node id of each.")
    assignees = gh.Logins(graph="assignees: assignedActors", about="Logins of its assignees.")
    milestone = gh.Text(
        "milestone.title", none=True, prose=False, about="Title of its milestone, or empty."
    )
    milestone_number = gh.Number("milestone.number", null=True, about="The milestone's number.")
    locked = gh.Flag(about="Whether only people with write access may comment.")
    html_url = gh.Url(about="The address of its page.")
    created_at = gh.Moment(about="When it was opened.")
    closed_at = gh.Moment(null=True, about="When it was closed or merged; null while it is open.")
    # It moves no clock, and webhooks know nothing of private members: actions/github-script#643
    author_association = gh.Word(
        max_length=32,
        null=True,
        quiet=True,
        added=2,
        about="What its author is to the repository: owner, member, contributor, none and so on.",
    )
    # https://docs.github.com/graphql/reference/enums#lockreason
    active_lock_reason = gh.Word(
        words={"too_heated": "too heated", "off_topic": "off-topic"},
        null=True,
        added=2,
        about="Why it is locked: off-topic, too heated, resolved or spam; null if nobody said.",
    )
    # A reaction moves no clock.
    reactions = gh.Reactions(
        null=True,
        added=2,
        about="How many chose each reaction, such as +1 or heart, when it was last looked at.",
    )
    reactions_at = models.DateTimeField(null=True)
    sets_read = models.BooleanField(default=False, db_default=False)  # see mirror.sets

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"#{self.number} {self.title}"
