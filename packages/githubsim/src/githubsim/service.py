"""One running world: opened or built, served over HTTP, with its webhooks and its people."""

import asyncio
import contextlib
import json
import logging
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from granian.constants import Interfaces
from granian.server.embed import Server
from starlette.types import ASGIApp

from githubsim import nonces, people, world
from githubsim.app import ensure_app
from githubsim.auth import Auth
from githubsim.clock import Clock
from githubsim.deliveries import HookWeather
from githubsim.gitrepos import GitRepos
from githubsim.limits import Limits
from githubsim.rest.call import World
from githubsim.secondary import Secondary
from githubsim.server import build, use_threads
from githubsim.shapes import Shapes
from githubsim.store import App, Store
from githubsim.weather import Conditions
from githubsim.webhooks import Webhooks

log = logging.getLogger(__name__)

_BUILT = "built"
_RECEIVER_WAIT = 600.0


@dataclass(frozen=True, slots=True)
class Options:
    """What `githubsim serve` was asked for. `port` 0 takes a free one."""

    data: Path
    host: str = "127.0.0.1"
    port: int = 8010
    public_url: str | None = None
    seed: int = 1
    repositories: int = 20
    commits: int = 3000
    issues: int = 1500
    pulls: int = 500
    import_git: Sequence[Path] = field(default=())
    webhook_url: str | None = None
    webhook_secret: str | None = None
    app_id: int | None = None
    install: bool = True
    people: float = 0.0
    limits: bool = True
    clock_speed: float = 1.0
    clock: int | None = None
    stepped: bool = False
    secondary: Secondary = field(default_factory=Secondary)
    conditions: Conditions = field(default_factory=Conditions)
    hook_weather: HookWeather = field(default_factory=HookWeather)
    outage: float = 0.0
    suspended: bool = False


def serve(options: Options) -> None:
    """Serve until SIGTERM or SIGINT. The first line on stdout, JSON, says that it listens."""
    started = time.monotonic()
    data = options.data
    data.mkdir(parents=True, exist_ok=True)
    store, git, app = open_world(options)
    port = options.port or _free_port(options.host)
    public = (options.public_url or f"http://{options.host}:{port}").rstrip("/")
    shapes = Shapes(store, api=public, web=public)
    webhooks = Webhooks(store, shapes, options.hook_weather)
    limits = Limits(store, enabled=options.limits, secondary=options.secondary)
    conditions = options.conditions
    if options.outage:
        conditions = replace(conditions, outage_until=store.clock.pace() + options.outage)
    asgi = build(World(store, git, Auth(store), limits, webhooks), shapes, conditions)
    crowd = Crowd(store, git)
    asgi.app.state.people = crowd.work
    webhooks.start()
    ready = {
        "event": "ready",
        "url": public,
        "graphql_url": f"{public}/graphql",
        "address": f"http://{options.host}:{port}",
        "app_id": app.id,
        "app_file": str((data / "app.json").resolve()),
        "repositories": len(store.repositories()),
        "seconds": round(time.monotonic() - started, 2),
    }
    stop = threading.Event()

    def begin() -> None:
        # Flushed at once: a launcher waits for this line.
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        if options.install:
            target = (store, options.webhook_url, options.suspended, stop)
            threading.Thread(target=_install_when_reachable, args=target, daemon=True).start()
        if options.people > 0:
            crowd.work(options.people, options.seed)

    try:
        asyncio.run(_listen(asgi, options.host, port, begin))
    finally:
        stop.set()
        crowd.work(0, 0)
        webhooks.stop()
        store.keep_clock()
        store.close()


