"""What files of default branches and tag objects say, as REST shows them."""

from __future__ import annotations

import base64
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import httpx
from gidgethub.abc import GitHubAPI

from tests.chaos.child_tables import TABLES, plain
from tests.chaos.here import Rows

Found = dict[str, Rows]
_MOST = 500 << 10  # bytes of a text that the mirror keeps


async def files(
    api: GitHubAPI,
    client: httpx.AsyncClient,
    token: str,
    repository: Mapping[str, Any],
    wanted: Collection[str],
    found: Found,
) -> None:
    """Everything wanted of one repository, into `found`."""
    path, home = f"/repos/{repository['full_name']}", {"repository_id": repository["id"]}

    def put(table: str, row: Mapping[str, Any]) -> None:
        known, cells = TABLES[table], {**home, **row}
        key = tuple(cells[name] for name in known.key)
        found[table][key] = {name: plain(cells[name]) for name in known.columns}

    async def get(what: str) -> Any:
        """An answer, or None where GitHub has no such thing."""
        answer = await client.get(f"{path}{what}", headers={"Authorization": f"Bearer {token}"})
        if answer.status_code in (404, 409):
            return None
        return answer.raise_for_status().json()

    for table, place in (("readmes", "/readme"), ("license_files", "/license")):
        if table in wanted and (one := await get(place)) is not None:
            content = base64.b64decode(one["content"])
            text = content[:_MOST].decode(errors="ignore" if len(content) > _MOST else "replace")
            cut = {"is_binary": False, "is_truncated": len(content) > _MOST}
            put(table, one | {"content": text, **cut})
    if "codeowners" in wanted:
        for row in await _owners(get):
            put("codeowners", row)
    if "annotated_tags" in wanted:
        for row in await _tags(api, path):
            put("annotated_tags", row)


async def _owners(get: Any) -> list[dict[str, Any]]:
    """The rules, and which of them are wrong as GitHub says."""
    wrong = await get("/codeowners/errors")
    tree = await get("/git/trees/HEAD?recursive=1")
    if wrong is None or tree is None:
        return []
    kinds = {one["line"]: one["kind"] for one in wrong["errors"]}
    blobs = {one["path"]: one["sha"] for one in tree["tree"] if one["type"] == "blob"}
    places = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS")
    path = next(one for one in places if one in blobs)
    blob = await get(f"/git/blobs/{blobs[path]}")
    text = base64.b64decode(blob["content"]).decode(errors="replace")
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        words = (f" {line}".partition(" #")[0]).split()
        if words:
            owners, error = " ".join(words[1:]), kinds.get(number)
            row = {"path": path, "line": number, "pattern": words[0]}
            found.append(row | {"owners": owners, "error": error})
    return found


async def _tags(api: GitHubAPI, path: str) -> list[dict[str, Any]]:
    """The tag objects that tags lead to."""
    found = []
    queue = [
        one["object"]["sha"]
        async for one in api.getiter(f"{path}/git/matching-refs/tags?per_page=100")
        if one["object"]["type"] == "tag"
    ]
    while queue:
        one = await api.getitem(f"{path}/git/tags/{queue.pop()}")
        text, signature, _ = one["message"].partition("-----BEGIN PGP SIGNATURE-----")
        found.append(
            {
                "sha": one["sha"],
                "tag": one["tag"],
                "message": text.rstrip("\n"),
                "tagger_name": one["tagger"]["name"],
                "tagger_email": one["tagger"]["email"],
                "tagged_at": datetime.fromisoformat(one["tagger"]["date"]),
                "object_sha": one["object"]["sha"],
                "object_type": one["object"]["type"],
                "signed": bool(signature),
            }
        )
        if one["object"]["type"] == "tag":
            queue.append(one["object"]["sha"])
    return found
