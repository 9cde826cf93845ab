"""Accounts, the App and its installations as JSON in GitHub's shape."""

from typing import Any
from urllib.parse import quote

from githubsim.clock import iso, iso_or_none
from githubsim.store import Account, App, Installation, Store

Json = dict[str, Any]

# What GitHub shows in place of a deleted account.
GHOST = Account(10137, "ghost", "User", "Deleted user", None, False, 1210632557, 1526495203)


class AccountShapes:
    """`api` and `web` are the addresses (without a final slash) that links start with."""

    def __init__(self, store: Store, *, api: str, web: str) -> None:
        self.store = store
        self.api = api
        self.web = web
        self._users: dict[Account, Json] = {}

    def user(self, account: Account) -> Json:
        """`simple-user`. The dict is shared: do not change it."""
        found = self._users.get(account)
        if found is not None:
            return found
        login = quote(account.login, safe="")
        url = f"{self.api}/users/{login}"
        page = f"{self.web}/{login}"
        if account.type == "Bot":
            page = f"{self.web}/apps/{quote(account.slug)}"
        shape = {
            "login": account.login,
            "id": account.id,
            "node_id": account.node_id,
            "avatar_url": f"{self.web}/avatars/u/{account.id}?v=4",
            "gravatar_id": "",
            "url": url,
            "html_url": page,
            "followers_url": f"{url}/followers",
            "following_url": f"{url}/following{{/other_user}}",
            "gists_url": f"{url}/gists{{/gist_id}}",
            "starred_url": f"{url}/starred{{/owner}}{{/repo}}",
            "subscriptions_url": f"{url}/subscriptions",
            "organizations_url": f"{url}/orgs",
            "repos_url": f"{url}/repos",
            "events_url": f"{url}/events{{/privacy}}",
            "received_events_url": f"{url}/received_events",
            "type": account.type,
            "user_view_type": "public",
            "site_admin": account.site_admin,
        }
        self._users[account] = shape
        return shape

    def user_by_id(self, account_id: int | None) -> Json:
        """An author: a deleted account is shown as the ghost."""
        return self.user(self.store.account(account_id) or GHOST)

    def user_or_none(self, account_id: int | None) -> Json | None:
        """Someone who need not be there, such as who closed an open issue."""
        return None if account_id is None else self.user_by_id(account_id)

    def public_user(self, account: Account) -> Json:
        """`public-user`, of GET /users/{login}."""
        return self.user(account) | {
            "name": account.name,
            "company": None,
            "blog": "",
            "location": None,
            "email": account.email,
            "hireable": None,
            "bio": None,
            "public_repos": len(self.store.repositories(account.id)),
            "public_gists": 0,
            "followers": 0,
            "following": 0,
            "created_at": iso(account.created_at),
            "updated_at": iso(account.updated_at),
        }

    def organization(self, account: Account) -> Json:
        """`organization-simple`, as webhooks carry it."""
        url = f"{self.api}/orgs/{quote(account.login)}"
        return {
            "login": account.login,
            "id": account.id,
            "node_id": account.node_id,
            "url": url,
            "repos_url": f"{url}/repos",
            "events_url": f"{url}/events",
            "hooks_url": f"{url}/hooks",
            "issues_url": f"{url}/issues",
            "members_url": f"{url}/members{{/member}}",
            "public_members_url": f"{url}/public_members{{/member}}",
            "avatar_url": f"{self.web}/avatars/u/{account.id}?v=4",
            "description": account.name or "",
        }

    def full_organization(self, account: Account) -> Json:
        """`organization-full`, of GET /orgs/{org}."""
        return self.organization(account) | {
            "name": account.name or account.login,
            "is_verified": False,
            "has_organization_projects": False,
            "has_repository_projects": False,
            "public_repos": sum(not one.private for one in self.store.repositories(account.id)),
            "public_gists": 0,
            "followers": 0,
            "following": 0,
            "html_url": f"{self.web}/{quote(account.login)}",
            "type": "Organization",
            "created_at": iso(account.created_at),
            "updated_at": iso(account.updated_at),
            "archived_at": None,
        }

    def app(self, app: App) -> Json:
        """`integration`, of GET /app."""
        return {
            "id": app.id,
            "slug": app.slug,
            "client_id": app.client_id,
            "node_id": app.node_id,
            "owner": self.user_by_id(app.owner_id),
            "name": app.name,
            "description": "",
            "external_url": self.web,
            "html_url": f"{self.web}/apps/{app.slug}",
            "created_at": iso(app.created_at),
            "updated_at": iso(app.updated_at),
            "permissions": app.permissions,
            "events": list(app.events),
            "installations_count": len(self.store.installations()),
        }

    def hook_config(self, app: App) -> Json:
        """`webhook-config`: the secret is never shown."""
        shape: Json = {
            "content_type": app.hook_content_type,
            "insecure_ssl": app.hook_insecure_ssl,
        }
        if app.hook_secret is not None:
            shape["secret"] = "********"
        if app.hook_url is not None:
            shape["url"] = app.hook_url
        return shape

    def installation(self, installation: Installation, app: App) -> Json:
        """`installation`."""
        account = self.store.account(installation.account_id) or GHOST
        page = f"{self.web}/settings/installations/{installation.id}"
        if account.type == "Organization":
            page = (
                f"{self.web}/organizations/{account.login}/settings/installations/{installation.id}"
            )
        url = f"{self.api}/app/installations/{installation.id}"
        return {
            "id": installation.id,
            "client_id": app.client_id,
            "account": self.user(account),
            "repository_selection": installation.repository_selection,
            "access_tokens_url": f"{url}/access_tokens",
            "repositories_url": f"{self.api}/installation/repositories",
            "html_url": page,
            "app_id": app.id,
            "app_slug": app.slug,
            "target_id": account.id,
            "target_type": account.type,
            "permissions": installation.permissions,
            "events": list(installation.events),
            "created_at": iso(installation.created_at),
            "updated_at": iso(installation.updated_at),
            "single_file_name": None,
            "has_multiple_single_files": False,
            "single_file_paths": [],
            "suspended_by": self.user_or_none(installation.suspended_by_id),
            "suspended_at": iso_or_none(installation.suspended_at),
        }
