"""Repositories, branches and commits as JSON in GitHub's shape."""

from collections.abc import Sequence
from urllib.parse import quote

from githubsim.ailments import ailments
from githubsim.clock import iso
from githubsim.gitrepos import Commit, FileChange
from githubsim.ids import node_id
from githubsim.shapes.accounts import GHOST, AccountShapes, Json
from githubsim.shapes.licenses import license_shape
from githubsim.store import Repository
from githubsim.store.history_rows import CONTENTS

_TEMPLATES = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}
READ_ONLY = {"admin": False, "maintain": False, "push": False, "triage": False, "pull": True}


class RepositoryShapes(AccountShapes):
    """Repositories and what lies in git."""

    def repo_url(self, repository: Repository) -> str:
        """`…/repos/owner/name`."""
        return f"{self.api}/repos/{self.store.full_name(repository)}"

    def repo_page(self, repository: Repository) -> str:
        """The repository's page."""
        return f"{self.web}/{self.store.full_name(repository)}"

    def repository(self, repository: Repository, permissions: Json | None = None) -> Json:
        """`repository`, as lists and webhooks have it."""
        owner = self.store.account(repository.owner_id) or GHOST
        full_name = f"{owner.login}/{repository.name}"
        url = f"{self.api}/repos/{full_name}"
        page = f"{self.web}/{full_name}"
        host = self.web.partition("://")[2]
        shape: Json = {
            "id": repository.id,
            "node_id": repository.node_id,
            "name": repository.name,
            "full_name": full_name,
            "private": repository.private,
            "owner": self.user(owner),
            "html_url": page,
            "description": repository.description,
            "fork": repository.fork,
            "url": url,
        }
        for key, end in _TEMPLATES.items():
            shape[key] = url + end
        shape |= {
            "created_at": iso(repository.created_at),
            "updated_at": iso(repository.updated_at),
            "pushed_at": iso(repository.pushed_at),
            "git_url": f"git://{host}/{full_name}.git",
            "ssh_url": f"git@{host}:{full_name}.git",
            "clone_url": f"{page}.git",
            "svn_url": page,
            "homepage": repository.homepage,
            "size": repository.size,
            "stargazers_count": repository.stargazers,
            "watchers_count": repository.stargazers,
            "language": repository.language,
            "has_issues": repository.has_issues,
            "has_projects": False,
            "has_downloads": True,
            "has_wiki": False,
            "has_pages": False,
            "has_discussions": False,
            "has_pull_requests": not ailments(self.store, repository).pulls_off,
            "pull_request_creation_policy": "all",
            "forks_count": repository.forks,
            "mirror_url": None,
            "archived": repository.archived,
            "disabled": False,
            "open_issues_count": repository.open_issues,
            "license": license_shape(repository.license, self.api),
            "allow_forking": True,
            "is_template": False,
            "web_commit_signoff_required": False,
            "topics": list(repository.topics),
            "visibility": "private" if repository.private else "public",
            "forks": repository.forks,
            "open_issues": repository.open_issues,
            "watchers": repository.stargazers,
            "default_branch": repository.default_branch,
        }
        if permissions is not None:
            shape["permissions"] = permissions
        return shape

    def full_repository(self, repository: Repository, permissions: Json | None = None) -> Json:
        """`full-repository`, of GET /repos/{owner}/{repo}."""
        shape = self.repository(repository, permissions) | {
            "temp_clone_token": "",
            "network_count": repository.forks,
            "subscribers_count": len(self.store.watchers(repository.id)),
        }
        owner = self.store.account(repository.owner_id)
        if owner is not None and owner.type == "Organization":
            shape["organization"] = self.user(owner)
        parent = self.store.repository(repository.parent_id)
        if parent is not None:
            shape["parent"] = shape["source"] = self.repository(parent)
        return shape

    def repository_stub(self, repository: Repository) -> Json:
        """What installation events say of a repository."""
        return {
            "id": repository.id,
            "node_id": repository.node_id,
            "name": repository.name,
            "full_name": self.store.full_name(repository),
            "private": repository.private,
        }

    def commit(self, repository: Repository, commit: Commit) -> Json:
        """`commit` without stats and files, as lists have it."""
        url, page = self.repo_url(repository), self.repo_page(repository)
        return {
            "sha": commit.sha,
            "node_id": node_id("C", repository.id, commit.sha),
            "commit": {
                "author": {
                    "name": commit.author_name,
                    "email": commit.author_email,
                    "date": iso(commit.author_at),
                },
                "committer": {
                    "name": commit.committer_name,
                    "email": commit.committer_email,
                    "date": iso(commit.committer_at),
                },
                "message": commit.message,
                "tree": {"sha": commit.tree, "url": f"{url}/git/trees/{commit.tree}"},
                "url": f"{url}/git/commits/{commit.sha}",
                "comment_count": self.store.count_commit_comments(repository.id, commit.sha),
                "verification": {
                    "verified": False,
                    "reason": "unsigned",
                    "signature": None,
                    "payload": None,
                    "verified_at": None,
                },
            },
            "url": f"{url}/commits/{commit.sha}",
            "html_url": f"{page}/commit/{commit.sha}",
            "comments_url": f"{url}/commits/{commit.sha}/comments",
            "author": self.user_by_email(commit.author_email),
            "committer": self.user_by_email(commit.committer_email),
            "parents": [
                {
                    "sha": sha,
                    "url": f"{url}/commits/{sha}",
                    "html_url": f"{page}/commit/{sha}",
                }
                for sha in commit.parents
            ],
        }

    def user_by_email(self, email: str) -> Json | None:
        """The account that an email is linked to."""
        account = self.store.account_by_email(email)
        return None if account is None else self.user(account)

    def files(self, repository: Repository, sha: str, changes: Sequence[FileChange]) -> list[Json]:
        """`diff-entry` of each file."""
        url, page = self.repo_url(repository), self.repo_page(repository)
        found = []
        for one in changes:
            path = quote(one.path)
            entry: Json = {
                "sha": one.blob,
                "filename": one.path,
                "status": one.status,
                "additions": one.additions,
                "deletions": one.deletions,
                "changes": one.additions + one.deletions,
                "blob_url": f"{page}/blob/{sha}/{path}",
                "raw_url": f"{page}/raw/{sha}/{path}",
                "contents_url": f"{url}/contents/{path}?ref={sha}",
            }
            if one.patch is not None:
                entry["patch"] = one.patch
            if one.previous_path is not None:
                entry["previous_filename"] = one.previous_path
            found.append(entry)
        return found

    def branch(self, repository: Repository, name: str, sha: str) -> Json:
        """`short-branch`."""
        return {
            "name": name,
            "commit": {"sha": sha, "url": f"{self.repo_url(repository)}/commits/{sha}"},
            "protected": False,
        }

    def rollup(self, url: str, subject: str, subject_id: int) -> Json:
        """`reaction-rollup` of what `url` answers with."""
        counts = self.store.count_reactions(subject, subject_id)
        return {
            "url": f"{url}/reactions",
            "total_count": sum(counts.values()),
            **{content: counts.get(content, 0) for content in CONTENTS},
        }

    def git_commit(self, repository: Repository, commit: Commit) -> Json:
        """`git-commit`: a commit as git has it, without accounts."""
        shape = self.commit(repository, commit)
        inner: Json = shape["commit"]
        del inner["comment_count"]
        return inner | {
            "sha": commit.sha,
            "node_id": shape["node_id"],
            "html_url": shape["html_url"],
            "parents": shape["parents"],
        }

    def git_ref(self, repository: Repository, ref: str, sha: str, kind: str) -> Json:
        """`git-ref`."""
        url = self.repo_url(repository)
        return {
            "ref": ref,
            "node_id": node_id("REF", repository.id, ref),
            "url": f"{url}/git/{ref}",
            "object": {"sha": sha, "type": kind, "url": f"{url}/git/{kind}s/{sha}"},
        }
