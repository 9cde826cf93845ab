"""Events of the timeline and reactions as JSON in GitHub's shape."""

from githubsim.clock import iso
from githubsim.shapes.accounts import Json
from githubsim.shapes.reviews import ReviewShapes
from githubsim.store import Comment, Issue, IssueEvent, Pull, Reaction, Repository, Review


class HistoryShapes(ReviewShapes):
    """What happened to an issue."""

    def issue_event(self, repository: Repository, event: IssueEvent) -> Json:
        """`issue-event-for-issue`; what it adds depends on the event."""
        url, detail = self.repo_url(repository), event.detail
        commit = detail.get("commit_id")
        shape: Json = {
            "id": event.id,
            "node_id": event.node_id,
            "url": f"{url}/issues/events/{event.id}",
            "actor": self.user_by_id(event.actor_id),
            "event": event.event,
            "commit_id": commit,
            "commit_url": None if commit is None else f"{url}/commits/{commit}",
            "created_at": iso(event.created_at),
            "performed_via_github_app": None,
        }
        for key in (
            "label",
            "milestone",
            "rename",
            "lock_reason",
            "state_reason",
            "dismissed_review",
        ):
            if key in detail:
                shape[key] = detail[key]
        if "assignee_id" in detail:
            shape["assignee"] = self.user_by_id(detail["assignee_id"])
            shape["assigner"] = self.user_by_id(event.actor_id)
        if "reviewer_id" in detail:
            shape["review_requester"] = self.user_by_id(event.actor_id)
            shape |= self.asked(detail["reviewer_id"], detail.get("team_id"))
        return shape

    def issue_event_of_repository(
        self, repository: Repository, event: IssueEvent, issue: Issue
    ) -> Json:
        """`issue-event`, which names its issue."""
        pull = None if issue.pull_id is None else self.store.pull_of(issue)
        shape = self.issue_event(repository, event)
        shape.pop("state_reason", None)
        return shape | {"issue": self.issue(repository, issue, pull=pull)}

    def timeline_event(self, repository: Repository, event: IssueEvent) -> Json:
        """`timeline-issue-events`, which do not tell who assigned apart from the actor."""
        shape = self.issue_event(repository, event)
        shape.pop("assigner", None)
        return shape

    def cross_referenced(self, home: Repository, event: IssueEvent, source: Issue) -> Json:
        """`timeline-cross-referenced-event`; `home` is the repository of the source."""
        pull = None if source.pull_id is None else self.store.pull_of(source)
        issue = self.issue(home, source, pull=pull) | {"repository": self.repository(home)}
        return {
            "event": event.event,
            "actor": self.user_by_id(event.actor_id),
            "created_at": iso(event.created_at),
            "updated_at": iso(event.created_at),
            "source": {"type": "issue", "issue": issue},
        }

    def commented(self, repository: Repository, comment: Comment, issue: Issue) -> Json:
        """`timeline-comment-event`."""
        shape = self.comment(repository, comment, issue)
        return shape | {"event": "commented", "actor": shape["user"]}

    def reviewed(self, repository: Repository, review: Review, pull: Pull) -> Json:
        """`timeline-reviewed-event`."""
        return self.webhook_review(repository, review, pull) | {"event": "reviewed"}

    def reaction(self, reaction: Reaction) -> Json:
        """`reaction`."""
        return {
            "id": reaction.id,
            "node_id": reaction.node_id,
            "user": self.user_by_id(reaction.account_id),
            "content": reaction.content,
            "created_at": iso(reaction.created_at),
        }
