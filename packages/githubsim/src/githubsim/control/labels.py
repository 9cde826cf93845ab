"""Labels and milestones, as control actions; each sends its webhooks."""

from collections.abc import Callable
from typing import Any

from githubsim.clock import epoch
from githubsim.control.desk import Desk, Refused
from githubsim.shapes import Json
from githubsim.store import Label, Milestone


def create_label(desk: Desk) -> Json:
    """`repository`, `name`, `color`, `description`."""
    made = desk.store.create_label(
        desk.repository.id,
        desk.need("name"),
        desk.get("color", "ededed"),
        desk.get("description"),
        sender_id=desk.sender.id,
    )
    return desk.shapes.label(desk.repository, made)


def edit_label(desk: Desk) -> Json:
    """`repository`, `name` and any of `new_name`, `color`, `description`."""
    fields: Json = {key: desk.body[key] for key in ("color", "description") if key in desk.body}
    if "new_name" in desk.body:
        fields["name"] = desk.body["new_name"]
    new = desk.store.edit_label(_label(desk).id, sender_id=desk.sender.id, **fields)
    return desk.shapes.label(desk.repository, new)


def delete_label(desk: Desk) -> Json:
    """`repository`, `name`."""
    gone = desk.store.delete_label(_label(desk).id, sender_id=desk.sender.id)
    return {"id": gone.id}


def create_milestone(desk: Desk) -> Json:
    """`repository`, `title`, `description`."""
    made = desk.store.create_milestone(
        desk.repository.id,
        desk.need("title"),
        description=desk.get("description"),
        sender_id=desk.sender.id,
    )
    return desk.shapes.milestone(desk.repository, made)


def edit_milestone(desk: Desk) -> Json:
    """`repository`, `milestone` (its number) and any of `title`, `description`, `due_on`,
    `state`.
    """
    fields: Json = {
        key: desk.body[key] for key in ("title", "description", "state") if key in desk.body
    }
    if "due_on" in desk.body:
        fields["due_on"] = desk.body["due_on"] and epoch(desk.body["due_on"])
    new = desk.store.edit_milestone(_milestone(desk).id, sender_id=desk.sender.id, **fields)
    return desk.shapes.milestone(desk.repository, new)


def delete_milestone(desk: Desk) -> Json:
    """`repository`, `milestone` (its number)."""
    gone = desk.store.delete_milestone(_milestone(desk).id, sender_id=desk.sender.id)
    return {"id": gone.id}


def set_milestone(desk: Desk) -> Json:
    """`repository`, `number` of an issue or pull request, `milestone` (its number, or null)."""
    wanted = None if desk.get("milestone") is None else _milestone(desk).id
    new = desk.store.set_milestone(desk.issue.id, wanted, sender_id=desk.sender.id)
    pull = None if new.pull_id is None else desk.store.pull_of(new)
    return desk.shapes.issue(desk.repository, new, pull=pull)


def _label(desk: Desk) -> Label:
    found = desk.store.label_by_name(desk.repository.id, desk.need("name"))
    if found is None:
        raise Refused(f"no label {desk.need('name')}")
    return found


def _milestone(desk: Desk) -> Milestone:
    number = int(desk.need("milestone"))
    for one in desk.store.milestones(desk.repository.id):
        if one.number == number:
            return one
    raise Refused(f"no milestone {number}")


ACTIONS: dict[str, Callable[[Desk], Any]] = {
    "issues/milestone": set_milestone,
    "labels/create": create_label,
    "labels/delete": delete_label,
    "labels/edit": edit_label,
    "milestones/create": create_milestone,
    "milestones/delete": delete_milestone,
    "milestones/edit": edit_milestone,
}
