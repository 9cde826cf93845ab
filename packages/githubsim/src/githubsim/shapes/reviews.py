"""Reviews, their comments and requests for them as JSON in GitHub's shape."""

from githubsim.clock import iso, iso_or_none
from githubsim.shapes.accounts import Json
from githubsim.shapes.issues import IssueShapes
from githubsim.store import Pull, Repository, Review, ReviewComment, ReviewRequest


class ReviewShapes(IssueShapes):
    """What reviewers write."""

    def review(self, repository: Repository, review: Review, pull: Pull) -> Json:
        """`pull-request-review`."""
        url = f"{self.repo_url(repository)}/pulls/{pull.number}"
        page = f"{self.repo_page(repository)}/pull/{pull.number}#pullrequestreview-{review.id}"
        shape: Json = {
            "id": review.id,
            "node_id": review.node_id,
            "user": self.user_by_id(review.author_id),
            "body": review.body,
            "state": review.state,
            "html_url": page,
            "pull_request_url": url,
            "author_association": review.association,
            "_links": {"html": {"href": page}, "pull_request": {"href": url}},
            "commit_id": review.commit_sha,
        }
        if review.submitted_at is not None:
            shape["submitted_at"] = iso(review.submitted_at)
        return shape

    def webhook_review(self, repository: Repository, review: Review, pull: Pull) -> Json:
        """A review as webhooks have it: its state in small letters, an empty body as null."""
        return self.review(repository, review, pull) | {
            "body": review.body or None,
            "state": review.state.lower(),
            "submitted_at": iso_or_none(review.submitted_at),
            "updated_at": iso(review.updated_at),
        }

    def review_comment(self, repository: Repository, comment: ReviewComment, pull: Pull) -> Json:
        """`pull-request-review-comment`."""
        url = f"{self.repo_url(repository)}/pulls/comments/{comment.id}"
        pull_url = f"{self.repo_url(repository)}/pulls/{pull.number}"
        page = f"{self.repo_page(repository)}/pull/{pull.number}#discussion_r{comment.id}"
        shape: Json = {
            "url": url,
            "pull_request_review_id": comment.review_id,
            "id": comment.id,
            "node_id": comment.node_id,
            "diff_hunk": comment.diff_hunk,
            "path": comment.path,
            "commit_id": comment.commit_sha,
            "original_commit_id": comment.original_commit_sha,
            "user": self.user_by_id(comment.author_id),
            "body": comment.body,
            "created_at": iso(comment.created_at),
            "updated_at": iso(comment.updated_at),
            "html_url": page,
            "pull_request_url": pull_url,
            "_links": {
                "self": {"href": url},
                "html": {"href": page},
                "pull_request": {"href": pull_url},
            },
            "reactions": self.rollup(url, "review_comment", comment.id),
            "start_line": comment.now_start_line,
            "original_start_line": comment.start_line,
            "start_side": comment.start_side,
            "line": comment.now_line,
            "original_line": comment.line,
            "side": comment.side,
            "author_association": comment.association,
            "original_position": comment.position,
            "position": comment.now_position,
            "subject_type": comment.subject_type,
        }
        if comment.reply_to_id is not None:
            shape["in_reply_to_id"] = comment.reply_to_id
        return shape

    def comment_of_review(self, repository: Repository, comment: ReviewComment, pull: Pull) -> Json:
        """`review-comment`, as the list of one review's comments has it: without its lines."""
        shape = self.review_comment(repository, comment, pull)
        for key in (
            "start_line",
            "original_start_line",
            "start_side",
            "line",
            "original_line",
            "side",
            "subject_type",
        ):
            del shape[key]
        return shape

    def request(self, request: ReviewRequest) -> Json:
        """What `pull_request.review_requested` adds: who was asked."""
        return self.asked(request.account_id, request.team_id)

    def asked(self, account_id: int | None, team_id: int | None) -> Json:
        """Somebody (or a team) who was asked to review."""
        team = self.store.team(team_id)
        if team is not None:
            return {"requested_team": self.team(team)}
        return {"requested_reviewer": self.user_by_id(account_id)}
