"""Pull requests: an issue with a branch to merge, and the lists of both."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from githubsim.store.issues import Issues
from githubsim.store.listing import Listing
from githubsim.store.rows import Issue, IssueSpec, Pull, PullPart, PullSpec, Repository


class Pulls(Issues):
    """The part of the store that holds pull requests."""

    def open_pull(
        self,
        repository_id: int,
        title: str,
        body: str | None,
        pull: PullSpec,
        *,
        author_id: int,
        label_ids: Sequence[int] = (),
        assignee_ids: Sequence[int] = (),
        milestone_id: int | None = None,
        association: str = "CONTRIBUTOR",
        at: int | None = None,
    ) -> Pull:
        """A new pull request (its branches are in git already). Sends `pull_request.opened`."""
        at = self.clock.now() if at is None else at
        spec = IssueSpec(
            title,
            body,
            author_id,
            at,
            at,
            association=association,
            label_ids=tuple(label_ids),
            assignee_ids=tuple(assignee_ids),
            milestone_id=milestone_id,
            pull=pull,
        )
        with self.writing():
            issue = self.bulk_issues(repository_id, [spec])[0]
            self.tell_opened(issue, author_id)
            return self.pull_of(issue)

    def merge_pull(
        self,
        pull_id: int,
        merge_commit_sha: str,
        *,
        sender_id: int,
        at: int | None = None,
    ) -> Pull:
        """Mark as merged (git has the merge already). Sends `pull_request.closed`, merged."""
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self._pull(pull_id)
            if old.issue.state == "closed":
                return old
            at = max(at, old.issue.updated_at)
            self.update(
                replace(
                    old.part,
                    merged_at=at,
                    merged_by_id=sender_id,
                    merge_commit_sha=merge_commit_sha,
                    draft=False,
                )
            )
            issue = self._save(old.issue, at, state="closed", closed_at=at, closed_by_id=sender_id)
            self._count_open(issue.repository_id, -1)
            self.note_event(issue, "merged", sender_id, at, commit_id=merge_commit_sha)
            self.tell_issue(issue, "closed", sender_id, at)
            return self.pull_of(issue)

    def synchronize_pull(
        self,
        pull_id: int,
        head_sha: str,
        *,
        additions: int,
        deletions: int,
        changed_files: int,
        commits: int,
        base_sha: str | None = None,
        forced: bool = False,
        sender_id: int | None = None,
        at: int | None = None,
    ) -> Pull:
        """Its head moved. Sends `pull_request.synchronize` with before and after."""
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self._pull(pull_id)
            self.update(
                replace(
                    old.part,
                    head_sha=head_sha,
                    base_sha=base_sha or old.part.base_sha,
                    additions=additions,
                    deletions=deletions,
                    changed_files=changed_files,
                    commits=commits,
                )
            )
            issue = self._save(old.issue, at)
            before, after = old.part.head_sha, head_sha
            if forced:
                self.note_event(
                    issue, "head_ref_force_pushed", sender_id, at, commit_id=after, before=before
                )
            self.tell_issue(issue, "synchronize", sender_id, at, before=before, after=after)
            return self.pull_of(issue)

    def set_draft(
        self, pull_id: int, draft: bool, *, sender_id: int | None = None, at: int | None = None
    ) -> Pull:
        """Sends `converted_to_draft` or `ready_for_review`."""
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self._pull(pull_id)
            if old.part.draft == draft:
                return old
            self.update(replace(old.part, draft=draft))
            issue = self._save(old.issue, at)
            action = "converted_to_draft" if draft else "ready_for_review"
            self.tell_issue(issue, action, sender_id, at)
            return self.pull_of(issue)

    def set_auto_merge(
        self,
        pull_id: int,
        method: str | None,
        *,
        sender_id: int,
        at: int | None = None,
    ) -> Pull:
        """Have it merged by `method` once it may be; None takes that back. Nothing here merges it.

        Sends `auto_merge_enabled` or `auto_merge_disabled`. No source says that it moves the clock
        of the pull request, so it does not.
        """
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self._pull(pull_id)
            if old.issue.state == "closed" or old.part.auto_merge_method == method:
                return old
            on = method is not None
            part = replace(
                old.part,
                auto_merge_at=at if on else None,
                auto_merge_by_id=sender_id if on else None,
                auto_merge_method=method,
            )
            self.update(part)
            if on:
                self.tell_issue(old.issue, "auto_merge_enabled", sender_id, at)
            else:
                reason = "Auto-merge was disabled"
                self.tell_issue(old.issue, "auto_merge_disabled", sender_id, at, reason=reason)
            return self.pull_of(old.issue)

    def retarget_pull(
        self,
        pull_id: int,
        base_ref: str,
        base_sha: str,
        *,
        sender_id: int | None = None,
        at: int | None = None,
    ) -> Pull:
        """Another base branch. Sends `pull_request.edited`."""
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self._pull(pull_id)
            if base_ref == old.part.base_ref:
                return old
            self.update(replace(old.part, base_ref=base_ref, base_sha=base_sha))
            issue = self._save(old.issue, at)
            bases = {"previous_ref": old.part.base_ref, "ref": base_ref}
            self.note_event(issue, "base_ref_changed", sender_id, at, **bases)
            changes = {
                "base": {"ref": {"from": old.part.base_ref}, "sha": {"from": old.part.base_sha}}
            }
            self.tell_issue(issue, "edited", sender_id, at, changes=changes)
            return self.pull_of(issue)

    def pull(self, pull_id: int) -> Pull | None:
        """A pull request by its own id."""
        part = self.row(PullPart, "WHERE id = ?", (pull_id,))
        return None if part is None else Pull(self._issue(part.issue_id), part)

    def pull_of(self, issue: Issue) -> Pull:
        """The pull request of an issue that has a `pull_id`."""
        part = self.row(PullPart, "WHERE issue_id = ?", (issue.id,))
        if part is None:
            raise KeyError(issue.id)
        return Pull(issue, part)

    def pulls_of(self, issues: Sequence[Issue]) -> list[Pull]:
        """The pull requests of issues that have a `pull_id`, in that order."""
        marks = ", ".join("?" * len(issues))
        ids = [issue.id for issue in issues]
        parts = {
            one.issue_id: one for one in self.rows(PullPart, f"WHERE issue_id IN ({marks})", ids)
        }
        return [Pull(issue, parts[issue.id]) for issue in issues]

    def pull_by_number(self, repository_id: int, number: int) -> Pull | None:
        """A pull request by number."""
        issue = self.issue_by_number(repository_id, number)
        return None if issue is None or issue.pull_id is None else self.pull_of(issue)

    def pulls_from(self, head_repository_id: int, head_ref: str) -> list[Pull]:
        """The open pull requests whose head is this branch."""
        parts = self.rows(
            PullPart,
            "WHERE head_repository_id = ? AND head_ref = ? AND issue_id IN "
            "(SELECT id FROM issues WHERE state = 'open') ORDER BY id",
            (head_repository_id, head_ref),
        )
        return [Pull(self._issue(part.issue_id), part) for part in parts]

    # Lists of issues and pull requests.

    def issues(self, repository_id: int, listing: Listing) -> list[Issue]:
        """A page of issues and/or pull requests."""
        return self.rows(Issue, *listing.page(repository_id))

    def issue_keys(self, repository_id: int, listing: Listing) -> list[tuple[int, int]]:
        """The (order's value, id) of the issues that `issues` would list."""
        sql, args = listing.page(repository_id)
        return self.values(f"SELECT {listing.order}, id FROM issues {sql}", args)  # noqa: S608

    def count_issues(self, repository_id: int, listing: Listing) -> int:
        """How many there are on all pages."""
        sql, args = listing.all(repository_id)
        return int(self.value(f"SELECT count(*) FROM issues {sql}", args))  # noqa: S608

    def _pull(self, pull_id: int) -> Pull:
        found = self.pull(pull_id)
        if found is None:
            raise KeyError(pull_id)
        return found

    def _tell_pull(
        self,
        issue: Issue,
        action: str,
        repository: Repository,
        sender_id: int | None,
        at: int,
        **extra: Any,
    ) -> None:
        pull = self.pull_of(issue)
        self.tell("pull_request", action, repository, pull, sender_id, at, **extra)
