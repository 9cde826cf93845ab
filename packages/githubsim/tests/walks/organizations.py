"""An organisation's members and teams, and the collaborators of a repository."""

from tests.walker import Walker


def walk(walk: Walker, repository: str) -> None:
    here = f"/orgs/{repository.split('/')[0]}"
    shown = walk.get(here)
    walk.get("/orgs/nobody-at-all", status=404)
    newcomer = f"walker-{walk.version}"
    walk.control("accounts/create", login=newcomer)
    _members(walk, here, newcomer)
    _teams(walk, here, newcomer, repository)
    team = walk.get(f"{here}/teams/maintainers")
    person = walk.get(f"{here}/teams/maintainers/members")[0]["login"]
    by_id = f"/organizations/{shown['id']}/team/{team['id']}"
    for part in ("", "/members", f"/memberships/{person}", "/repos", "/teams"):
        assert walk.get(f"{here}/teams/maintainers{part}") == walk.get(f"{by_id}{part}")
    walk.get(f"{here}/teams/platform/teams")
    walk.get(f"{here}/teams/nobody", status=404)
    _collaborators(walk, f"/repos/{repository}/collaborators/{newcomer}")


def _members(walk: Walker, here: str, newcomer: str) -> None:
    walk.get(f"{here}/public_members")
    for role in ("all", "admin", "member"):
        found = walk.get(f"{here}/members?role={role}")
    walk.get(f"{here}/members?role=nonsense", status=422)
    walk.get(f"{here}/members/{found[0]['login']}", status=204)
    walk.get(f"{here}/members/nobody-at-all", status=404)
    walk.get(f"{here}/memberships/nobody-at-all", status=404)
    path = f"{here}/memberships/{newcomer}"
    walk.put(path, {"role": "nonsense"}, status=422, who="user")
    walk.put(path, status=403)
    walk.put(path, who="user")
    walk.put(path, {"role": "admin"}, who="user")
    assert walk.get(path)["role"] == "admin"
    walk.delete(path, who="user")
    walk.delete(path, who="user", status=404)
    walk.put(path, who="user")
    walk.delete(f"{here}/members/{newcomer}", who="user")
    mine = f"{here}/public_members/{walk.person}"
    walk.put(mine, status=204, who="user")
    walk.get(mine, status=204)
    walk.get(f"/users/{walk.person}/orgs")
    walk.delete(mine, who="user")
    walk.get(mine, status=404)
    others = f"{here}/public_members/{found[-1]['login']}"
    walk.put(others, status=403, who="user")


def _teams(walk: Walker, here: str, newcomer: str, repository: str) -> None:
    walk.get(f"{here}/teams")
    name = f"Walkers {walk.version}"
    asked = {"name": name, "repo_names": [repository], "maintainers": [walk.person]}
    made = walk.post(f"{here}/teams", asked, who="user")
    walk.post(f"{here}/teams", asked, status=422, who="user")
    walk.post(f"{here}/teams", {}, status=422, who="user")
    walk.post(f"{here}/teams", asked, status=403)
    child = {"name": f"{name} children", "parent_team_id": made["id"], "privacy": "closed"}
    walk.post(f"{here}/teams", child, who="user")
    team = f"{here}/teams/{made['slug']}"
    walk.patch(team, {"description": "Walks"}, status=201, who="user")
    walk.patch(team, {"description": "Walks"}, who="user")
    walk.patch(team, {"privacy": "nonsense"}, status=422, who="user")
    place = f"{team}/memberships/{newcomer}"
    walk.get(place, status=404)
    walk.put(place, who="user")
    walk.put(place, {"role": "maintainer"}, who="user")
    walk.get(place)
    walk.delete(place, who="user")
    work = f"{team}/repos/{repository}"
    walk.get(work, status=204)
    media = {"Accept": "application/vnd.github.v3.repository+json"}
    walk.get(work, headers=media)
    walk.put(work, {"permission": "maintain"}, status=204)
    walk.put(work, {"permission": "nonsense"}, status=422)
    walk.delete(work)
    walk.get(work, status=404)
    walk.delete(f"{here}/memberships/{newcomer}", who="user")
    walk.delete(team, who="user")
    walk.get(f"{team}-children", status=404)


def _collaborators(walk: Walker, path: str) -> None:
    walk.put(path, {"permission": "pull"}, status=204)
    walk.put(path, {"permission": "admin"}, status=204)
    walk.put(path, {"permission": "nonsense"}, status=422)
    walk.get(path, status=204)
    walk.delete(path)
    walk.get(path, status=404)
