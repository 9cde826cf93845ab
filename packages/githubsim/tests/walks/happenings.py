"""What people do on github.com that REST has no call for, so that every webhook is sent."""

from githubsim.testing import Sim


def happen(github: Sim, repository: str) -> None:
    """Send what the walks through REST do not."""
    control, owner = github.control, repository.split("/")[0]
    people = [one["login"] for one in github.truth(accounts=1)["accounts"] if one["type"] == "User"]
    where = {"repository": repository}
    pull = where | {"number": control("pulls/open", where)["number"]}
    control("reviews/request", pull | {"reviewers": people[1:2], "teams": ["platform"]})
    control("reviews/unrequest", pull | {"reviewers": people[1:2], "teams": ["platform"]})
    review = control("reviews/submit", pull | {"comments": 1, "sender": people[1]})
    control("reviews/edit", {"review_id": review["id"], "body": "new"})
    remark = {"comment_id": control("reviews/comment", pull)["id"]}
    control("reviews/resolve", remark)
    control("reviews/resolve", remark | {"resolved": False})
    control("pulls/draft", pull)
    control("pulls/draft", pull | {"draft": False})
    control("pulls/auto-merge", pull | {"method": "squash"})
    control("pulls/auto-merge", pull | {"method": None})
    control("issues/label", pull | {"labels": ["bug"]})
    control("issues/label", pull | {"labels": []})
    control("issues/assign", pull | {"assignees": people[:1]})
    control("issues/assign", pull | {"assignees": []})
    control("issues/lock", pull)
    control("issues/lock", pull | {"locked": False})
    milestone = control("milestones/create", where | {"title": "Soon"})["number"]
    control("issues/milestone", pull | {"milestone": milestone})
    control("issues/milestone", pull | {"milestone": None})
    whole, part = (where | {"number": control("issues/open", where)["number"]} for _ in "ab")
    control("issues/parts/add", whole | {"sub": part["number"]})
    control("issues/parts/remove", whole | {"sub": part["number"]})
    control("issues/block", whole | {"by": part["number"]})
    control("issues/unblock", whole | {"by": part["number"]})
    control("push", where | {"branch": "happening"})
    moved = where | {"number": control("pulls/open", where | {"head": "happening"})["number"]}
    control("push", where | {"branch": "happening"})
    control("pulls/merge", moved)
    control("star", where | {"sender": people[3]})
    control("unstar", where | {"sender": people[3]})
    control("repositories/fork", where | {"sender": people[3], "name": "happening"})
    control("accounts/create", {"login": "happening"})
    who = {"organization": owner, "login": "happening", "team": "happening", "name": "happening"}
    control("collaborators/add", where | who)
    control("members/add", who)
    control("teams/create", who)
    control("teams/join", who)
    control("teams/give", who | where)
    control("teams/leave", who)
    control("teams/delete", who)
    control("members/remove", who)
    control("releases/create", where | {"tag": "soon", "draft": True})
    release = {"release_id": control("releases/create", where | {"tag": "happening"})["id"]}
    control("releases/edit", release | {"draft": True})
    control("accounts/rename", {"login": "happening", "to": "happened"})
    control("repositories/create", {"owner": owner, "name": "wanders"})
    wanders = {"repository": f"{owner}/wanders"}
    control("installation/remove", {"repositories": [f"{owner}/wanders"]})
    control("installation/add", {"repositories": [f"{owner}/wanders"]})
    # Only the installation of the new owner hears of a transfer.
    control("repositories/create", {"owner": people[4], "name": "stays"})
    control("install", {"account": people[4]})
    control("repositories/transfer", wanders | {"new_owner": people[4]})
    control("ping")
