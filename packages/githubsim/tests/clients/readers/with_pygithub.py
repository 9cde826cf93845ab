"""Everything that PyGithub finds through an App's installation, counted per repository."""

import json
import sys

from github import Auth, GithubException, GithubIntegration, PaginatedList, Repository


def count(found: PaginatedList.PaginatedList, *, unless: int = 0) -> int:
    """How many items all pages have; 0 where GitHub answers `unless`."""
    try:
        return sum(1 for _ in found)
    except GithubException as error:
        if error.status != unless:
            raise
        return 0


def counts(repository: Repository.Repository) -> dict[str, int]:
    both = list(repository.get_issues(state="all"))
    pulls = list(repository.get_pulls(state="all"))
    return {
        "commits": count(repository.get_commits(), unless=409),
        "branches": count(repository.get_branches()),
        "tags": count(repository.get_tags()),
        "releases": count(repository.get_releases()),
        "issues": sum(1 for one in both if one.pull_request is None),
        "pulls": len(pulls),
        "comments": count(repository.get_issues_comments()),
        "reviews": sum(count(one.get_reviews()) for one in pulls),
        "review_comments": count(repository.get_pulls_review_comments()),
        "labels": count(repository.get_labels()),
        "milestones": count(repository.get_milestones(state="all")),
    }


given = json.load(sys.stdin)
app = GithubIntegration(
    auth=Auth.AppAuth(given["app_id"], given["private_key"]),
    base_url=given["url"],
    per_page=100,
    seconds_between_requests=None,
)
(installation,) = app.get_installations()
found = {one.full_name: counts(one) for one in installation.get_repos()}
print(json.dumps(found))
