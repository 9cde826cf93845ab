"""Issues, pull requests, comments, labels and milestones as JSON in GitHub's shape."""

from urllib.parse import quote

from githubsim.clock import iso, iso_or_none
from githubsim.shapes.accounts import GHOST, Json
from githubsim.shapes.people import PeopleShapes
from githubsim.store import Comment, Issue, Label, Milestone, Pull, Repository, Team


class IssueShapes(PeopleShapes):
    """Everything with a number, and what hangs on it."""

    def label(self, repository: Repository, label: Label) -> Json:
        """`label`."""
        return {
            "id": label.id,
            "node_id": label.node_id,
            "url": f"{self.repo_url(repository)}/labels/{quote(label.name, safe='')}",
            "name": label.name,
            "color": label.color,
            "default": label.is_default,
            "description": label.description,
            "archived_at": None,
            "archived_by": None,
        }

    def milestone(self, repository: Repository, milestone: Milestone) -> Json:
        """`milestone`, with its counts."""
        url = f"{self.repo_url(repository)}/milestones/{milestone.number}"
        counts = {
            state: self.store.value(
                "SELECT count(*) FROM issues WHERE milestone_id = ? AND state = ?",
                (milestone.id, state),
            )
            for state in ("open", "closed")
        }
        return {
            "url": url,
            "html_url": f"{self.repo_page(repository)}/milestone/{milestone.number}",
            "labels_url": f"{url}/labels",
            "id": milestone.id,
            "node_id": milestone.node_id,
            "number": milestone.number,
            "title": milestone.title,
            "description": milestone.description,
            "creator": self.user_by_id(milestone.creator_id),
            "open_issues": counts["open"],
            "closed_issues": counts["closed"],
            "state": milestone.state,
            "created_at": iso(milestone.created_at),
            "updated_at": iso(milestone.updated_at),
            "due_on": iso_or_none(milestone.due_on),
            "closed_at": iso_or_none(milestone.closed_at),
        }

    def issue(
        self,
        repository: Repository,
        issue: Issue,
        *,
        pull: Pull | None = None,
        closed_by: bool = False,
    ) -> Json:
        """`issue`; of a pull request pass its `pull`. `closed_by` is only in single answers."""
        url = f"{self.repo_url(repository)}/issues/{issue.number}"
        page = self.repo_page(repository)
        kind = "issues" if issue.pull_id is None else "pull"
        assignees = [self.user_by_id(one) for one in issue.assignee_ids]
        shape: Json = {
            "url": url,
            "repository_url": self.repo_url(repository),
            "labels_url": f"{url}/labels{{/name}}",
            "comments_url": f"{url}/comments",
            "events_url": f"{url}/events",
            "html_url": f"{page}/{kind}/{issue.number}",
            "id": issue.id,
            "node_id": issue.node_id,
            "number": issue.number,
            "title": issue.title,
            "user": self.user_by_id(issue.author_id),
            "labels": self._labels(repository, issue),
            "state": issue.state,
            "locked": issue.locked,
            "assignee": assignees[0] if assignees else None,
            "assignees": assignees,
            "milestone": self._milestone(repository, issue),
            "comments": issue.comments,
            "created_at": iso(issue.created_at),
            "updated_at": iso(issue.updated_at),
            "closed_at": iso_or_none(issue.closed_at),
            "author_association": issue.association,
            "type": None,
            "active_lock_reason": issue.lock_reason,
            "body": issue.body,
            "reactions": self.rollup(url, "issue", issue.id),
            "timeline_url": f"{url}/timeline",
            "performed_via_github_app": None,
            "state_reason": issue.state_reason,
        }
        if pull is not None:
            shape["draft"] = pull.part.draft
            shape["pull_request"] = {
                "url": f"{self.repo_url(repository)}/pulls/{issue.number}",
                "html_url": f"{page}/pull/{issue.number}",
                "diff_url": f"{page}/pull/{issue.number}.diff",
                "patch_url": f"{page}/pull/{issue.number}.patch",
                "merged_at": iso_or_none(pull.part.merged_at),
            }
        else:
            total, done = self.store.count_sub_issues(issue.id)
            shape["sub_issues_summary"] = {
                "total": total,
                "completed": done,
                "percent_completed": 100 * done // total if total else 0,
            }
            shape["issue_dependencies_summary"] = self.store.count_dependencies(issue.id)
        if closed_by:
            shape["closed_by"] = self.user_or_none(issue.closed_by_id)
        return shape

    def pull_simple(self, repository: Repository, pull: Pull) -> Json:
        """`pull-request-simple`, as lists have it."""
        issue, part = pull.issue, pull.part
        users, teams = self.requested(pull)
        url = f"{self.repo_url(repository)}/pulls/{issue.number}"
        issue_url = f"{self.repo_url(repository)}/issues/{issue.number}"
        page = f"{self.repo_page(repository)}/pull/{issue.number}"
        statuses = f"{self.repo_url(repository)}/statuses/{part.head_sha}"
        assignees = [self.user_by_id(one) for one in issue.assignee_ids]
        head_repository = (
            repository
            if part.head_repository_id == repository.id
            else self.store.repository(part.head_repository_id)
        )
        return {
            "url": url,
            "id": part.id,
            "node_id": pull.node_id,
            "html_url": page,
            "diff_url": f"{page}.diff",
            "patch_url": f"{page}.patch",
            "issue_url": issue_url,
            "number": issue.number,
            "state": issue.state,
            "locked": issue.locked,
            "title": issue.title,
            "user": self.user_by_id(issue.author_id),
            "body": issue.body,
            "created_at": iso(issue.created_at),
            "updated_at": iso(issue.updated_at),
            "closed_at": iso_or_none(issue.closed_at),
            "merged_at": iso_or_none(part.merged_at),
            "merge_commit_sha": part.merge_commit_sha,
            "assignee": assignees[0] if assignees else None,
            "assignees": assignees,
            "requested_reviewers": users,
            "requested_teams": teams,
            "labels": self._labels(repository, issue),
            "milestone": self._milestone(repository, issue),
            "draft": part.draft,
            "commits_url": f"{url}/commits",
            "review_comments_url": f"{url}/comments",
            "review_comment_url": f"{self.repo_url(repository)}/pulls/comments{{/number}}",
            "comments_url": f"{issue_url}/comments",
            "statuses_url": statuses,
            "head": self._side(head_repository, part.head_ref, part.head_sha),
            "base": self._side(repository, part.base_ref, part.base_sha),
            "_links": {
                "self": {"href": url},
                "html": {"href": page},
                "issue": {"href": issue_url},
                "comments": {"href": f"{issue_url}/comments"},
                "review_comments": {"href": f"{url}/comments"},
                "review_comment": {
                    "href": f"{self.repo_url(repository)}/pulls/comments{{/number}}"
                },
                "commits": {"href": f"{url}/commits"},
                "statuses": {"href": statuses},
            },
            "author_association": issue.association,
            "auto_merge": self._auto_merge(pull),
            "active_lock_reason": issue.lock_reason,
        }

    def pull(self, repository: Repository, pull: Pull) -> Json:
        """`pull-request`, as the single answer and webhooks have it."""
        part = pull.part
        return self.pull_simple(repository, pull) | {
            "requested_teams": [self.team_simple(one) for one in self.asked_teams(pull)],
            "merged": pull.merged,
            "mergeable": None if pull.issue.state == "closed" else True,
            "rebaseable": None if pull.issue.state == "closed" else True,
            "mergeable_state": "unknown" if pull.issue.state == "closed" else "clean",
            "merged_by": self.user_or_none(part.merged_by_id),
            "comments": pull.issue.comments,
            "review_comments": self.store.count_review_comments(pull.id),
            "maintainer_can_modify": False,
            "commits": part.commits,
            "additions": part.additions,
            "deletions": part.deletions,
            "changed_files": part.changed_files,
        }

    def _auto_merge(self, pull: Pull) -> Json | None:
        """`auto-merge`"""
        if pull.part.auto_merge_method is None:
            return None
        title, message = pull.auto_merge_texts
        return {
            "enabled_by": self.user_or_none(pull.part.auto_merge_by_id),
            "merge_method": pull.part.auto_merge_method,
            "commit_title": title,
            "commit_message": message,
        }

    def comment(self, repository: Repository, comment: Comment, issue: Issue) -> Json:
        """`issue-comment`."""
        url = f"{self.repo_url(repository)}/issues/comments/{comment.id}"
        kind = "issues" if issue.pull_id is None else "pull"
        page = f"{self.repo_page(repository)}/{kind}/{issue.number}"
        return {
            "url": url,
            "html_url": f"{page}#issuecomment-{comment.id}",
            "issue_url": f"{self.repo_url(repository)}/issues/{issue.number}",
            "id": comment.id,
            "node_id": comment.node_id,
            "user": self.user_by_id(comment.author_id),
            "created_at": iso(comment.created_at),
            "updated_at": iso(comment.updated_at),
            "body": comment.body,
            "author_association": comment.association,
            "reactions": self.rollup(url, "comment", comment.id),
            "performed_via_github_app": None,
        }

    def requested(self, pull: Pull) -> tuple[list[Json], list[Json]]:
        """The users and the teams asked to review."""
        requests = self.store.review_requests(pull.id)
        users = [self.user_by_id(one.account_id) for one in requests if one.account_id is not None]
        return users, [self.team(one) for one in self.asked_teams(pull)]

    def asked_teams(self, pull: Pull) -> list[Team]:
        """The teams asked to review."""
        requests = self.store.review_requests(pull.id)
        teams = [self.store.team(one.team_id) for one in requests]
        return [one for one in teams if one is not None]

    def _labels(self, repository: Repository, issue: Issue) -> list[Json]:
        return [self.label(repository, one) for one in self.store.labels_of(issue.label_ids)]

    def _milestone(self, repository: Repository, issue: Issue) -> Json | None:
        found = self.store.milestone(issue.milestone_id)
        return None if found is None else self.milestone(repository, found)

    def _side(self, repository: Repository | None, ref: str, sha: str) -> Json:
        owner = None if repository is None else self.store.account(repository.owner_id)
        login = (owner or GHOST).login if repository is not None else "unknown"
        return {
            "label": f"{login}:{ref}",
            "ref": ref,
            "sha": sha,
            "user": None if repository is None else self.user(owner or GHOST),
            "repo": None if repository is None else self.repository(repository),
        }
