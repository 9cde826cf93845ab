"""Webhooks: the payload of each event in GitHub's shape, signed, sent, and kept in the log."""

import hashlib
import hmac
import http.client
import logging
import queue
import random
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from githubsim.clock import iso
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

log = logging.getLogger(__name__)

# Sent to every App, subscribed or not.
UNCONDITIONAL = frozenset({"installation", "installation_repositories", "ping"})
TIMEOUT = 10.0
KEEP_LOG = 3 * 24 * 3600
MAX_PAYLOAD = 25 * 1024 * 1024
_LANES = 8
_KEPT_RESPONSE = 16_384


@dataclass(frozen=True, slots=True)
class Weather:
    """What happens to deliveries on their way: fractions from 0 to 1, decided by `seed`."""

    on: bool = True
    lost: float = 0.0
    duplicated: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class _Outgoing:
    guid: str
    event: str
    action: str | None
    installation_id: int | None
    repository_id: int | None
    body: bytes
    app: App
    redelivery: bool = False
    lost: bool = False


class Webhooks:
    """Listens to the store and delivers to the App's hook URL from background threads.

    Deliveries of one repository go out one after the other, in order; nothing is sent twice.
    """

    def __init__(self, store: Store, shapes: Shapes) -> None:
        self.store = store
        self.shapes = shapes
        self._weather = Weather()
        self._random = random.Random(0)
        self._lanes: list[queue.SimpleQueue[_Outgoing | None]] = [
            queue.SimpleQueue() for _ in range(_LANES)
        ]
        self._pending = 0
        self._idle = threading.Condition()
        self._threads = [
            threading.Thread(target=self._deliver_lane, args=(lane,), daemon=True)
            for lane in self._lanes
        ]
        self._pruned_at = 0.0

    @property
    def weather(self) -> Weather:
        """What happens to deliveries now."""
        return self._weather

    @weather.setter
    def weather(self, weather: Weather) -> None:
        with self.store.lock:
            self._weather = weather
            self._random = random.Random(weather.seed)

    def start(self) -> None:
        """Begin to listen and to send."""
        self.store.on_event(self.hear)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Send nothing more; what waits is dropped, as in a crash."""
        for lane in self._lanes:
            while True:
                try:
                    lane.get_nowait()
                except queue.Empty:
                    break
            lane.put(None)
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=1)

    def wait(self, timeout: float) -> bool:
        """Wait until all that happened is delivered (or failed); False after `timeout` seconds."""
        with self._idle:
            return self._idle.wait_for(lambda: self._pending == 0, timeout)

    @property
    def pending(self) -> int:
        """Deliveries not yet sent."""
        return self._pending

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
            self._put(
                _Outgoing(
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
            return self._inside(subject, extra)
        assert repository is not None
        if isinstance(subject, Push):
            return self._push(event, repository, subject)
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
        for side in ("before", "after"):
            if side in extra:
                found[side] = extra[side]
        for side in ("new", "old"):
            if f"{side}_issue" in extra:
                other = extra[f"{side}_repository"]
                found["changes"] = {
                    f"{side}_issue": shapes.issue(other, extra[f"{side}_issue"]),
                    f"{side}_repository": shapes.repository(other),
                }
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

    # Sending.

    def _queue(self, event: Event, installation_id: int | None, payload: Json, app: App) -> None:
        body = msgspec.json.encode(payload)
        if len(body) > MAX_PAYLOAD:
            return
        weather = self._weather
        lost = not weather.on or self._random.random() < weather.lost
        twice = self._random.random() < weather.duplicated
        outgoing = _Outgoing(
            str(uuid.uuid4()),
            event.name,
            event.action,
            installation_id,
            None if event.repository is None else event.repository.id,
            body,
            app,
            lost=lost,
        )
        self._put(outgoing)
        if twice and not lost:
            self._put(replace(outgoing, redelivery=True))

    def _put(self, outgoing: _Outgoing) -> None:
        with self._idle:
            self._pending += 1
        lane = (outgoing.repository_id or outgoing.installation_id or 0) % _LANES
        self._lanes[lane].put(outgoing)

    def _deliver_lane(self, lane: "queue.SimpleQueue[_Outgoing | None]") -> None:
        connection = _Connection()
        while (outgoing := lane.get()) is not None:
            try:
                self._deliver(outgoing, connection)
            except Exception:
                log.exception("delivery %s could not be recorded", outgoing.guid)
            finally:
                with self._idle:
                    self._pending -= 1
                    self._idle.notify_all()
        connection.close()

    def _deliver(self, outgoing: _Outgoing, connection: "_Connection") -> None:
        # The hook may have been changed since the event; GitHub sends to where it points now.
        app = self.store.app() or outgoing.app
        url = app.hook_url or ""
        body, headers = sign(outgoing.body, app)
        headers |= {
            "Accept": "*/*",
            "User-Agent": f"GitHub-Hookshot/{hashlib.sha1(url.encode()).hexdigest()[:7]}",
            "X-GitHub-Delivery": outgoing.guid,
            "X-GitHub-Event": outgoing.event,
            "X-GitHub-Hook-ID": str(app.hook_id),
            "X-GitHub-Hook-Installation-Target-ID": str(app.id),
            "X-GitHub-Hook-Installation-Target-Type": "integration",
        }
        delivered_at = self.store.clock.exact()
        started = time.perf_counter()
        if outgoing.lost or not url:
            answer = _Answer(0, "failed to connect to host", {}, "")
        else:
            answer = connection.post(url, body, headers, app.hook_insecure_ssl == "1")
        self.store.log_delivery(
            Delivery(
                id=self.store.allocate("delivery"),
                guid=outgoing.guid,
                event=outgoing.event,
                action=outgoing.action,
                installation_id=outgoing.installation_id,
                repository_id=outgoing.repository_id,
                redelivery=outgoing.redelivery,
                delivered_at=delivered_at,
                duration=round(time.perf_counter() - started, 3),
                status=answer.status,
                status_code=answer.code,
                url=url,
                request_headers=headers,
                request_payload=outgoing.body.decode(),
                response_headers=answer.headers,
                response_payload=answer.body,
            )
        )
        if delivered_at - self._pruned_at > 60:
            self._pruned_at = delivered_at
            self.store.prune_deliveries(delivered_at - KEEP_LOG)


def sign(body: bytes, app: App) -> tuple[bytes, dict[str, str]]:
    """The body as the hook's content type wants it, and its signature headers."""
    headers = {"Content-Type": "application/json"}
    if app.hook_content_type == "form":
        body = urlencode({"payload": body}).encode()
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
    if app.hook_secret:
        key = app.hook_secret.encode()
        headers["X-Hub-Signature"] = f"sha1={hmac.new(key, body, hashlib.sha1).hexdigest()}"
        digest = hmac.new(key, body, hashlib.sha256).hexdigest()
        headers["X-Hub-Signature-256"] = f"sha256={digest}"
    return body, headers


