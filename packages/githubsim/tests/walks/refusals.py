"""What a repository answers that is withheld, renamed, or not the caller's."""

from tests.walker import Walker


def walk(walk: Walker, repository: str) -> None:
    here = f"/repos/{repository}"
    walk.get("/repos/nobody/nothing", status=404)
    for reason in ("dmca", "tos", "sensitive_data"):
        walk.control("repositories/block", repository=repository, reason=reason)
        walk.get(f"{here}/commits", status=451)
    walk.control("repositories/block", repository=repository, reason=None)
    owner = repository.split("/")[0]
    old, new = f"old-{walk.version}", f"new-{walk.version}"
    walk.control("repositories/create", owner=owner, name=old)
    walk.control("repositories/edit", repository=f"{owner}/{old}", name=new)
    walk.get(f"/repos/{owner}/{old}", status=301)
    walk.control("repositories/delete", repository=f"{owner}/{new}")
    walk.get("/repos/nobody/nothing", status=404, who="nobody")
    walk.get("/app", status=401)
