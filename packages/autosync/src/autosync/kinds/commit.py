"""Commits: what a push tells of them at once; git itself tells the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from django.db import models

from autosync.github.git import GitReader
from autosync.kinds import _columns as gh
from autosync.kinds import _git as git
from autosync.kinds._events import Changes, Event, FollowUp, Handler, News, Upsert
from autosync.kinds._kind import Clock, Git, Kind, List, OfRepository
from autosync.kinds._payload import Name, reader
from autosync.kinds.ref import split_ref
from autosync.mirror.feed import FeedLine
from autosync.mirror.models.base import means
from autosync.mirror.people import current

if TYPE_CHECKING:
    from autosync.github.git import GitCommit
    from autosync.kinds._derived import Derived
    from autosync.mirror.models import Repository

# More than this in one push is one line of the feed.
_LINES_PER_PUSH = 20


class Pushed:
    """A push lists its commits, at most 2,048, with one date and no parents: they are shown at
    once, and git closes whatever gap is left.

    Payload: {"ref": "refs/heads/main", "before": sha, "after": sha,
    "commits": [{"id": sha, "timestamp": …, "author": {…}}, …]}
    """

    def handler(self, kind: Derived) -> Handler:
        """Event → the commits, and a line of the feed for each of the last."""
        rows, merge = kind.listed_in_event({"url": str, "author.username": Name}), kind.merge
        make, listed = rows.make, list[rows.struct]  # type: ignore[name-defined]
        texts = [(name, str, "") for name in ("ref", "before", "after")]
        read = reader(msgspec.defstruct("Push", [*texts, ("commits", listed, [])]))

        def handle(event: Event) -> Changes:
            home = event.repository_id
            if home is None:
                return Changes()
            push: Any = read(event.body).value
            changes = Changes(followups={FollowUp("sync_git", home)})
            # Of other refs git tells what moved.
            if push.commits and split_ref(push.ref) and push.before and push.after:
                found = [make(one, home) for one in push.commits]
                changes.upserts.append(Upsert(merge, found))
                last = zip(push.commits[-_LINES_PER_PUSH:], found[-_LINES_PER_PUSH:], strict=True)
                changes.news += [
                    News(
                        _line(
                            row, event.installation_id,
                            one.author.username or row["author_name"] or event.actor, one.url,
                        ),
                        merge.table,
                        merge.key_of(row),
                    )
                    for one, row in last
                ]  # fmt: skip
            return changes

        return handle


class Commit(OfRepository, key=("repository_id", "sha")):
    """One commit of one repository. Forks share SHAs: (repository, sha) is the key."""

    sha = gh.Sha("id", essential=True, about="The commit's name.")
    message = gh.Text(blank=True, about="The whole message.")
    author_name = git.PersonName("author.name", about="The author's name, as the commit has it.")
    author_email = git.PersonEmail(
        "author.email", about="The author's e-mail address, as the commit has it."
    )
    authored_at = gh.Moment("timestamp", null=True, blank=False, about="When it was written.")
    author_user_id = gh.ActorId(
        None, graph="author.user", git=None, of="User", whose="author", null=True,
        about="GitHub's id of the author's account; null if there is none.",
    )  # fmt: skip
    author_login = gh.ActorLogin(
        None, graph="author.user", git=None, of="User",
        about="The login of that account, or empty.",
    )  # fmt: skip
    committer_name = git.PersonName(
        "committer.name", about="The committer's name, as the commit has it."
    )
    committer_email = git.PersonEmail(
        "committer.email", about="The committer's e-mail address, as the commit has it."
    )
    committed_at = gh.Moment("timestamp", about="When it was committed.")
    parents = git.Shas(None, about="The names of its parents.")
    complete = git.Complete(about="False while only a push named it: no parents, and one date.")

    # GitHub counts these where git does not; they arrive a moment after the commit.
    additions = gh.Number(
        None, graph="additions", git=None, null=True,
        about="Lines added; null until git was read, or GitHub asked.",
    )  # fmt: skip
    deletions = gh.Number(
        None, graph="deletions", git=None, null=True, about="Lines deleted; null until then."
    )
    changed_files = gh.Number(
        None, graph="changedFilesIfAvailable", git=None, null=True,
        about="Files changed; null until then.",
    )  # fmt: skip

    # Ours.
    on_default_branch = means(
        "Whether the default branch has it.", models.BooleanField(default=False)
    )
    orphaned_at = means(
        "When AutoSync saw that no branch or tag reaches it; null if one does.",
        models.DateTimeField(null=True, blank=True),
    )
    size_unknown = means(
        "Why GitHub cannot count its lines; empty if it can.",
        models.TextField(default="", db_default="", blank=True),
    )
    detailed_at = means(
        "When GitHub was asked for lines and account; null: not yet.",
        models.DateTimeField(null=True, blank=True),
    )
    files_at = means(
        "When its files were read from git; null: not yet, or too large a repository.",
        models.DateTimeField(null=True, blank=True),
    )

    github = Kind(
        read=Git(GitReader.commits, history=True),
        events={"push": Pushed()},
        needs={"contents": "read"},
        clock=Clock.COMPLETE,
        api=List(
            "-committed_at",
            filters=("author_login", "on_default_branch"),
            search=("message",),
            columns=("sha", "author_login", "committed_at", "additions", "deletions"),
        ),
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["repository", "sha"], name="commit_identity")
        ]
        indexes = [
            models.Index(fields=["repository", "-committed_at"], name="commit_by_date"),
            models.Index(fields=["-committed_at"], name="commit_recent"),
            models.Index(
                fields=["repository"],
                name="commit_without_details",
                condition=models.Q(detailed_at__isnull=True),
            ),
            models.Index(
                fields=["repository"],
                name="commit_without_size",
                condition=~models.Q(size_unknown=""),
            ),
            models.Index(
                fields=["repository"],
                name="commit_incomplete",
                condition=models.Q(complete=False, orphaned_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sha[:10]} {self.message.partition(chr(10))[0][:60]}"


def commit_lines(repository: Repository, commits: Sequence[GitCommit]) -> list[FeedLine]:
    """The newest of `commits` that git brought before, or without, their push; oldest first."""
    newest = sorted(commits, key=lambda commit: commit.committed_at)[-_LINES_PER_PUSH:]
    forgotten = current()
    if forgotten:
        newest = [one for one in newest if not forgotten.address(one.author_email)]
    rows: Iterator[dict[str, Any]] = (
        {
            "repository_id": repository.pk,
            "sha": one.sha,
            "message": one.message,
            "by": one.author_name,
        }
        for one in newest
    )
    return [
        _line(
            row, repository.installation_id, row["by"],
            f"{repository.html_url}/commit/{row['sha']}",
        )
        for row in rows
    ]  # fmt: skip


def _line(row: dict[str, Any], installation: int | None, actor: str, url: str) -> FeedLine:
    return FeedLine(
        kind="commit",
        action="pushed",
        repository_id=row["repository_id"],
        installation_id=installation,
        object_key=row["sha"],
        title=row["message"].partition("\n")[0] or row["sha"],
        actor=actor,
        html_url=url,
    )
