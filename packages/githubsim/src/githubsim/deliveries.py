"""Deliveries on their way: in order per repository, unless the weather loses or holds some."""

import hashlib
import logging
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import msgspec

from githubsim.dice import Dice
from githubsim.hookpost import Answer, Connection, sign
from githubsim.lanes import Lane, Outgoing, Queued
from githubsim.store import Delivery, Store
from githubsim.weather import check_fractions

log = logging.getLogger(__name__)

KEEP_LOG = 3 * 24 * 3600
_LANES = 8
# A reordered delivery is overtaken by so many later ones of its repository at the most.
_OVERTAKEN = 4
# Receivers have ten seconds for each delivery.
_SETTLED_WITHIN = 120.0


@dataclass(frozen=True, slots=True)
class HookWeather:
    """What happens to deliveries: fractions from 0 to 1, seconds of `Clock.pace`, all by `seed`.

    All arrive `delay` ± `jitter` late, in their order. A `reordered` one is held until one to four
    later ones of its repository went out, but no longer than `reorder_by` seconds.
    """

    on: bool = True
    lost: float = 0.0
    duplicated: float = 0.0
    delay: float = 0.0
    jitter: float = 0.0
    reordered: float = 0.0
    reorder_by: float = 5.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_fractions(self, ("lost", "duplicated", "reordered"))


class Deliveries:
    """Delivers to the App's hook URL from background threads.

    Deliveries of one repository go out one after the other; nothing is sent twice.
    """

    def __init__(self, store: Store, weather: HookWeather | None = None) -> None:
        self.store = store
        self._weather = weather or HookWeather()
        self._dice = Dice(self._weather.seed)
        # Where everything is to repeat, one lane: the order between repositories does too.
        lanes = 1 if store.clock.stepped else _LANES
        self._lanes = [Lane(store.clock) for _ in range(lanes)]
        self._pending = 0
        self._idle = threading.Condition()
        self._threads = [
            threading.Thread(target=self._deliver_lane, args=(lane,), daemon=True)
            for lane in self._lanes
        ]
        self._pruned_at = 0.0

    @property
    def weather(self) -> HookWeather:
        """What happens to deliveries now."""
        return self._weather

    def change(self, fields: Mapping[str, Any]) -> HookWeather:
        """Set some of the weather, and begin the storm anew. ValueError names a wrong field."""
        unknown = fields.keys() - asdict(self._weather).keys()
        if unknown:
            raise ValueError(f"no such weather: {', '.join(sorted(unknown))}")
        with self.store.lock:
            self._weather = msgspec.convert({**asdict(self._weather), **fields}, HookWeather)
            self._dice = Dice(self._weather.seed)
        return self._weather

    def start(self) -> None:
        """Begin to send."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Send nothing more; what waits is dropped, as in a crash."""
        for lane in self._lanes:
            lane.close()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(timeout=1)

    def wait(self, timeout: float) -> bool:
        """Wait until all that happened is delivered (or failed); False after `timeout` seconds.

        False at once where the rest waits for a step of the clock.
        """
        if self.store.clock.stepped:
            self._settle(timeout)
            return self._pending == 0
        with self._idle:
            return self._idle.wait_for(lambda: self._pending == 0, timeout)

    def advance(self, seconds: float) -> None:
        """Let the clock jump. A stepped one does it between deliveries, not while some are made."""
        clock = self.store.clock
        if clock.stepped:
            self._settle(_SETTLED_WITHIN)
        clock.advance(seconds)
        for lane in self._lanes:
            lane.wake()

    def _settle(self, timeout: float) -> None:
        for lane in self._lanes:
            lane.settle(timeout)

    @property
    def pending(self) -> int:
        """Deliveries not yet sent."""
        return self._pending

    def accept(self, outgoing: Outgoing) -> None:
        """Send it as the weather wants; called in the order of the events."""
        weather = self._weather
        # By the event, so that other repositories' events in between change nothing.
        throw = self._dice.throw(
            outgoing.event, outgoing.action, outgoing.repository_id, outgoing.installation_id
        )
        if not weather.on or throw.happens("lost", weather.lost):
            self._put(Queued(replace(outgoing, lost=True), 0.0))
            return
        copies = [outgoing]
        if throw.happens("duplicated", weather.duplicated):
            copies.append(replace(outgoing, redelivery=True))
        for number, copy in enumerate(copies):
            due = throw.around(f"delay {number}", weather.delay, weather.jitter)
            queued = Queued(copy, self.store.clock.pace() + due if due else 0.0)
            if throw.happens(f"reordered {number}", weather.reordered):
                queued.overtaken_by = 1 + int(throw.draw(f"overtaken {number}") * _OVERTAKEN)
                queued.until = weather.reorder_by
            self._put(queued)

    def send(self, outgoing: Outgoing) -> None:
        """Send it whatever the weather, as when somebody asks for it again."""
        self._put(Queued(outgoing, 0.0))

    def _put(self, queued: Queued) -> None:
        with self._idle:
            self._pending += 1
        outgoing = queued.outgoing
        lane = (outgoing.repository_id or outgoing.installation_id or 0) % len(self._lanes)
        self._lanes[lane].put(queued)

    def _deliver_lane(self, lane: Lane) -> None:
        connection = Connection()
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

    def _deliver(self, outgoing: Outgoing, connection: Connection) -> None:
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
        clock = self.store.clock
        delivered_at, started = clock.exact(), clock.pace()
        if outgoing.lost or not url:
            answer = Answer(0, "failed to connect to host", {}, "")
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
                duration=round(clock.pace() - started, 3),
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
