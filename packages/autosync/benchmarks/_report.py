"""docs/benchmarks.md, made from the JSON lines of the benchmarks.

`python -m benchmarks report` prints the page. The last line of a benchmark counts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from benchmarks._table import ROWS

_ABOUT = (
    "benchmark",
    "machine",
    "command",
    "verdicts",
    "seconds_of_the_benchmark",
    "share",
    "runs",
)
_INTRODUCTION = """\
# Benchmarks

Made by `python -m benchmarks report` from the lines that `make bench` prints; do not edit.

- A figure is the median of the runs, with the lowest and the highest; `AUTOSYNC_BENCH_RUNS` says
  how many (3). `AUTOSYNC_BENCH_SHARE=20` takes a twentieth of a world: what was measured on a share
  says little about the target.
- CPU is in seconds, by process: the worker, the web process, the database, others of AutoSync's
  (git, the supervisor), and githubsim, which shares the machine with what is measured against it.
- Ratios are made of figures of one run, in which the readers take turns.
"""


def read(lines: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The last line of each benchmark."""
    found: dict[str, dict[str, Any]] = {}
    for line in lines:
        if line.startswith("{"):
            one = json.loads(line)
            found.pop(one["benchmark"], None)
            found[one["benchmark"]] = one
    return found


def page(results: Mapping[str, Mapping[str, Any]], known: Sequence[str]) -> str:
    """The page, with each row of the table and each benchmark that there is."""
    parts = [_INTRODUCTION, _machines(results), "## The table\n", _table(results)]
    losses = _losses(results)
    parts += ["## Losses\n", *(losses or ["None among what was measured.\n"])]
    parts.append("## The figures\n")
    for name in sorted({*known, *results}):
        parts += [f"### {name}\n", _section(results.get(name))]
    return "\n".join(parts)


def _machines(results: Mapping[str, Mapping[str, Any]]) -> str:
    lines = ["## Where\n"]
    by_machine: dict[str, list[str]] = {}
    for name, one in results.items():
        about = {
            key: value for key, value in one.get("machine", {}).items() if key != "load_before"
        }
        by_machine.setdefault(json.dumps(about), []).append(name)
    for text, names in by_machine.items():
        about = json.loads(text)
        packages = about.pop("packages", {})
        said = ", ".join(f"{key} {value}" for key, value in {**about, **packages}.items())
        lines.append(f"- {', '.join(f'`{one}`' for one in sorted(names))}: {said}")
    return "\n".join(lines) + "\n"


def _table(results: Mapping[str, Mapping[str, Any]]) -> str:
    lines = ["| what | against | to reach | measured |", "|---|---|---|---|"]
    for row in ROWS:
        measured = "; ".join(_measured(name, results.get(name)) for name in row.benchmarks)
        lines.append(f"| {row.what} | {row.against} | {row.target} | {measured} |")
    return "\n".join(lines) + "\n"


def _measured(name: str, result: Mapping[str, Any] | None) -> str:
    link = f"[{name}](#{name})"
    if result is None:
        return f"{link}: not measured"
    if "error" in result:
        return f"{link}: failed"
    share = result.get("share", 1)
    where = "" if share == 1 else f" (1/{share} of the world)"
    said = ", ".join(
        f"{one['target']}: **{_number(one['figure'])}**{' ✗' if one['reached'] is False else ''}"
        for one in result.get("verdicts", ())
    )
    return f"{link}{where}{': ' + said if said else ''}"


def _losses(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = []
    for name, one in sorted(results.items()):
        if "error" in one:
            lines.append(f"- `{name}` failed: {one['error']}")
        for verdict in one.get("verdicts", ()):
            if verdict["reached"] is False:
                figure = _number(verdict["figure"])
                lines.append(f"- `{name}`: {verdict['target']} was asked for, {figure} measured")
    shares = [name for name, one in sorted(results.items()) if one.get("share", 1) != 1]
    if shares:
        names = ", ".join(f"`{one}`" for one in shares)
        lines.append(f"- Measured on a share of their world alone, and judged by nothing: {names}")
    missing = [name for row in ROWS for name in row.benchmarks if name not in results]
    if missing:
        lines.append(f"- Not measured: {', '.join(f'`{one}`' for one in missing)}")
    return ["\n".join(lines) + "\n"] if lines else []


def _section(result: Mapping[str, Any] | None) -> str:
    if result is None:
        return "Not measured for this page.\n"
    lines = []
    if "command" in result:
        load = result.get("machine", {}).get("load_before")
        took = f"; it took {_number(result['seconds_of_the_benchmark'])} s"
        busy = "" if load is None else f", at a load of {load} before"
        lines.append(f"`{result['command']}`{took}{busy}\n")
    if "error" in result:
        return "\n".join([*lines, f"Failed: {result['error']}\n"])
    lines += ["| figure | value |", "|---|---|"]
    for name, value in _flat(result):
        lines.append(f"| {name} | {value} |")
    return "\n".join(lines) + "\n"


def _flat(value: Mapping[str, Any], before: str = "") -> Iterable[tuple[str, str]]:
    for name, inside in value.items():
        if not before and name in _ABOUT and name not in ("share", "runs"):
            continue
        full = f"{before}{name}"
        if isinstance(inside, Mapping) and inside.keys() == {"median", "lowest", "highest"}:
            median, lowest, highest = (_number(inside[one]) for one in inside)
            same = lowest == highest
            yield full, median if same else f"{median} ({lowest} to {highest})"
        elif isinstance(inside, Mapping):
            yield from _flat(inside, f"{full} › ")
        elif isinstance(inside, (list, tuple)):
            yield full, ", ".join(map(str, inside))
        else:
            yield full, _number(inside)


def _number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value).replace("|", "\\|")
    return f"{value:,.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else f"{value:,}"
