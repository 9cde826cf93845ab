"""Milestones of a repository."""

from __future__ import annotations

from autosync.kinds import _columns as gh
from autosync.kinds._kind import Kind, List, OfRepository, Packed, Rest
from autosync.kinds._rules import Whole


class Milestone(OfRepository):
    """One milestone, keyed by GitHub's id; its number is the repository's."""

    github_id = gh.Key(graph=None, about="GitHub's id of the milestone.")
    number = gh.Number(essential=True, about="Its number in the repository.")
    title = gh.Text(about="Its title.")
    description = gh.Text(none=True, about="The description, in Markdown; empty if there is none.")
    state = gh.State(about="open or closed.")
    creator_id = gh.ActorId(
        "creator", graph="creator", null=True, about="Who made it; null if that is gone."
    )
    creator_login = gh.ActorLogin("creator", graph="creator", about="The login of who made it.")
    html_url = gh.Url(about="The address of its page.")
    due_on = gh.Moment(null=True, about="When it is due; null if nobody set it.")
    created_at = gh.Moment(about="When it was made.")
    closed_at = gh.Moment(null=True, about="When it was closed; null while it is open.")

    github = Kind(
        read=Rest("/milestones?state=all"),
        news=Packed("milestones"),
        events={"milestone": Whole("milestone", gone={"deleted"})},
        needs={"issues": "read"},
        api=List(
            "-updated_at",
            search=("title",),
            columns=("number", "title", "state", "creator_login", "due_on", "updated_at"),
        ),
    )

    def __str__(self) -> str:
        return self.title
