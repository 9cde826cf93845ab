"""Stars, members, teams and collaborators, as control actions; each sends its webhooks."""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from githubsim.control.desk import Desk, Refused
from githubsim.gitrepos import GitError
from githubsim.people import Person
from githubsim.shapes import Json
from githubsim.store import Account, Team


def star(desk: Desk) -> Json:
    """`repository`, `sender`."""
    return desk.shapes.stargazer(desk.store.star(desk.repository.id, desk.sender.id))


def unstar(desk: Desk) -> Json:
    """`repository`, `sender`."""
    desk.store.unstar(desk.repository.id, desk.sender.id)
    return {}


def watch(desk: Desk) -> Json:
    """`repository`, `sender`: no webhook says so."""
    desk.store.watch(desk.repository.id, desk.sender.id)
    return {}


def unwatch(desk: Desk) -> Json:
    """`repository`, `sender`: no webhook says so."""
    desk.store.unwatch(desk.repository.id, desk.sender.id)
    return {}


def add_member(desk: Desk) -> Json:
    """`organization`, `login`, `role` (member)."""
    made = desk.store.add_member(
        _organization(desk).id,
        desk.account(desk.need("login")).id,
        role=desk.get("role", "member"),
        sender_id=desk.sender.id,
    )
    return desk.shapes.membership(made)


def remove_member(desk: Desk) -> Json:
    """`organization`, `login`: out of the teams too."""
    account = desk.account(desk.need("login"))
    desk.store.remove_member(_organization(desk).id, account.id, sender_id=desk.sender.id)
    return {"id": account.id}


def create_team(desk: Desk) -> Json:
    """`organization`, `name` → the team."""
    made = desk.store.create_team(
        _organization(desk).id,
        desk.need("name"),
        description=desk.get("description"),
        sender_id=desk.sender.id,
    )
    return desk.shapes.team(made)


def delete_team(desk: Desk) -> Json:
    """`organization`, `team` (its slug)."""
    gone = desk.store.delete_team(_team(desk).id, sender_id=desk.sender.id)
    return {"id": gone.id}


def add_to_team(desk: Desk) -> Json:
    """`organization`, `team` (its slug), `login`."""
    account = desk.account(desk.need("login"))
    desk.store.add_to_team(_team(desk).id, account.id, sender_id=desk.sender.id)
    return {"id": account.id}


def remove_from_team(desk: Desk) -> Json:
    """`organization`, `team` (its slug), `login`."""
    account = desk.account(desk.need("login"))
    desk.store.remove_from_team(_team(desk).id, account.id, sender_id=desk.sender.id)
    return {"id": account.id}


def set_team_role(desk: Desk) -> Json:
    """`organization`, `team` (its slug), `login`, `role`: no webhook says so."""
    account = desk.account(desk.need("login"))
    desk.store.set_team_role(_team(desk).id, account.id, desk.need("role"))
    return {"id": account.id}


def give_to_team(desk: Desk) -> Json:
    """`organization`, `team` (its slug), `repository`, `permission` (push)."""
    team, repository = _team(desk), desk.repository
    level = desk.get("permission", "push")
    desk.store.give_to_team(team.id, repository.id, level, sender_id=desk.sender.id)
    return desk.shapes.team(team, level)


def add_collaborator(desk: Desk) -> Json:
    """`repository`, `login`, `permission` (push)."""
    account, level = desk.account(desk.need("login")), desk.get("permission", "push")
    desk.store.add_collaborator(desk.repository.id, account.id, level, sender_id=desk.sender.id)
    return desk.shapes.collaborator(account, level)


def remove_collaborator(desk: Desk) -> Json:
    """`repository`, `login`."""
    account = desk.account(desk.need("login"))
    desk.store.remove_collaborator(desk.repository.id, account.id, sender_id=desk.sender.id)
    return {"id": account.id}


def edit_team(desk: Desk) -> Json:
    """`organization`, `team` (its slug) and any of `name`, `description`, `privacy`."""
    fields = {key: desk.body[key] for key in ("name", "description", "privacy") if key in desk.body}
    return desk.shapes.team(
        desk.store.edit_team(_team(desk).id, sender_id=desk.sender.id, **fields)
    )


def take_from_team(desk: Desk) -> Json:
    """`organization`, `team` (its slug), `repository`."""
    team, repository = _team(desk), desk.repository
    desk.store.take_from_team(team.id, repository.id, sender_id=desk.sender.id)
    return {"id": repository.id}


def act(desk: Desk) -> Json:
    """`repository`, `times` (1), `seed` (0): people do everything that they do, so many times."""
    seed, done = int(desk.get("seed", 0)), Counter[str]()
    for time in range(int(desk.get("times", 1))):
        # What is done seldom, as to delete, first. Each has dice of its own, so that what else
        # people can do changes nothing about it.
        for name in [one.__name__ for _, one in reversed(_anybody(desk, "").acts())]:
            try:
                getattr(_anybody(desk, f"{seed}/{time}/{name}"), name)(desk.repository)
            except (GitError, KeyError, ValueError):
                continue  # such as a merge that conflicts
            done[name] += 1
    return dict(done)


def _anybody(desk: Desk, dice: str) -> Person:
    return Person(desk.store, desk.git, random.Random(dice))


def _organization(desk: Desk) -> Account:
    return desk.account(desk.need("organization"))


def _team(desk: Desk) -> Team:
    slug = str(desk.need("team"))
    found = desk.store.team_by_slug(_organization(desk).id, slug)
    if found is None:
        raise Refused(f"no team {slug}")
    return found


ACTIONS: dict[str, Callable[[Desk], Any]] = {
    "collaborators/add": add_collaborator,
    "collaborators/remove": remove_collaborator,
    "people/act": act,
    "members/add": add_member,
    "members/remove": remove_member,
    "star": star,
    "teams/create": create_team,
    "teams/delete": delete_team,
    "teams/edit": edit_team,
    "teams/give": give_to_team,
    "teams/join": add_to_team,
    "teams/leave": remove_from_team,
    "teams/role": set_team_role,
    "teams/take": take_from_team,
    "unstar": unstar,
    "unwatch": unwatch,
    "watch": watch,
}
