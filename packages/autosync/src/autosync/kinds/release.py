"""Releases. Drafts are listed to those who may push: of the others an App hears, and is not shown
what became of them, so that drafts are stored as lists show them alone.
"""

from __future__ import annotations

from typing import Any

from django.db import models

from autosync.kinds import _columns as gh
from autosync.kinds._kind import Guise, Kind, Line, List, OfRepository, Packed, Rest
from autosync.kinds._rules import Whole


def _is_draft(release: Any) -> bool:
    return bool(release.draft)


class Release(OfRepository):
    """One release, keyed by GitHub's id."""

    github_id = gh.Key(graph="databaseId", about="GitHub's id of the release.")
    tag_name = gh.Text(prose=False, about="The tag that it is of.")
    name = gh.Text(none=True, about="Its title; empty if nobody wrote one.")
    body = gh.Text(graph="description", none=True, about="What is new, in Markdown.")
    draft = gh.Flag(graph="isDraft", about="Whether it is not published yet.")
    prerelease = gh.Flag(graph="isPrerelease", about="Whether it is not for everybody yet.")
    target_commitish = gh.Text(
        graph=None, prose=False, about="The branch or commit its tag was made from."
    )
    # GraphQL has only users here: of a bot none.
    author_id = gh.ActorId("author", graph=None, null=True, about="Who made it; null if gone.")
    author_login = gh.ActorLogin("author", graph=None, about="The login of who made it.")
    html_url = gh.Url(about="The address of its page.")
    created_at = gh.Moment(about="When its commit was made, which may be years before.")
    published_at = gh.Moment(null=True, about="When it was published.")

    github = Kind(
        read=Rest("/releases", one="/releases/{github_id}"),
        news=Packed("releases"),
        events={"release": Whole("release", gone={"deleted"})},
        needs={"contents": "read"},
        feed=Line("release", key="tag_name", title="name", only={"published"}),
        unless=Guise("release", _is_draft, told=True),
        api=List(
            "-published_at",
            filters=("tag_name", "prerelease", "author_login"),
            search=("name", "tag_name"),
            columns=("tag_name", "name", "prerelease", "author_login", "published_at"),
        ),
    )

    class Meta:
        indexes = [
            models.Index(fields=["repository", "-published_at"], name="release_by_publication")
        ]

    def __str__(self) -> str:
        return self.tag_name