def _changes(changes: dict[str, Any], shapes: Shapes) -> Json:
    owner = changes.get("owner")
    if owner is None:
        return changes
    return {
        "owner": {
            "from": {kind: shapes.user(account or GHOST) for kind, account in owner["from"].items()}
        }
    }


@dataclass(frozen=True, slots=True)
class _Answer:
    code: int
    status: str
    headers: dict[str, str]
    body: str


class _Connection:
    """One kept-alive connection to the receiver, opened anew when the other side has closed it."""

    def __init__(self) -> None:
        self._open: http.client.HTTPConnection | None = None
        self._origin: tuple[str, str, bool] | None = None

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    def post(self, url: str, body: bytes, headers: dict[str, str], insecure: bool) -> _Answer:
        parts = urlsplit(url)
        target = parts.path or "/"
        if parts.query:
            target += f"?{parts.query}"
        origin = (parts.scheme, parts.netloc, insecure)
        kept = self._open is not None and self._origin == origin
        try:
            return self._once(origin, target, body, headers)
        except TimeoutError:
            self.close()
            return _Answer(504, "timed out", {}, "")
        except (OSError, http.client.HTTPException) as error:
            self.close()
            # A kept connection that the other side closed in the meantime has sent nothing.
            stale = isinstance(
                error, (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)
            )
            if not (kept and stale):
                return _Answer(0, "failed to connect to host", {}, "")
        try:
            return self._once(origin, target, body, headers)
        except TimeoutError:
            self.close()
            return _Answer(504, "timed out", {}, "")
        except (OSError, http.client.HTTPException):
            self.close()
            return _Answer(0, "failed to connect to host", {}, "")

    def _once(
        self, origin: tuple[str, str, bool], target: str, body: bytes, headers: dict[str, str]
    ) -> _Answer:
        if self._open is None or self._origin != origin:
            self.close()
            scheme, host, insecure = origin
            if scheme == "https":
                context = ssl.create_default_context()
                if insecure:
                    context.check_hostname = False
                    context.verify_mode = ssl.CERT_NONE
                self._open = http.client.HTTPSConnection(host, timeout=TIMEOUT, context=context)
            else:
                self._open = http.client.HTTPConnection(host, timeout=TIMEOUT)
            self._origin = origin
            self._open.connect()
            # Header and body are two writes: without this each waits for the other's ack.
            self._open.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = self._open
        connection.request("POST", target, body, headers)
        response = connection.getresponse()
        text = response.read(_KEPT_RESPONSE)
        if response.read(1) or response.will_close:
            self.close()
        ok = 200 <= response.status < 300
        status = "OK" if ok else f"Invalid HTTP Response: {response.status}"
        return _Answer(
            response.status, status, dict(response.getheaders()), text.decode(errors="replace")
        )
