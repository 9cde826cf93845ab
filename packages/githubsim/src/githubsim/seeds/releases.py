"""Seeded releases, on most of the tags that a repository has, and files of half of them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from githubsim import words
from githubsim.gitrepos import GitRepos
from githubsim.store import Release, ReleaseAsset, Repository, Store

if TYPE_CHECKING:
    from githubsim.world import People

_FILES = (
    ("tar.gz", "application/gzip"),
    ("zip", "application/zip"),
    ("sha256", "text/plain"),
)
_FORMAT = "%(refname:strip=2)%00%(committerdate:unix)%00%(*committerdate:unix)"


def seed(
    store: Store,
    git: GitRepos,
    repository: Repository,
    people: People,
    number: int,
    until: int,
) -> None:
    """Releases of two tags in three, oldest first, none published later than `until`."""
    rng = random.Random(f"{number}/releases/{repository.name}")
    path = git.path(repository.id)
    listed = git.try_run(["for-each-ref", f"--format={_FORMAT}", "refs/tags"], path)
    tags = []
    for line in listed.split("\n")[:-1]:
        name, own, peeled = line.split("\0")
        # A tag of a tree or a blob has no commit to be released.
        if (own or peeled) and rng.random() < 0.67:
            tags.append((int(peeled or own), name))
    tags.sort()
    first = store.allocate("release", len(tags))
    store.insert_all(
        Release(
            id=first + place,
            repository_id=repository.id,
            tag=tag,
            target=repository.default_branch,
            name=f"{repository.name.capitalize()} {tag.removeprefix('v')}",
            body=words.body(rng),
            draft=False,
            prerelease=rng.random() < 0.2,
            author_id=rng.choice(people.users).id,
            created_at=at,
            updated_at=(published := max(at, min(at + rng.randrange(86_400), until))),
            published_at=published,
        )
        for place, (at, tag) in enumerate(tags)
    )
    _seed_assets(store, repository, number)


def _seed_assets(store: Store, repository: Repository, number: int) -> None:
    """Files for a half of the releases, as their publisher uploaded them."""
    rng = random.Random(f"{number}/assets/{repository.name}")
    made = []
    for release in reversed(store.releases(repository.id)):
        for kind, media in rng.choice(((), (), _FILES[:1], _FILES)):
            made.append((release, f"{repository.name}-{release.tag}.{kind}", media))
    first = store.allocate("release_asset", len(made))
    store.insert_all(
        ReleaseAsset(
            id=first + place,
            repository_id=repository.id,
            release_id=release.id,
            name=name,
            label=None,
            content_type=media,
            size=rng.randrange(1_000, 50_000_000),
            digest=f"sha256:{rng.randbytes(32).hex()}",
            downloads=int(rng.expovariate(0.01)),
            uploader_id=release.author_id,
            created_at=release.updated_at,
            updated_at=release.updated_at,
        )
        for place, (release, name, media) in enumerate(made)
    )
