"""Other people's connectors, run as their users run them: every record of the chosen streams.

`python -m tests.clients.connectors NAME`, from this package's folder, reads {"access": …,
"repositories": […], "streams": […]} from stdin and prints a line {"stream": …, "record": {…}} for
each: so that a test elsewhere compares its own rows with theirs. Where "streams" is null it prints
the names of all that the connector has, a line {"stream": …} for each.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.clients.tools import HERE, python_of, run

AIRBYTE = "airbyte-source-github"
TAP_GITHUB = "meltanolabs-tap-github"
# (stream, record)
Records = list[tuple[str, dict[str, Any]]]


def main() -> int:
    """See above."""
    given = json.load(sys.stdin)
    with tempfile.TemporaryDirectory(prefix="connectors-") as folder:
        if given["streams"] is None:
            catalogue = CATALOGUES[sys.argv[1]]
            for stream in catalogue(given["access"], given["repositories"], Path(folder)):
                print(json.dumps({"stream": stream}))
            return 0
        found = CONNECTORS[sys.argv[1]](
            given["access"], given["repositories"], given["streams"], Path(folder)
        )
    for stream, record in found:
        print(json.dumps({"stream": stream, "record": record}))
    return 0


def read_with_airbyte(
    access: dict[str, Any], repositories: Sequence[str], streams: Sequence[str], folder: Path
) -> Records:
    """As check, discover and read give them."""
    settings = airbyte_settings(access, repositories, folder)
    said = airbyte_status(airbyte("check", "--config", settings, at=folder))
    assert said["status"] == "SUCCEEDED", said
    chosen = [
        {"stream": one, "sync_mode": "full_refresh", "destination_sync_mode": "append"}
        for one in _airbyte_catalogue(settings, folder)
        if one["name"] in streams
    ]
    assert len(chosen) == len(streams)
    (folder / "catalog.json").write_text(json.dumps({"streams": chosen}))
    what = ("read", "--config", settings, "--catalog", folder / "catalog.json")
    return [
        (one["record"]["stream"], one["record"]["data"])
        for one in airbyte(*what, at=folder)
        if one["type"] == "RECORD"
    ]


def _airbyte_catalogue(settings: Path, folder: Path) -> list[dict[str, Any]]:
    (found,) = [
        one["catalog"]["streams"]
        for one in airbyte("discover", "--config", settings, at=folder)
        if one["type"] == "CATALOG"
    ]
    return list(found)


def streams_of_airbyte(
    access: dict[str, Any], repositories: Sequence[str], folder: Path
) -> list[str]:
    """The names of all its streams."""
    settings = airbyte_settings(access, repositories, folder)
    return [one["name"] for one in _airbyte_catalogue(settings, folder)]


def airbyte_settings(access: dict[str, Any], repositories: Sequence[str], folder: Path) -> Path:
    """Its settings in a file, for a token of a person."""
    settings = folder / "config.json"
    settings.write_text(
        json.dumps(
            {
                "credentials": {
                    "option_title": "PAT Credentials",
                    "personal_access_token": access["token"],
                },
                "repositories": list(repositories),
                "start_date": "2000-01-01T00:00:00Z",
                "api_url": access["url"],
            }
        )
    )
    return settings


def airbyte(*words: str | Path, at: Path) -> list[dict[str, Any]]:
    """The messages of one of its commands."""
    program = python_of(AIRBYTE).parent / "source-github"
    return _messages(run([program, *words], cwd=at))


def airbyte_status(messages: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """What its check says: {"status": "SUCCEEDED" or "FAILED", "message": …}."""
    (found,) = [one["connectionStatus"] for one in messages if one["type"] == "CONNECTION_STATUS"]
    return dict(found)


def read_with_tap_github(
    access: dict[str, Any], repositories: Sequence[str], streams: Sequence[str], folder: Path
) -> Records:
    """The streams of repositories named one by one, with a token."""
    config = {"repositories": list(repositories), "auth_token": access["token"]}
    return sync_with_tap_github(access["url"], config, streams, folder)


def sync_with_tap_github(
    url: str, config: dict[str, Any], streams: Sequence[str], folder: Path
) -> Records:
    """As its discovery and its sync give them, of repositories and what it reads by them too."""
    settings = folder / "config.json"
    settings.write_text(
        json.dumps(
            config
            | {
                "api_url_base": url,
                "start_date": "2000-01-01T00:00:00Z",
                "stream_options": {"milestones": {"state": "all"}},
            }
        )
    )
    runner = [python_of(TAP_GITHUB), HERE / "readers" / "with_meltanolabs_tap_github.py"]
    env = {"GITHUBSIM_URL": url, "LOGLEVEL": "WARNING"}
    catalog = json.loads(run([*runner, "--config", settings, "--discover"], cwd=folder, env=env))
    for stream in catalog["streams"]:
        wanted = stream["tap_stream_id"] in {"repositories", *streams}
        for entry in stream["metadata"]:
            if not entry["breadcrumb"]:
                entry["metadata"]["selected"] = wanted
    chosen = folder / "catalog.json"
    chosen.write_text(json.dumps(catalog))
    said = run([*runner, "--config", settings, "--catalog", chosen], cwd=folder, env=env)
    return [(one["stream"], one["record"]) for one in _messages(said) if one["type"] == "RECORD"]


def streams_of_tap_github(
    access: dict[str, Any], repositories: Sequence[str], folder: Path
) -> list[str]:
    """The names of all streams that it has for repositories named one by one."""
    settings = folder / "config.json"
    config = {"repositories": list(repositories), "auth_token": access["token"]}
    settings.write_text(json.dumps(config | {"api_url_base": access["url"]}))
    runner = [python_of(TAP_GITHUB), HERE / "readers" / "with_meltanolabs_tap_github.py"]
    env = {"GITHUBSIM_URL": access["url"], "LOGLEVEL": "WARNING"}
    catalog = json.loads(run([*runner, "--config", settings, "--discover"], cwd=folder, env=env))
    return [one["tap_stream_id"] for one in catalog["streams"]]


def _messages(lines: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.splitlines() if line.startswith("{")]


CONNECTORS: dict[str, Callable[[dict[str, Any], Sequence[str], Sequence[str], Path], Records]] = {
    AIRBYTE: read_with_airbyte,
    TAP_GITHUB: read_with_tap_github,
}
CATALOGUES: dict[str, Callable[[dict[str, Any], Sequence[str], Path], list[str]]] = {
    AIRBYTE: streams_of_airbyte,
    TAP_GITHUB: streams_of_tap_github,
}

if __name__ == "__main__":
    sys.exit(main())
