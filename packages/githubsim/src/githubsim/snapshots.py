"""Worlds kept and brought back: git by hard links, the database by SQLite's own copying.

Git never writes into a file that is there already: objects and packs do not change, refs and
settings are replaced by renaming. So a second name for each file is a copy that costs nothing until
the world changes. The database is written in place: it is copied.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from githubsim import __version__, nonces

_MANIFEST = "snapshot.json"
_DATABASE = "world.db"
_GIT = "git"
_SMALL = ("app.json", "app.pem")


class SnapshotError(RuntimeError):
    """There is nothing to keep, or something in the way; the message says which."""


def snapshot(data: Path, target: Path) -> float:
    """Keep the world of `data`, served or not, as the new folder `target`; the seconds it took.

    What is pushed meanwhile may be in git and not yet in the database.
    """
    started = time.monotonic()
    if not (data / _DATABASE).is_file():
        raise SnapshotError(f"{data} holds no world: githubsim serve --data {data} makes one")
    _absent(target)
    fresh = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        fresh.mkdir(parents=True)
        # The database first: then git has every commit that the rows speak of.
        _copy_database(data / _DATABASE, fresh / _DATABASE)
        _link(data / _GIT, fresh / _GIT)
        _copy_small(data, fresh)
        about = {"githubsim": __version__, "made_at": int(time.time())}
        (fresh / _MANIFEST).write_text(json.dumps(about) + "\n")
        fresh.rename(target)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return time.monotonic() - started


def restore(source: Path, data: Path, seed: int = 0) -> float:
    """Bring the world of a snapshot back as `data`, which must not be there; the seconds.

    Copies of one `seed` send the same GUIDs as each other, and none that the world itself sends.
    """
    started = time.monotonic()
    if not (source / _MANIFEST).is_file():
        raise SnapshotError(f"{source} is no snapshot: githubsim snapshot makes one")
    _absent(data)
    fresh = data.with_name(f".{data.name}.{os.getpid()}")
    try:
        fresh.mkdir(parents=True)
        shutil.copyfile(source / _DATABASE, fresh / _DATABASE)
        _branch(fresh / _DATABASE, seed)
        _link(source / _GIT, fresh / _GIT)
        _copy_small(source, fresh)
        _name_key(fresh / "app.json", data / "app.pem")
        if data.is_dir():
            data.rmdir()
        fresh.rename(data)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return time.monotonic() - started


def _absent(path: Path) -> None:
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise SnapshotError(f"{path} is there already: name another, or remove it first")


def _copy_database(source: Path, target: Path) -> None:
    reading, writing = sqlite3.connect(source), sqlite3.connect(target)
    try:
        # Consistent beside a server that writes: all pages are of one moment.
        reading.backup(writing)
    finally:
        writing.close()
        reading.close()


def _branch(database: Path, seed: int) -> None:
    with closing(sqlite3.connect(database)) as opened, opened:
        for (key,) in opened.execute("SELECT value FROM settings WHERE name = 'key'").fetchall():
            new = nonces.branched(bytes.fromhex(key), seed).hex()
            opened.execute("UPDATE settings SET value = ? WHERE name = 'key'", (new,))


def _link(source: Path, target: Path) -> None:
    shutil.copytree(source, target, copy_function=_link_one, ignore=_unfinished)


def _link_one(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:
        # Git renamed or packed it in this moment; what replaced it is listed too.
        pass
    except OSError:
        # Another disk, or one that knows no links.
        shutil.copyfile(source, target)


def _unfinished(folder: str, names: list[str]) -> list[str]:
    """What a git that runs now will rename or remove; and the settings, which are written anew."""
    return [
        one
        for one in names
        if one.endswith(".lock") or one.startswith("tmp_") or one == "gitconfig"
    ]


def _copy_small(source: Path, target: Path) -> None:
    for name in _SMALL:
        if (source / name).is_file():
            shutil.copy2(source / name, target / name)


def _name_key(about: Path, key: Path) -> None:
    """`app.json` says where the private key lies."""
    if about.is_file():
        said = json.loads(about.read_text()) | {"pem": str(key.resolve())}
        about.write_text(json.dumps(said, indent=2) + "\n")
