"""Everything that gidgethub finds through an App's installation, counted per repository."""

import asyncio
import json
import sys

import gidgethub
import httpx
from gidgethub.apps import get_installation_access_token
from gidgethub.httpx import GitHubAPI


async def count(api: GitHubAPI, url: str, token: str, *, unless: int = 0) -> int:
    """How many items all pages have; 0 where GitHub answers `unless`."""
    found = 0
    try:
        async for _ in api.getiter(url, oauth_token=token):
            found += 1
    except gidgethub.HTTPException as error:
        if error.status_code != unless:
            raise
    return found


async def counts(api: GitHubAPI, name: str, token: str) -> dict[str, int]:
    at, all_ = f"/repos/{name}", "state=all&per_page=100"
    pulls = [one["number"] async for one in api.getiter(f"{at}/pulls?{all_}", oauth_token=token)]
    reviews = [await count(api, f"{at}/pulls/{one}/reviews", token) for one in pulls]
    both = await count(api, f"{at}/issues?{all_}", token)
    return {
        "commits": await count(api, f"{at}/commits?per_page=100", token, unless=409),
        "branches": await count(api, f"{at}/branches", token),
        "tags": await count(api, f"{at}/tags", token),
        "releases": await count(api, f"{at}/releases", token),
        "issues": both - len(pulls),
        "pulls": len(pulls),
        "comments": await count(api, f"{at}/issues/comments?per_page=100", token),
        "reviews": sum(reviews),
        "review_comments": await count(api, f"{at}/pulls/comments?per_page=100", token),
        "labels": await count(api, f"{at}/labels", token),
        "milestones": await count(api, f"{at}/milestones?state=all", token),
    }


async def main() -> None:
    given = json.load(sys.stdin)
    async with httpx.AsyncClient() as client:
        api = GitHubAPI(client, "a reader", base_url=given["url"])
        made = await get_installation_access_token(
            api,
            installation_id=str(given["installation_id"]),
            app_id=str(given["app_id"]),
            private_key=given["private_key"],
        )
        token = made["token"]
        names = [
            one["full_name"]
            async for one in api.getiter(
                "/installation/repositories", oauth_token=token, iterable_key="repositories"
            )
        ]
        print(json.dumps({name: await counts(api, name, token) for name in names}))


asyncio.run(main())
