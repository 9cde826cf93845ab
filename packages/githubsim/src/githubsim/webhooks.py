"""Webhooks: the payload of each event in GitHub's shape. `deliveries` signs and sends them."""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from githubsim import jsontext, nonces
from githubsim.clock import iso
from githubsim.deliveries import Deliveries, HookWeather
from githubsim.lanes import Outgoing
from githubsim.shapes import GHOST, Json, Shapes
from githubsim.store import (
    App,
    Collaborator,
    Comment,
    CommitComment,
    CommitLine,
    Delivery,
    Event,
    Installation,
    Issue,
    Label,
    Member,
    Milestone,
    Pull,
    Push,
    Release,
    Repository,
    Review,
    ReviewComment,
    Star,
    Store,
    Team,
    TeamMember,
)

# Sent to every App, subscribed or not.
UNCONDITIONAL = frozenset({"installation", "installation_repositories", "ping"})
# Events about two issues.
_LINKS = frozenset({"issue_dependencies", "sub_issues"})
MAX_PAYLOAD = 25 * 1024 * 1024


class Webhooks(Deliveries):
    """Listens to the store, and hands what it hears to the deliveries."""

    def __init__(self, store: Store, shapes: Shapes, weather: HookWeather | None = None) -> None:
        super().__init__(store, weather)
        self.shapes = shapes

    def start(self) -> None:
        """Begin to listen and to send."""
        self.store.on_event(self.hear)
        super().start()

    def hear(self, event: Event) -> None:
        """Turn an event into deliveries; runs under the store's lock, with rows as they are now."""
        app = self.store.app()
        if app is None or app.hook_url is None:
            return
        if event.name not in UNCONDITIONAL and event.name not in app.events:
            return
        for installation_id in event.installation_ids:
            payload = self.payload(event, installation_id, app)
            self._queue(event, installation_id, payload, app)

    def ping(self) -> None:
        """Send the `ping` which a hook gets when it is made."""
        app = self.store.app()
        if app is None or app.hook_url is None:
            return
        config = self.shapes.hook_config(app)
        hook = {
            "type": "App",
            "id": app.hook_id,
            "name": "web",
            "active": True,
            "events": list(app.events),
            "config": config,
            "updated_at": iso(app.updated_at),
            "created_at": iso(app.created_at),
            "app_id": app.id,
            "deliveries_url": f"{self.shapes.api}/app/hook/deliveries",
        }
        payload = {"zen": "Approachable is better than simple.", "hook_id": app.hook_id}
        event = Event("ping", None, self.store.clock.now(), None, None, ())
        self._queue(event, None, payload | {"hook": hook}, app)

    def redeliver(self, delivery: Delivery) -> None:
        """Send a logged delivery again, with its GUID."""
        app = self.store.app()
        if app is not None:
            self.send(
                Outgoing(
                    delivery.guid,
                    delivery.event,
                    delivery.action,
                    delivery.installation_id,
                    delivery.repository_id,
                    delivery.request_payload.encode(),
                    app,
                    redelivery=True,
                )
            )

    # Payloads.

    def payload(self, event: Event, installation_id: int, app: App) -> Json:
        """The JSON of an event as this installation gets it."""
        shapes, repository = self.shapes, event.repository
        payload: Json = {} if event.action is None else {"action": event.action}
        payload |= self._subject(event, app)
        if repository is not None:
            if event.name == "push":
                payload["repository"] = self._push_repository(repository)
            else:
                payload["repository"] = shapes.repository(repository)
            owner = self.store.account(repository.owner_id)
            if owner is not None and owner.type == "Organization":
                payload["organization"] = shapes.organization(owner)
        organization = event.extra.get("organization")
        if organization is not None:
            payload["organization"] = shapes.organization(organization)
        payload["sender"] = shapes.user_by_id(event.sender_id)
        if "installation" not in payload:
            stub = self.store.installation(installation_id)
            if stub is not None:
                payload["installation"] = {"id": stub.id, "node_id": stub.node_id}
        return payload

    def _subject(self, event: Event, app: App) -> Json:
        shapes, repository, subject, extra = (
            self.shapes,
            event.repository,
            event.subject,
            event.extra,
        )
        if isinstance(subject, Installation):
            return self._installation(event, subject, extra["repositories"], app)
        if isinstance(subject, (Member, Team, TeamMember)):
            changes = {"changes": extra["changes"]} if "changes" in extra else {}
            return self._inside(subject, extra) | changes
        assert repository is not None
        if isinstance(subject, Push):
            return self._push(event, repository, subject)
        if event.name in _LINKS:
            return self._ends(extra)
        found: Json = {}
        if "changes" in extra:
            found["changes"] = _changes(extra["changes"], shapes)
        if isinstance(subject, Issue):
            found["issue"] = shapes.issue(repository, subject)
        elif isinstance(subject, Pull):
            found["number"] = subject.number
            found["pull_request"] = shapes.pull(repository, subject)
        elif isinstance(subject, Comment):
            issue: Issue = extra["issue"]
            pull = None if issue.pull_id is None else self.store.pull_of(issue)
            found["issue"] = shapes.issue(repository, issue, pull=pull)
            found["comment"] = shapes.comment(repository, subject, issue)
        elif isinstance(subject, Review):
            found["review"] = shapes.webhook_review(repository, subject, extra["pull"])
            found["pull_request"] = shapes.pull_simple(repository, extra["pull"])
        elif isinstance(subject, ReviewComment):
            found |= self._on_diff(repository, subject, extra)
        elif isinstance(subject, Repository) and event.name == "fork":
            # As GitHub's schema of the event has it: its language was not counted yet.
            newer = ("has_discussions", "has_pull_requests", "pull_request_creation_policy")
            forkee = shapes.repository(subject) | {"language": None}
            found["forkee"] = {key: forkee[key] for key in forkee if key not in newer}
        elif isinstance(subject, Release):
            found["release"] = shapes.release(repository, subject)
        elif isinstance(subject, CommitComment):
            found["comment"] = shapes.commit_comment(repository, subject)
        elif isinstance(subject, Collaborator):
            found["member"] = shapes.user_by_id(subject.account_id)
        elif isinstance(subject, Star) and event.name == "star":
            found["starred_at"] = iso(subject.starred_at) if event.action == "created" else None
        elif isinstance(subject, Label):
            found["label"] = shapes.label(repository, subject)
        elif isinstance(subject, Milestone):
            found["milestone"] = shapes.milestone(repository, subject)
        if "label" in extra:
            found["label"] = shapes.label(repository, extra["label"])
        if "request" in extra:
            found |= shapes.request(extra["request"])
        if "assignee" in extra:
            found["assignee"] = shapes.user(extra["assignee"] or GHOST)
        if "milestone" in extra:
            found["milestone"] = shapes.milestone(repository, extra["milestone"])
        for word in ("before", "after", "reason"):
            if word in extra:
                found[word] = extra[word]
        for side in ("new", "old"):
            if f"{side}_issue" in extra:
                other = extra[f"{side}_repository"]
                found["changes"] = {
                    f"{side}_issue": shapes.issue(other, extra[f"{side}_issue"]),
                    f"{side}_repository": shapes.repository(other),
                }
        return found

    def _ends(self, extra: Mapping[str, Any]) -> Json:
        """Two issues that belong together, and the repository of the one that lives elsewhere."""
        found: Json = {}
        for name, one in extra.items():
            if isinstance(one, Issue):
                home = self.store.repository(one.repository_id)
                assert home is not None
                found |= {f"{name}_id": one.id, name: self.shapes.issue(home, one)}
            else:
                found[name] = self.shapes.repository(one)
        return found

    def _inside(self, subject: Member | Team | TeamMember, extra: Mapping[str, Any]) -> Json:
        """What happened within an organisation, outside its repositories."""
        if isinstance(subject, Team):
            return {"team": self.shapes.team(subject)}
        if isinstance(subject, TeamMember):
            return {
                "scope": "team",
                "member": self.shapes.user_by_id(subject.account_id),
                "team": self.shapes.team(extra["team"]),
            }
        membership = self.shapes.membership(subject)
        del membership["organization"]
        return {"membership": membership}

    def _on_diff(
        self, repository: Repository, comment: ReviewComment, extra: Mapping[str, Any]
    ) -> Json:
        pull: Pull = extra["pull"]
        found: Json = {"pull_request": self.shapes.pull_simple(repository, pull)}
        thread: Sequence[ReviewComment] | None = extra.get("thread")
        if thread is None:
            found["comment"] = self.shapes.review_comment(repository, comment, pull)
        else:
            found["thread"] = {
                "node_id": comment.thread_node_id,
                "comments": [self.shapes.review_comment(repository, one, pull) for one in thread],
            }
        return found

    def _installation(
        self,
        event: Event,
        installation: Installation,
        repositories: Sequence[Repository],
        app: App,
    ) -> Json:
        found: Json = {"installation": self.shapes.installation(installation, app)}
        stubs = [self.shapes.repository_stub(one) for one in repositories]
        if event.name == "installation":
            return found | {"repositories": stubs, "requester": None}
        return found | {
            "repository_selection": installation.repository_selection,
            "repositories_added": stubs if event.action == "added" else [],
            "repositories_removed": stubs if event.action == "removed" else [],
            "requester": None,
        }

    def _push(self, event: Event, repository: Repository, push: Push) -> Json:
        sender = self.store.account(event.sender_id) or GHOST
        if event.name in ("create", "delete"):
            found = {
                "ref": event.extra["ref"],
                "ref_type": event.extra["ref_type"],
                "pusher_type": "user",
            }
            if event.name == "create":
                found["master_branch"] = repository.default_branch
                found["description"] = repository.description
            return found
        page = self.shapes.repo_page(repository)
        compare = f"{page}/compare/{push.before[:12]}...{push.after[:12]}"
        if push.created and push.head is not None:
            compare = f"{page}/compare/{quote(push.ref.split('/', 2)[-1])}"
        return {
            "ref": push.ref,
            "before": push.before,
            "after": push.after,
            "pusher": {"name": sender.login, "email": sender.email},
            "created": push.created,
            "deleted": push.deleted,
            "forced": push.forced,
            "base_ref": push.base_ref,
            "compare": compare,
            "commits": [self._line(page, line) for line in push.commits],
            "head_commit": None if push.head is None else self._line(page, push.head),
        }

    def _line(self, page: str, line: CommitLine) -> Json:
        def person(name: str, email: str) -> Json:
            account = self.store.account_by_email(email)
            found = {"name": name, "email": email, "date": line.timestamp}
            return found | ({} if account is None else {"username": account.login})

        return {
            "id": line.sha,
            "tree_id": line.tree,
            "distinct": line.distinct,
            "message": line.message,
            "timestamp": line.timestamp,
            "url": f"{page}/commit/{line.sha}",
            "author": person(line.author_name, line.author_email),
            "committer": person(line.committer_name, line.committer_email),
            "added": list(line.added),
            "removed": list(line.removed),
            "modified": list(line.modified),
        }

    def _push_repository(self, repository: Repository) -> Json:
        # GitHub's push payload has numbers for two of the times and the page as the url.
        shape = self.shapes.repository(repository)
        owner = self.store.account(repository.owner_id) or GHOST
        shape |= {
            "url": shape["html_url"],
            "created_at": repository.created_at,
            "pushed_at": repository.pushed_at,
            "stargazers": repository.stargazers,
            "master_branch": repository.default_branch,
            "owner": {"name": owner.login, "email": owner.email} | shape["owner"],
        }
        if owner.type == "Organization":
            shape["organization"] = owner.login
        return shape

    def _queue(self, event: Event, installation_id: int | None, payload: Json, app: App) -> None:
        body = jsontext.encode(payload)
        if len(body) > MAX_PAYLOAD:
            return
        self.accept(
            Outgoing(
                nonces.guid(self.store.key, self.store.allocate("guid")),
                event.name,
                event.action,
                installation_id,
                None if event.repository is None else event.repository.id,
                body,
                app,
            )
        )


def _changes(changes: dict[str, Any], shapes: Shapes) -> Json:
    owner = changes.get("owner")
    if owner is None:
        return changes
    ((kind, account),) = owner["from"].items()
    shape = shapes.organization if kind == "organization" else shapes.user
    return {"owner": {"from": {kind: shape(account or GHOST)}}}