def open_world(options: Options) -> tuple[Store, GitRepos, App]:
    """The world in the data folder, built first if there is none (or only half of one)."""
    data = options.data
    if (data / "world.db").exists():
        store = Store(data / "world.db", _clock(options))
        built = store.setting(_BUILT)
        if built is not None:
            if store.setting("key") is None:
                # A world of an earlier version.
                store.key = nonces.key_of(json.loads(built)["seed"])
            _go_on(store, options)
            return store, _git(options), _app(store, options)
        store.close()
        for leftover in data.glob("world.db*"):
            leftover.unlink()
    shutil.rmtree(data / "git", ignore_errors=True)
    store = Store(data / "world.db", _clock(options))
    store.key = nonces.key_of(options.seed)
    git = _git(options)
    app = _app(store, options)
    world.build(
        store,
        git,
        seed=options.seed,
        repositories=options.repositories,
        commits=options.commits,
        issues=options.issues,
        pulls=options.pulls,
        import_git=list(options.import_git),
        until=world.UNTIL if options.clock is None else min(world.UNTIL, options.clock),
    )
    store.set_setting(_BUILT, json.dumps({"seed": options.seed}))
    return store, git, app


class Crowd:
    """The simulated people: at work at some pace, or at home."""

    def __init__(self, store: Store, git: GitRepos) -> None:
        self._store = store
        self._git = git
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def work(self, per_minute: float, seed: int) -> None:
        """Work at this pace from now on; 0 stops, and waits for what is under way."""
        with self._lock:
            self._stop.set()
            if self._thread is not None:
                self._thread.join(timeout=10)
                self._thread = None
            if per_minute > 0:
                self._stop = threading.Event()
                self._thread = threading.Thread(
                    target=self._run, args=(per_minute, seed, self._stop), daemon=True
                )
                self._thread.start()

    def _run(self, per_minute: float, seed: int, stop: threading.Event) -> None:
        try:
            people.run(self._store, self._git, per_minute=per_minute, stop=stop, seed=seed)
        except Exception:
            log.exception("the simulated people have stopped")


def _clock(options: Options) -> Clock:
    return Clock(options.clock_speed, options.clock, stepped=options.stepped)


def _go_on(store: Store, options: Options) -> None:
    """A clock that was set goes on where the world was left: its time never goes back."""
    if options.clock is not None:
        store.clock.advance(max(0.0, store.kept_clock() - store.clock.exact()))


def _git(options: Options) -> GitRepos:
    # With one thread git makes the same pack each time.
    return GitRepos(options.data / "git", pack_threads=1 if options.stepped else None)


def _app(store: Store, options: Options) -> App:
    return ensure_app(
        store,
        options.data,
        app_id=options.app_id,
        webhook_url=options.webhook_url,
        webhook_secret=options.webhook_secret,
    )


async def _listen(asgi: ASGIApp, host: str, port: int, begin: Callable[[], None]) -> None:
    """Run the HTTP server in this process until a signal comes."""
    use_threads()
    server = Server(
        asgi,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        backlog=1024,
        log_enabled=False,
        websockets=False,
    )
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, told.set)
    serving = asyncio.create_task(server.serve())
    waiting = asyncio.create_task(told.wait())
    probe = asyncio.create_task(_until_listening(host, port, begin))
    await asyncio.wait([serving, waiting], return_when=asyncio.FIRST_COMPLETED)
    probe.cancel()
    if not serving.done():
        server.stop()  # type: ignore[no-untyped-call]
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(serving, timeout=5)


async def _until_listening(host: str, port: int, begin: Callable[[], None]) -> None:
    while not await asyncio.to_thread(_reachable, f"http://{host}:{port}"):
        await asyncio.sleep(0.02)
    begin()


def _install_when_reachable(
    store: Store, url: str | None, suspended: bool, stop: threading.Event
) -> None:
    """Install the App on the organisation that owns most, once someone listens at the hook's URL.

    As when a person clicks Install after the App is up (and then, perhaps, suspends it); a restart
    finds it installed.
    """
    if store.installations():
        return
    deadline = time.monotonic() + _RECEIVER_WAIT
    while url is not None and not stop.is_set() and time.monotonic() < deadline:
        if _reachable(url):
            break
        stop.wait(0.2)
    owners = [one.owner_id for one in store.repositories()]
    if not owners or stop.is_set():
        return
    account_id = max(sorted(set(owners)), key=owners.count)
    with contextlib.suppress(ValueError):
        installation = store.install(account_id)
        if suspended:
            store.suspend(installation.id)


def _reachable(url: str) -> bool:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        with socket.create_connection((parts.hostname or "", port), timeout=1):
            return True
    except OSError:
        return False


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
