"""What a list lacks is asked about again before anything is hidden.

Lists of GitHub come back empty, or end early, at times: max-sixty/tend#345,
gke-labs/gemini-for-kubernetes-development#8, DominicRoyStang/BlockedTODO#338.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from typing import Any

from autosync.github import AppClient, GitHubError, InstallationClient, NotFound
from autosync.kinds.installation import row_from_rest
from autosync.mirror.upsert import Row

logger = logging.getLogger(__name__)

# Until a list that lacks something is read once more.
_PAUSE = 3.0
# As many are asked for one by one, each a request of the App's own quota.
_MOST_ASKED = 25


def read_repositories(client: InstallationClient) -> tuple[list[Any], bool]:
    """`GET /installation/repositories`, and whether it is whole: as many as `total_count` says.

    https://docs.github.com/rest/apps/installations#list-repositories-accessible-to-the-app-installation
    """
    found: list[Any] = []
    total: Any = None
    for page in client.pages("/installation/repositories?per_page=100"):
        total = page.fields().get("total_count")
        found += page.listed("repositories")
    ids = {
        item["id"] for item in found if isinstance(item, dict) and isinstance(item.get("id"), int)
    }
    return found, isinstance(total, int) and len(ids) >= total


def really_absent(
    absent: Collection[int],
    list_again: Callable[[], Collection[int] | None],
    is_there: Callable[[int], bool | None],
) -> set[int]:
    """Those of `absent` that a second list lacks too and that GitHub, asked by id, does not know.

    `list_again` returns None for a list that is not whole. `is_there` returns None where GitHub
    does not say. Of many only some are asked for: one that is there proves the list wrong, and then
    only what GitHub said of each counts.
    """
    if not absent:
        return set()
    time.sleep(_PAUSE)
    listed = list_again()
    if listed is None:
        return set()
    left = sorted(set(absent) - set(listed))
    asked = {one: is_there(one) for one in left[:_MOST_ASKED]}
    gone = {one for one, there in asked.items() if there is False}
    if len(gone) < len(asked):
        logger.warning("a list of GitHub's lacks %d that are there", len(asked) - len(gone))
        return gone
    return set(left)


def installation_there(client: AppClient, installation_id: int, found: list[Row]) -> bool | None:
    """Whether the App is installed there; what GitHub says of it is added to `found`."""
    try:
        found.append(row_from_rest(client.installation(installation_id)))
    except NotFound:
        return False
    except GitHubError as error:
        logger.warning("GitHub does not say of installation %d: %s", installation_id, error)
        return None
    return True


def repository_there(client: AppClient, repository_id: int, installation_id: int) -> bool | None:
    """Whether this installation has the repository; a public one is shown to everybody.

    https://docs.github.com/rest/apps/apps#get-a-repository-installation-for-the-authenticated-app
    (by id, as its 301 for a renamed one has it).
    """
    try:
        return client.repository_installation(repository_id) == installation_id
    except NotFound:
        return False
    except GitHubError as error:
        logger.warning("GitHub does not say who has repository %d: %s", repository_id, error)
        return None
