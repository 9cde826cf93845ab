"""An organisation's members and teams."""

from tests.githubsim.walker import Walker

TEAM = "/orgs/{org}/teams/{team_slug}"


def walk(walk: Walker, repository: str) -> None:
    here = f"/orgs/{repository.split('/')[0]}"
    shown = walk.get(here)
    walk.get("/orgs/nobody-at-all", status=404)
    _members(walk, here)
    walk.get(f"{here}/teams")
    team = walk.get(f"{here}/teams/maintainers")
    person = walk.get(f"{here}/teams/maintainers/members")[0]["login"]
    by_id = f"/organizations/{shown['id']}/team/{team['id']}"
    for part in ("", "/members", f"/memberships/{person}", "/repos", "/teams"):
        walk.get(f"{here}/teams/maintainers{part}")
        like = part.replace(person, "{username}")
        walk.get(f"{by_id}{part}", like=f"GET {TEAM}{like}")
    walk.get(f"{here}/teams/platform/teams")
    walk.get(f"{here}/teams/nobody", status=404)


def _members(walk: Walker, here: str) -> None:
    walk.get(f"{here}/public_members")
    for role in ("all", "admin", "member"):
        found = walk.get(f"{here}/members?role={role}")
    walk.get(f"{here}/members?role=nonsense", status=422)
    walk.get(f"{here}/members/{found[0]['login']}", status=204)
    walk.get(f"{here}/members/nobody-at-all", status=404)
    walk.get(f"{here}/memberships/{found[0]['login']}")
    walk.get(f"{here}/memberships/nobody-at-all", status=404)
