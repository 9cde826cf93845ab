"""Where everything of one embedded server lies, and the checks before anything is made there.

DATA_DIR/             0700 when we made it; the mode of a folder that was there is left alone
  data/               the cluster (PGDATA), owned by the account the server runs as
  run/                the Unix socket, unless the path is too long for one
  cluster.json        says that a cluster was made here: without `data/`, refuse to make another
  pgpass              the generated password, 0600
  postgres.log        the server's own log, the previous one beside it as postgres.log.1
  state.json          the keeper's word that the server is ready
  lease.lock keeper.lock start.lock
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from autosync.folders import make_private
from autosync.postgres.errors import EmbeddedPostgresError, from_os_error

MAJOR = 18
ALREADY_KEPT = 3  # exit code of a keeper where there is one
PORT = 5432
USER = "autosync"
DATABASE = "autosync"
# sockaddr_un holds 108 bytes with the final NUL (104 on macOS and the BSDs).
_LONGEST_SOCKET = 103
_OURS = {
    "data", "run", "cluster.json", "pgpass", "postgres.log", "postgres.log.1",
    "state.json", "lease.lock", "keeper.lock", "start.lock", "lost+found",
}  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """The paths of the embedded server kept in `root` (absolute)."""

    root: Path

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def marker(self) -> Path:
        return self.root / "cluster.json"

    @property
    def pgpass(self) -> Path:
        return self.root / "pgpass"

    @property
    def log(self) -> Path:
        return self.root / "postgres.log"

    @property
    def state(self) -> Path:
        return self.root / "state.json"

    @property
    def lease_lock(self) -> Path:
        return self.root / "lease.lock"

    @property
    def keeper_lock(self) -> Path:
        return self.root / "keeper.lock"

    @property
    def start_lock(self) -> Path:
        return self.root / "start.lock"

    @property
    def run(self) -> Path:
        """The socket's folder: `run/`, or a short private one under /tmp when that is too long."""
        near = self.root / "run"
        if len(os.fsencode(near / f".s.PGSQL.{PORT}")) <= _LONGEST_SOCKET:
            return near
        name = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:16]
        return Path("/tmp") / f"autosync-{self.root.stat().st_uid}-{name}"

    @property
    def socket(self) -> Path:
        return self.run / f".s.PGSQL.{PORT}"

    def conninfo(self) -> str:
        """The connection string for libpq; the password stays in the 0600 file it names.

        The empty `password` and `hostaddr` keep PGPASSWORD and PGHOSTADDR, meant for some other
        server, from being used here.
        """
        parts = {
            "host": str(self.run),
            "hostaddr": "",
            "port": str(PORT),
            "user": USER,
            "password": "",
            "passfile": str(self.pgpass),
            "dbname": DATABASE,
        }
        return " ".join(f"{key}={_quoted(value)}" for key, value in parts.items())

    def has_been(self) -> bool:
        """Whether a cluster was ever begun here, however it is now."""
        try:
            return self.marker.exists() or self.data.exists()
        except OSError:
            return True  # not ours to see: what comes then has the sentence for it

    def prepare(self) -> None:
        """Make the folder if it is new; refuse one that holds something else. Changes no mode."""
        try:
            make_private(self.root.parent)
            make_private(self.root)
            names = set(os.listdir(self.root))  # noqa: PTH208 - names are wanted, not paths
        except OSError as error:
            raise from_os_error(error, self.root) from error
        foreign = sorted(name for name in names if not _ours(name))
        if foreign and "cluster.json" not in names:
            raise EmbeddedPostgresError(
                f"{self.root} already holds something that is not AutoSync's database "
                f"({', '.join(foreign[:5])}). Set AUTOSYNC_DATA_DIR to a new or empty folder, or "
                "move those files away."
            )
        self.check_cluster()

    def check_cluster(self) -> bool:
        """True if there is a cluster to start, False if one is to be made; raises otherwise."""
        try:
            made = self._made()
            if not self.data.exists():
                if made is None:
                    return False
                raise EmbeddedPostgresError(
                    f"The database of {self.root} is gone: {self.marker.name} says that one was "
                    f"made there, but {self.data} is missing. Bring {self.data} back from a "
                    f"backup; to begin with an empty database instead, delete {self.root}."
                )
            try:
                version = (self.data / "PG_VERSION").read_text().strip()
            except FileNotFoundError:
                raise EmbeddedPostgresError(
                    f"{self.data} is not a PostgreSQL data folder (it has no PG_VERSION). Bring "
                    "it back from a backup, or set AUTOSYNC_DATA_DIR to another folder."
                ) from None
        except OSError as error:
            raise from_os_error(error, self.root) from error
        if version != str(MAJOR):
            raise EmbeddedPostgresError(
                f"{self.data} was made by PostgreSQL {version}; this AutoSync brings PostgreSQL "
                f"{MAJOR}, which cannot read it. Start the AutoSync that made it, save the data "
                "with its pg_dump and load that into a new folder, or set AUTOSYNC_DATA_DIR to a "
                "new folder and let AutoSync import from GitHub again."
            )
        return True

    def write_marker(self) -> None:
        """Remember that a cluster was made here, so that its loss is noticed."""
        if self._made() is None:
            write_private(self.marker, json.dumps({"postgresql": MAJOR}) + "\n")

    def _made(self) -> int | None:
        try:
            return int(json.loads(self.marker.read_text())["postgresql"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            return 0  # unreadable, but it was there: a cluster was made


def _ours(name: str) -> bool:
    return name.removesuffix(".new") in _OURS or name.startswith("initializing.")


def private_folder(path: Path, uid: int, gid: int) -> None:
    """Make `path` with mode 0700 for `uid`, or verify that the one found is exactly that."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        pass
    else:
        if os.geteuid() == 0:
            os.chown(path, uid, gid)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != uid or found.st_mode & 0o077:
        raise EmbeddedPostgresError(
            f"{path} should be a folder of mode 0700 that belongs to user id {uid}, for the "
            f"database's socket, but it is mode {stat.S_IMODE(found.st_mode):04o} of user id "
            f"{found.st_uid}. Remove it, or set AUTOSYNC_DATA_DIR to a shorter path."
        )


def open_private(path: Path, flags: int = os.O_RDWR) -> int:
    """A descriptor of our file `path`, made 0600 for the owner of its folder if it is new."""
    fd = os.open(path, flags | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    if os.geteuid() == 0:
        # Root may work once in a folder of somebody who comes back without being root.
        folder = path.parent.stat()
        if os.fstat(fd).st_uid != folder.st_uid:
            os.fchown(fd, folder.st_uid, folder.st_gid)
    return fd


def write_private(path: Path, text: str) -> None:
    """Replace `path` by `text` in one step; readable by its owner only."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(open_private(fresh, os.O_WRONLY | os.O_TRUNC), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
