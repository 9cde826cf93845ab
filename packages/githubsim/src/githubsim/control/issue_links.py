"""Sub-issues and dependencies, as control actions; each but the order sends its webhooks."""

from collections.abc import Callable
from typing import Any

from githubsim.control.desk import Desk
from githubsim.shapes import Json
from githubsim.store import Issue


def add_part(desk: Desk) -> Json:
    """`repository`, `number` of the whole; `sub_repository` (the same), `sub`: the part's."""
    whole, part = desk.issue, _other(desk, "sub")
    desk.store.add_sub_issue(whole.id, part.id, replace=True, sender_id=desk.sender.id)
    return {"id": part.id}


def remove_part(desk: Desk) -> Json:
    """`repository`, `number`, `sub_repository`, `sub`."""
    whole, part = desk.issue, _other(desk, "sub")
    desk.store.remove_sub_issue(whole.id, part.id, sender_id=desk.sender.id)
    return {"id": part.id}


def order_parts(desk: Desk) -> Json:
    """`repository`, `number`: the last part comes first; no webhook says so."""
    *others, last = [one.id for one in desk.store.sub_issues(desk.issue.id)]
    desk.store.order_sub_issues(desk.issue.id, [last, *others])
    return {"ids": [last, *others]}


def block(desk: Desk) -> Json:
    """`repository`, `number` of who waits; `by_repository` (the same), `by`: the other's number."""
    blocked, blocking = desk.issue, _other(desk, "by")
    desk.store.add_dependency(blocked.id, blocking.id, sender_id=desk.sender.id)
    return {"id": blocking.id}


def unblock(desk: Desk) -> Json:
    """`repository`, `number`, `by_repository`, `by`."""
    blocked, blocking = desk.issue, _other(desk, "by")
    desk.store.remove_dependency(blocked.id, blocking.id, sender_id=desk.sender.id)
    return {"id": blocking.id}


def _other(desk: Desk, name: str) -> Issue:
    home = desk.find_repository(desk.get(f"{name}_repository") or desk.need("repository"))
    return desk.find_issue(home, desk.need(name))


ACTIONS: dict[str, Callable[[Desk], Any]] = {
    "issues/block": block,
    "issues/parts/add": add_part,
    "issues/parts/order": order_parts,
    "issues/parts/remove": remove_part,
    "issues/unblock": unblock,
}
