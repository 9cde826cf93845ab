"""What happened to the branches of a repository, as GitHub keeps it."""

from __future__ import annotations

from django.db import models

from autosync.kinds import _columns as gh
from autosync.kinds._kind import Kind, List, OfRepository, Rest, With


class RepositoryActivity(OfRepository):
    """One movement of one branch, and who did it. It never changes, and no webhook has its id."""

    github_id = gh.Key(graph=None, about="GitHub's id of the activity.")
    node_id = gh.NodeId(graph=None, about="GitHub's global id of it, which GraphQL does not know.")
    activity_type = gh.Word(
        graph=None,
        max_length=32,
        about="push, force_push, branch_creation, branch_deletion, pr_merge, merge_queue_merge.",
    )
    ref = gh.Text(graph=None, prose=False, about="The branch, as refs/heads/main.")
    before_sha = gh.Sha("before", graph=None, about="Its commit before; zeros if it is new.")
    after_sha = gh.Sha("after", graph=None, about="Its commit after; zeros if it was deleted.")
    actor_id = gh.ActorId("actor", graph=None, null=True, about="Who did it; null if gone.")
    actor_login = gh.ActorLogin("actor", graph=None, about="The login of who did it.")
    created_at = gh.Moment("timestamp", graph=None, null=True, about="When it happened.")

    github = Kind(
        # https://docs.github.com/rest/repos/repos#list-repository-activities, newest first.
        read=Rest("/activity", newest=True),
        news=With(("commit",)),
        needs={"contents": "read"},
        clock=None,
        api=List(
            "-created_at",
            filters=("activity_type", "actor_login"),
            search=("ref",),
            columns=(
                "activity_type",
                "ref",
                "actor_login",
                "before_sha",
                "after_sha",
                "created_at",
            ),
        ),
        default=False,
    )

    class Meta:
        db_table = "repository_activity"
        indexes = [models.Index(fields=["repository", "-created_at"], name="activity_by_time")]

    def __str__(self) -> str:
        return f"{self.activity_type} of {self.ref}"
