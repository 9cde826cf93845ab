"""Members, teams, collaborators and stargazers as JSON in GitHub's shape."""

from urllib.parse import quote

from githubsim.clock import iso
from githubsim.shapes.accounts import GHOST, Json
from githubsim.shapes.repositories import RepositoryShapes
from githubsim.store import Account, Member, Repository, Star, Team
from githubsim.store.people_rows import LEVELS

# The names of the levels where a role is meant.
_ROLES = {"pull": "read", "push": "write"}


class PeopleShapes(RepositoryShapes):
    """Who belongs where."""

    def membership(self, member: Member) -> Json:
        """`org-membership`."""
        organization = self.store.account(member.organization_id) or GHOST
        user = self.user_by_id(member.account_id)
        url = f"{self.api}/orgs/{quote(organization.login)}"
        return {
            "url": f"{url}/memberships/{quote(user['login'], safe='')}",
            "state": "active",
            "role": member.role,
            "organization_url": url,
            "organization": self.organization(organization),
            "user": user,
        }

    def team_simple(self, team: Team) -> Json:
        """`team-simple`, as a team's parent is shown."""
        url = f"{self.api}/organizations/{team.organization_id}/team/{team.id}"
        organization = self.store.account(team.organization_id) or GHOST
        return {
            "name": team.name,
            "id": team.id,
            "node_id": team.node_id,
            "slug": team.slug,
            "description": team.description,
            "privacy": team.privacy,
            "notification_setting": "notifications_enabled",
            "url": url,
            "html_url": f"{self.web}/orgs/{quote(organization.login)}/teams/{team.slug}",
            "members_url": f"{url}/members{{/member}}",
            "repositories_url": f"{url}/repos",
            "permission": "pull",
            "type": "organization",
            "organization_id": team.organization_id,
        }

    def team(self, team: Team, permission: str | None = None) -> Json:
        """`team`; of a repository with what it may do there."""
        parent = self.store.team(team.parent_id)
        shape = self.team_simple(team) | {
            "parent": None if parent is None else self.team_simple(parent)
        }
        if permission is not None:
            shape |= {"permission": permission, "permissions": permissions(permission)}
        return shape

    def full_team(self, team: Team) -> Json:
        """`team-full`, of GET /orgs/{org}/teams/{team_slug}."""
        organization = self.store.account(team.organization_id) or GHOST
        return self.team(team) | {
            "members_count": len(self.store.team_members(team.id)),
            "repos_count": len(self.store.team_repositories(team.id)),
            "created_at": iso(team.created_at),
            "updated_at": iso(team.updated_at),
            "organization": self.full_organization(organization),
        }

    def collaborator(self, account: Account, level: str) -> Json:
        """`collaborator`."""
        return self.user(account) | {
            "permissions": permissions(level),
            "role_name": _ROLES.get(level, level),
        }

    def permission(self, account: Account, level: str | None) -> Json:
        """`repository-collaborator-permission`; its four old words know no triage or maintain."""
        role = "none" if level is None else _ROLES.get(level, level)
        return {
            "permission": {"triage": "read", "maintain": "write"}.get(role, role),
            "role_name": role,
            "user": self.user(account) | {"permissions": permissions(level), "role_name": role},
        }

    def team_repository(self, repository: Repository, level: str) -> Json:
        """A repository as a team's list has it."""
        return self.repository(repository, permissions(level)) | {
            "role_name": _ROLES.get(level, level)
        }

    def stargazer(self, star: Star) -> Json:
        """`stargazer`, of the media type `star+json`."""
        return {"starred_at": iso(star.starred_at), "user": self.user_by_id(star.account_id)}


def permissions(level: str | None) -> Json:
    """The five flags of a level, each of which includes those before."""
    held = -1 if level is None else LEVELS.index(level)
    return {name: place <= held for place, name in enumerate(LEVELS)}
