"""Issues found and loaded, and what all that change them share."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from githubsim.store.history import History
from githubsim.store.rows import Comment, Issue, IssueSpec, PullPart, Repository


class IssueRows(History):
    """The part of the store that keeps issues and their comments."""

    def bulk_issues(self, repository_id: int, specs: Sequence[IssueSpec]) -> list[Issue]:
        """Load issues and pull requests with their comments, sending no webhooks.

        Ids and numbers follow the order of `specs`. Returns the issues in that order.
        """
        with self.writing():
            repository = self._existing(repository_id)
            issue_id = self.allocate("issue", len(specs))
            pull_id = self.allocate("pull", sum(spec.pull is not None for spec in specs))
            comment_id = self.allocate("comment", sum(len(spec.comments) for spec in specs))
            issues: list[Issue] = []
            pulls: list[PullPart] = []
            comments: list[Comment] = []
            for place, spec in enumerate(specs):
                issue = _issue(spec, issue_id + place, repository.next_number + place, repository)
                if spec.pull is not None:
                    issue = replace(issue, pull_id=pull_id + len(pulls))
                    pulls.append(_pull_part(spec, pull_id + len(pulls), issue))
                for author_id, body, at in spec.comments:
                    comments.append(
                        Comment(
                            comment_id + len(comments),
                            repository_id,
                            issue.id,
                            author_id,
                            "CONTRIBUTOR",
                            body,
                            at,
                            at,
                        )
                    )
                issues.append(issue)
            self.insert_all(issues)
            self.insert_all(pulls)
            self.insert_all(comments)
            opened = sum(issue.state == "open" for issue in issues)
            self.update(
                replace(
                    repository,
                    next_number=repository.next_number + len(specs),
                    open_issues=repository.open_issues + opened,
                )
            )
        return issues

    def issue(self, issue_id: int) -> Issue | None:
        """An issue (or a pull request's issue half) by id."""
        return self.row(Issue, "WHERE id = ?", (issue_id,))

    def issue_by_number(self, repository_id: int, number: int) -> Issue | None:
        """An issue or a pull request's issue half by number."""
        return self.row(Issue, "WHERE repository_id = ? AND number = ?", (repository_id, number))

    def issues_of(self, issue_ids: Sequence[int]) -> dict[int, Issue]:
        """Issues by id."""
        marks = ", ".join("?" * len(issue_ids))
        return {one.id: one for one in self.rows(Issue, f"WHERE id IN ({marks})", issue_ids)}

    def gone_issue(self, repository_id: int, number: int) -> tuple[bool, Issue | None]:
        """Whether this number was deleted or transferred, and if so to which issue."""
        found = self.values(
            "SELECT moved_to_id FROM gone_issues WHERE repository_id = ? AND number = ?",
            (repository_id, number),
        )
        if not found:
            return False, None
        return True, None if found[0][0] is None else self.issue(found[0][0])

    def issue_comment(self, comment_id: int) -> Comment | None:
        """A comment by id."""
        return self.row(Comment, "WHERE id = ?", (comment_id,))

    def comments(self, issue_id: int) -> list[Comment]:
        """An issue's comments, oldest first."""
        return self.rows(Comment, "WHERE issue_id = ? ORDER BY id", (issue_id,))

    # Shared by what changes issues and pull requests.

    def tell_issue(
        self, issue: Issue, action: str, sender_id: int | None, at: int, **extra: Any
    ) -> None:
        """Emit an `issues` or `pull_request` event."""
        repository = self._existing(issue.repository_id)
        self.note(issue, action, sender_id or repository.owner_id, at, extra)
        if issue.pull_id is None:
            self.tell("issues", action, repository, issue, sender_id, at, **extra)
        else:
            self._tell_pull(issue, action, repository, sender_id, at, **extra)

    def _tell_pull(
        self,
        issue: Issue,
        action: str,
        repository: Repository,
        sender_id: int | None,
        at: int,
        **extra: Any,
    ) -> None:
        raise NotImplementedError

    def _issue(self, issue_id: int) -> Issue:
        found = self.issue(issue_id)
        if found is None:
            raise KeyError(issue_id)
        return found

    def _save(self, old: Issue, at: int, **fields: Any) -> Issue:
        new = replace(old, **fields, updated_at=max(at, old.updated_at))
        self.update(new)
        return new

    def _count_open(self, repository_id: int, change: int) -> None:
        self.execute(
            "UPDATE repositories SET open_issues = open_issues + ? WHERE id = ?",
            (change, repository_id),
        )


def _issue(spec: IssueSpec, issue_id: int, number: int, repository: Repository) -> Issue:
    return Issue(
        id=issue_id,
        repository_id=repository.id,
        number=number,
        pull_id=None,
        title=spec.title,
        body=spec.body,
        state=spec.state,
        state_reason=spec.state_reason,
        locked=spec.locked,
        lock_reason=spec.lock_reason,
        author_id=spec.author_id,
        association=spec.association,
        label_ids=spec.label_ids,
        assignee_ids=spec.assignee_ids,
        milestone_id=spec.milestone_id,
        comments=len(spec.comments),
        created_at=spec.created_at,
        updated_at=spec.updated_at,
        closed_at=spec.closed_at,
        closed_by_id=spec.closed_by_id,
    )


def _pull_part(spec: IssueSpec, pull_id: int, issue: Issue) -> PullPart:
    pull = spec.pull
    assert pull is not None
    return PullPart(
        id=pull_id,
        issue_id=issue.id,
        draft=pull.draft,
        base_ref=pull.base_ref,
        base_sha=pull.base_sha,
        head_ref=pull.head_ref,
        head_sha=pull.head_sha,
        head_repository_id=pull.head_repository_id or issue.repository_id,
        additions=pull.additions,
        deletions=pull.deletions,
        changed_files=pull.changed_files,
        commits=pull.commits,
        merged_at=pull.merged_at,
        merged_by_id=pull.merged_by_id,
        merge_commit_sha=pull.merge_commit_sha,
    )
