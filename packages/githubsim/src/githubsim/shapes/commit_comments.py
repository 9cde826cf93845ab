"""Comments on commits as JSON in GitHub's shape."""

from githubsim.clock import iso
from githubsim.shapes.accounts import Json
from githubsim.shapes.repositories import RepositoryShapes
from githubsim.store import CommitComment, Repository


class CommitCommentShapes(RepositoryShapes):
    """What people say of commits."""

    def commit_comment(self, repository: Repository, comment: CommitComment) -> Json:
        """`commit-comment`, in answers and webhooks."""
        url = f"{self.repo_url(repository)}/comments/{comment.id}"
        page = f"{self.repo_page(repository)}/commit/{comment.commit_sha}"
        return {
            "url": url,
            "html_url": f"{page}#commitcomment-{comment.id}",
            "id": comment.id,
            "node_id": comment.node_id,
            "user": self.user_by_id(comment.author_id),
            "position": comment.position,
            "line": comment.line,
            "path": comment.path,
            "commit_id": comment.commit_sha,
            "created_at": iso(comment.created_at),
            "updated_at": iso(comment.updated_at),
            "author_association": comment.association,
            "body": comment.body,
            "reactions": self.rollup(url, "commit_comment", comment.id),
        }
