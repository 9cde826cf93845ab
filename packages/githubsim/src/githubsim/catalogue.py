"""The tables of endpoints and webhooks in docs/githubsim.md: `python -m githubsim.catalogue`.

An endpoint is marked validated when GitHub's own description accepts, in both API versions, every
answer that the schema tests got from it. Those tests write what they found to
`.pytest_cache/v/githubsim/validated`; `--validated FILE` takes the marks from there, without it the
page keeps those it has. They fail for a webhook that they did not see, so those need no mark.
"""

import argparse
import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from githubsim import rest
from githubsim.rest.call import Route
from githubsim.store.events import EVENTS

BEGIN = "<!-- endpoints: written by python -m githubsim.catalogue -->"
END = "<!-- end of endpoints -->"
GRAPHQL = "POST /graphql"
_HOOKS = "https://docs.github.com/webhooks/webhook-events-and-payloads"

# What a handler's own docstring does not say.
DIFFERENCES = {
    "GET /app/hook/deliveries": "kept for three days of the simulator's clock",
    "GET /meta": "one range of addresses: this machine's",
    "GET /repos/{owner}/{repo}/assignees": "every user of the world",
    "PUT /orgs/{login}/memberships/{username}": "no invitation: a member at once",
    "PUT /orgs/{login}/teams/{slug}/memberships/{username}": "no invitation: on the team at once",
    "PUT /repos/{owner}/{repo}/collaborators/{username}": "no invitation: 204, never 201",
    "GET /repos/{owner}/{repo}/commits": "never stale: git has one copy here",
    "GET /repos/{owner}/{repo}/commits/{ref...}": "signatures are never verified",
    "GET /repos/{owner}/{repo}/compare/{basehead...}": "within one repository only",
    "GET /repos/{owner}/{repo}/contributors": "counted afresh, where GitHub's may be hours old",
    "GET /repos/{owner}/{repo}/languages": "by the files' endings; GitHub reads the files",
    "GET /repos/{owner}/{repo}/releases/assets/{asset_id}": "its contents are not kept",
    "POST /repos/{owner}/{repo}/releases/{release_id}/assets": "GitHub: uploads.github.com",
    "POST /repos/{owner}/{repo}/releases/generate-notes": "one order: no categories by label",
    "GET /repos/{owner}/{repo}/stats/participation": "202 at first, as the other statistics",
    "GET /repos/{owner}/{repo}/stats/punch_card": "202 at first, as the other statistics",
    GRAPHQL: "a checked part of the published schema",
}


def table(validated: Collection[str]) -> str:
    """The rows in Markdown, between the marks."""
    lines = ["| endpoint | needs | validated | known differences |", "|---|---|---|---|"]
    for name, link, needs, difference in _rows():
        shown = f"[`{name}`]({link})" if link else f"`{name}`"
        # GraphQL's types are compared with the published ones, whoever asked for what.
        mark = "yes" if name in validated or name == GRAPHQL else ""
        lines.append(f"| {shown} | {needs} | {mark} | {difference} |")
    lines += ["", "## Webhooks", "", "| event | actions |", "|---|---|"]
    for name, actions in sorted(EVENTS.items()):
        named = ", ".join(f"`{one}`" for one in sorted(filter(None, actions)))
        lines.append(f"| [`{name}`]({_HOOKS}#{name}) | {named} |")
    return "\n".join([BEGIN, "", *lines, "", END])


def endpoints() -> list[str]:
    """Every endpoint as `METHOD /path`, in the page's order."""
    return [name for name, _, _, _ in _rows()]


def validated_in(page: str) -> set[str]:
    """The endpoints that a page marks as validated."""
    found = re.findall(r"^\| \[?`([A-Z]+ [^`]+)`[^|]*\| [^|]*\| yes \|", _part(page), re.M)
    return set(found) - {GRAPHQL}


def renewed(page: str, validated: Collection[str]) -> str:
    """The page with its table written anew."""
    return page.replace(_part(page), table(validated))


def _rows() -> Iterator[tuple[str, str, str, str]]:
    for one in sorted(rest.routes(), key=lambda route: (route.path, route.method)):
        name = f"{one.method} {one.path}"
        link, said = _docstring(one)
        difference = "; ".join(filter(None, (DIFFERENCES.get(name), said)))
        # A bar would end the cell.
        yield name, link, one.needs.replace("|", " or "), difference
    link = "https://docs.github.com/graphql/guides/forming-calls-with-graphql"
    yield GRAPHQL, link, "by type", DIFFERENCES[GRAPHQL]


def _docstring(route: Route) -> tuple[str, str]:
    """The page of GitHub's documentation, or what the handler says of itself where it has none."""
    first = (route.handler.__doc__ or "").strip().split("\n")[0]
    if first.startswith("https://"):
        return first.split()[0].rstrip(":"), ""
    return "", first.rstrip(".")


def _part(page: str) -> str:
    start, end = page.index(BEGIN), page.index(END) + len(END)
    return page[start:end]


def main() -> None:
    """Write the table into the page."""
    parser = argparse.ArgumentParser(prog="python -m githubsim.catalogue")
    parser.add_argument("page", nargs="?", type=Path, default=Path("docs/githubsim.md"))
    parser.add_argument("--validated", type=Path, help="a JSON list of endpoints")
    asked = parser.parse_args()
    page = asked.page.read_text()
    marks = json.loads(asked.validated.read_text()) if asked.validated else validated_in(page)
    asked.page.write_text(renewed(page, marks))


if __name__ == "__main__":
    main()
