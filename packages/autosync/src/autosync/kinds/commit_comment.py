"""Comments on commits, and on lines of their diffs."""

from __future__ import annotations

from django.db import models

from autosync.kinds import _columns as gh
from autosync.kinds._kind import Kind, Line, List, OfRepository, Packed, Rest
from autosync.kinds._rules import Whole


class CommitComment(OfRepository):
    """One comment on a commit, keyed by GitHub's id. Its commit need not be in the repository."""

    github_id = gh.Key(graph="databaseId", about="GitHub's id of the comment.")
    # GraphQL shows no commit that is not in the repository any more.
    commit_sha = gh.Sha("commit_id", graph=None, about="The commit that it is on.")
    author_id = gh.ActorId("user", graph="author", null=True, about="Who wrote it; null if gone.")
    author_login = gh.ActorLogin("user", graph="author", about="The login of who wrote it.")
    author_association = gh.Word(
        max_length=32, about="What its author is here: member, none and so on."
    )
    body = gh.Text(none=True, about="What it says, in Markdown.")
    path = gh.Text(none=True, prose=False, about="The file it is on; empty: the whole commit.")
    position = gh.Number(null=True, about="The line of that file's diff.")
    line = gh.Number(null=True, graph=None, about="The line of that file.")
    html_url = gh.Url(about="The address of its place on the commit's page.")
    created_at = gh.Moment(about="When it was written.")

    github = Kind(
        read=Rest("/comments", one="/comments/{github_id}"),
        # https://docs.github.com/webhooks/webhook-events-and-payloads#commit_comment tells of new
        # ones only. One that is deleted changes the count; an edit is found by the nightly audit.
        news=Packed("commitComments"),
        events={"commit_comment": Whole("comment")},
        needs={"contents": "read"},
        feed=Line("commit_comment", key="commit_sha", title=""),
        api=List(
            "-updated_at",
            filters=("author_login", "commit_sha", "path"),
            search=("body",),
            columns=("commit_sha", "path", "body", "author_login", "created_at", "updated_at"),
        ),
    )

    class Meta:
        indexes = [
            models.Index(fields=["repository", "commit_sha"], name="commit_comment_by_commit"),
        ]

    def __str__(self) -> str:
        return f"comment {self.github_id} on {self.commit_sha[:10]}"
