"""Files of a commit by GraphQL, for repositories of which the clone has no files: a point for the
names in three folders, and one for the files.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from autosync.github.errors import NotFound
from autosync.github.files import FOLDERS, Entry, File, Names, file_of

if TYPE_CHECKING:
    from autosync.github.client import InstallationClient

_LINK = 0o120000
_STEPS = 5  # links that lead to links
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_ENTRIES = "... on Tree { entries { name mode oid } }"
_BLOB = "... on Blob { oid byteSize isBinary isTruncated text }"


class GraphFiles:
    """What `github.files.Files` asks, of the repository with this node id."""

    def __init__(self, client: InstallationClient, node_id: str) -> None:
        self._client = client
        self._node_id = node_id
        self._links: set[str] = set()

    def names(self, commit: str) -> Names:
        """What is in the folders of a commit in which GitHub looks for files."""
        answer = self._objects(commit, FOLDERS, _ENTRIES)
        found: dict[str, list[Entry]] = {}
        for folder in FOLDERS:
            entries = (answer.get(folder) or {}).get("entries") or ()
            found[folder] = [Entry(one["name"], one["mode"], one["oid"]) for one in entries]
            self._links |= {
                posixpath.join(folder, one.name) for one in found[folder] if one.mode == _LINK
            }
        return found

    def files(self, commit: str, wanted: Mapping[str, int]) -> dict[str, File]:
        """Those of these paths that are files. A link is followed, one in another folder once."""
        found: dict[str, File] = {}
        asked = {path: path for path in wanted}  # as it was asked for → where that leads
        for _ in range(_STEPS):
            answer = self._objects(commit, sorted(set(asked.values())), _BLOB) if asked else {}
            further: dict[str, str] = {}
            for path, place in asked.items():
                blob = answer.get(place)
                if not blob or "oid" not in blob:
                    continue
                if place in self._links:
                    target = posixpath.join(posixpath.dirname(place), blob["text"] or "")
                    further[path] = posixpath.normpath(target)
                else:
                    found[path] = _file(path, blob, wanted[path])
            asked = {path: place for path, place in further.items() if place[:1] not in ("/", ".")}
            asked |= {path: place for path, place in further.items() if place[:8] == ".github/"}
        return found

    def _objects(
        self, commit: str, paths: tuple[str, ...] | list[str], fields: str
    ) -> dict[str, dict[str, Any]]:
        if not _SHA.fullmatch(commit):
            raise ValueError(f"{commit!r} names no commit")
        asked = " ".join(
            f"f{place}: object(expression: {json.dumps(f'{commit}:{path}')}) {{ {fields} }}"
            for place, path in enumerate(paths)
        )
        query = f"query($id: ID!) {{ node(id: $id) {{ ... on Repository {{ {asked} }} }} }}"
        node = self._client.graphql(query, {"id": self._node_id}).data.get("node")
        if node is None:
            raise NotFound("GitHub does not show the repository")
        answered = ((path, node.get(f"f{place}")) for place, path in enumerate(paths))
        return {path: one for path, one in answered if one}


def _file(path: str, blob: Mapping[str, Any], most: int) -> File:
    size = int(blob["byteSize"])
    if blob["text"] is None:
        return File(path, blob["oid"], size, None, is_binary=True, is_truncated=size > most)
    content = str(blob["text"]).encode("utf-8", "replace")
    whole = len(content) <= most and not blob["isTruncated"]
    return file_of(path, blob["oid"], content[:most], size if not whole else len(content[:most]))
