"""Branches and tags, and the commits that they point to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from django.db import models

from autosync.kinds import _columns as gh
from autosync.kinds._events import Changes, Event, FollowUp, Handler, Move, News
from autosync.kinds._kind import Clock, Git, List, OfRepository
from autosync.kinds._kind import Kind as Declared
from autosync.kinds._payload import reader
from autosync.mirror.digest import Digest
from autosync.mirror.feed import FeedLine

if TYPE_CHECKING:
    from autosync.github.git import GitReader
    from autosync.kinds._derived import Derived

_NONE = (b"[]", b"null")
_TAG = "tag"
_PLACES = {"branch": "refs/heads/", _TAG: "refs/tags/"}


class Found(NamedTuple):
    """A ref as git has it."""

    kind: str
    name: str
    sha: str


def split_ref(ref: str) -> tuple[str, str] | None:
    """`refs/heads/main` → ("branch", "main"); None for refs that are neither branch nor tag."""
    for kind, place in _PLACES.items():
        if ref.startswith(place):
            return kind, ref.removeprefix(place)
    return None


def full_name(kind: str, name: str) -> str:
    """("branch", "main") → `refs/heads/main`."""
    return f"{_PLACES[kind]}{name}"


def found(clone: GitReader) -> Iterator[Found]:
    """The branches and tags of a clone; tags peeled to their commits."""
    for ref, sha in clone.refs().items():
        if target := split_ref(ref):
            yield Found(*target, sha)


class Moved:
    """A push moved a ref, or made or deleted it: then forty zeros stand for no commit.

    Payload: {"ref": "refs/heads/main", "before": sha, "after": sha, "forced": false, "commits": [],
    "head_commit": {"id": sha, …}}. Of an annotated tag `after` is the tag object; rows have the
    commit.
    """

    def handler(self, kind: Derived) -> Handler:
        """Event → the move, and a line of the feed unless the commits' own say it."""
        texts = [(name, str, "") for name in ("ref", "before", "after")]
        # Another kind reads the commits: here it counts that there are some.
        rest = [("forced", bool, False), ("commits", msgspec.Raw, msgspec.Raw(b"[]"))]
        named = msgspec.defstruct("HeadCommit", [("id", str, "")])
        head: Any = ("head_commit", named | None, None)
        read, merge = reader(msgspec.defstruct("Push", [*texts, *rest, head])), kind.merge

        def handle(event: Event) -> Changes:
            home, changes = event.repository_id, Changes()
            if home is None:
                return changes
            push: Any = read(event.body).value
            target = split_ref(push.ref)
            if target is None or not push.before or not push.after:
                return changes  # git tells what moved
            before, after = _sha(push.before), _sha(push.after)
            if after and target[0] == _TAG and push.head_commit and push.head_commit.id:
                after = push.head_commit.id
            changes.moves.append(Move(merge, (home, *target), before, after))
            if push.forced or bytes(push.commits) in _NONE:
                action = "deleted" if after is None else "forced" if push.forced else "moved"
                changes.news.append(News(_line(event, *target, action)))
            return changes

        return handle


class Named:
    """A branch or tag was created or deleted; the payload has no commit, so git is asked.

    Payload: {"ref": "v1.0", "ref_type": "tag", …}; sent besides the push of the same ref.
    """

    def __init__(self, action: str) -> None:
        self.action = action

    def handler(self, kind: Derived) -> Handler:
        """Event → a line of the feed, and git is read."""
        read = reader(msgspec.defstruct("Named", [("ref", str, ""), ("ref_type", str, "")]))

        def handle(event: Event) -> Changes:
            if event.repository_id is None:
                return Changes()
            payload: Any = read(event.body).value
            changes = Changes(followups={FollowUp("sync_git", event.repository_id)})
            if payload.ref and payload.ref_type in _PLACES:
                line = _line(event, payload.ref_type, payload.ref, self.action)
                changes.news.append(News(line))
            return changes

        return handle


class Ref(OfRepository, key=("repository_id", "kind", "name")):
    """A branch (`refs/heads/…`) or tag (`refs/tags/…`) and the commit it points to."""

    class Kind(models.TextChoices):
        BRANCH = "branch"
        TAG = "tag"

    kind = gh.Word(None, max_length=8, choices=Kind.choices, about="branch or tag.")
    name = gh.Text(None, prose=False, about="Its name, without refs/heads/ or refs/tags/.")
    sha = gh.Sha(None, about="The commit that it points to.")

    github = Declared(
        read=Git(found),
        events={"push": Moved(), "create": Named("created"), "delete": Named("deleted")},
        needs={"contents": "read"},
        clock=Clock.ARRIVAL,
        api=List("-id", filters=("kind",), search=("name",), columns=("name", "kind", "sha")),
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                models.F("repository"),
                models.F("kind"),
                Digest(models.F("name")),
                name="ref_identity",
            ),
        ]

    def __str__(self) -> str:
        return self.name


def _sha(value: str) -> str | None:
    return None if not value.strip("0") else value


def _line(event: Event, kind: str, name: str, action: str) -> FeedLine:
    return FeedLine(
        kind=kind,
        action=action,
        repository_id=event.repository_id,
        installation_id=event.installation_id,
        object_key=name,
        title=name,
        actor=event.actor,
        html_url="",
    )
