"""The machine and the versions that a figure belongs to."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

_PACKAGES = ("django", "psycopg", "granian", "procrastinate", "httpx", "msgspec", "graphql-core")


def machine() -> dict[str, Any]:
    """As JSON; what cannot be found out is left out."""
    found: dict[str, Any] = {
        "cpus": os.cpu_count(),
        "cpu": _first(Path("/proc/cpuinfo"), "model name"),
        "memory_gb": round(int(_first(Path("/proc/meminfo"), "MemTotal").split()[0] or 0) / 1e6),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 1),
        "commit": _said("git", "rev-parse", "--short", "HEAD"),
        "git": _said("git", "--version").removeprefix("git version "),
        "postgresql": " ".join(_said("postgres", "--version").split()[2:3]),
        "packages": {},
    }
    for name in _PACKAGES:
        try:
            found["packages"][name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {name: value for name, value in found.items() if value not in ("", None)}


def _first(path: Path, name: str) -> str:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return "0"
    return next((one.partition(":")[2].strip() for one in lines if one.startswith(name)), "0")


def _said(program: str, *words: str) -> str:
    if shutil.which(program) is None:
        return ""
    try:
        return subprocess.run(
            [program, *words], capture_output=True, text=True, check=True, timeout=20
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
