"""Everything that Perceval finds in each repository, by its GitHub and its Git backend."""

import json
import sys
import tempfile
from pathlib import Path

from perceval.backends.core.git import Git
from perceval.backends.core.github import GitHub


def counts(given: dict, name: str, folder: Path) -> dict[str, int]:
    owner, repository = name.split("/")
    pem = folder / "app.pem"
    pem.write_text(given["private_key"])
    # Perceval puts /api/v3 behind the address by itself.
    github = GitHub(
        owner,
        repository,
        base_url=given["url"],
        github_app_id=str(given["app_id"]),
        github_app_pk_filepath=str(pem),
    )
    both = [one["data"] for one in github.fetch(category="issue")]
    pulls = [one["data"] for one in github.fetch(category="pull_request")]
    (about,) = [one["data"] for one in github.fetch(category="repository")]
    scheme, _, host = given["url"].partition("://")
    clone = f"{scheme}://x-access-token:{given['token']}@{host}/{name}.git"
    commits = [one["data"]["commit"] for one in Git(clone, str(folder / repository)).fetch()]
    return {
        "id": about["id"],
        "commits": len(set(commits)),
        "issues": sum(1 for one in both if "pull_request" not in one),
        "pulls": len(pulls),
        "pulls_by_issues": sum(1 for one in both if "pull_request" in one),
        "comments": sum(len(one["comments_data"]) for one in both),
        "reviews": sum(len(one["reviews_data"]) for one in pulls),
        "review_comments": sum(len(one["review_comments_data"]) for one in pulls),
        "people_unknown": sum(1 for one in both if "created_at" not in one["user_data"]),
        "commits_of_pulls": sum(len(one["commits_data"]) for one in pulls),
    }


given = json.load(sys.stdin)
with tempfile.TemporaryDirectory() as folder:
    found = {name: counts(given, name, Path(folder)) for name in given["repositories"]}
print(json.dumps(found))
