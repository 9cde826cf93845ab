"""The files that a new world's repositories begin with, as people add them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from githubsim.store import Repository

if TYPE_CHECKING:
    from githubsim.world import People

_TITLES = ("MIT License", "Apache License", "BSD 3-Clause License", "Our own terms", None)


def files(repository: Repository, people: People) -> dict[str, bytes | None]:
    """A readme, most a licence, some a CODEOWNERS. By the name, so that no number of the world's is
    drawn.
    """
    rng = random.Random(f"community/{repository.name}")
    title = rng.choice(_TITLES)
    owners = [one.login for one in rng.sample(people.users, 2)]
    found: dict[str, bytes | None] = {
        "README.md": f"# {repository.name}\n\n{repository.description}\n".encode()
    }
    if title is not None:
        found["LICENSE"] = f"{title}\n\nCopyright (c) the people of {repository.name}\n".encode()
    if rng.random() < 0.6:
        rules = (
            f"# Who looks at what\n*       @{owners[0]}\n/docs/  @{owners[1]} docs@acme.example\n"
        )
        found[".github/CODEOWNERS"] = rules.encode()
    return found
