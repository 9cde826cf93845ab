"""Who is asked to review a pull request."""

from collections.abc import Sequence

from githubsim.store.review_finding import ReviewFinding
from githubsim.store.review_rows import ReviewRequest
from githubsim.store.rows import Pull


class ReviewRequests(ReviewFinding):
    """The part of the store that asks for reviews, and no longer."""

    def request_reviewers(
        self,
        pull_id: int,
        account_ids: Sequence[int] = (),
        team_ids: Sequence[int] = (),
        *,
        sender_id: int | None = None,
        at: int | None = None,
    ) -> Pull:
        """Ask for reviews. Sends `pull_request.review_requested`, one for each new name."""
        at = self.clock.now() if at is None else at
        with self.writing():
            pull = self._pull(pull_id)
            known = {(one.account_id, one.team_id) for one in self.review_requests(pull_id)}
            wanted = [(one, None) for one in account_ids] + [(None, one) for one in team_ids]
            for account_id, team_id in wanted:
                if (account_id, team_id) in known:
                    continue
                known.add((account_id, team_id))
                request = ReviewRequest(
                    self.allocate("review_request"),
                    pull.repository_id,
                    pull_id,
                    account_id,
                    team_id,
                )
                self.insert(request)
                self._tell_request(request, "review_requested", sender_id, at)
        return self._pull(pull_id)

    def remove_reviewers(
        self,
        pull_id: int,
        account_ids: Sequence[int] = (),
        team_ids: Sequence[int] = (),
        *,
        sender_id: int | None = None,
        at: int | None = None,
    ) -> Pull:
        """Ask no more. Sends `pull_request.review_request_removed`, one for each name."""
        at = self.clock.now() if at is None else at
        with self.writing():
            for one in self.review_requests(pull_id):
                if one.account_id in account_ids or one.team_id in team_ids:
                    self.execute("DELETE FROM review_requests WHERE id = ?", (one.id,))
                    self._tell_request(one, "review_request_removed", sender_id, at)
        return self._pull(pull_id)

    def _tell_request(
        self, request: ReviewRequest, action: str, sender_id: int | None, at: int
    ) -> None:
        issue = self._save(self._pull(request.pull_id).issue, at)
        self.tell_issue(issue, action, sender_id, at, request=request)
