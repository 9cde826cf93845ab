"""Seeded words: names, messages, titles and bodies as people write them, emoji and all."""

from __future__ import annotations

import random

FIRST = (
    "Ada Amara Anders Beatriz Chidi Chloé Dmitri Elif Fatima Giulia Hana Ibrahim Ingrid Jorge "
    "Kenji Lakshmi Łukasz Mei Nadia Omar Priya Quentin Rosa Søren Tomás Uma Viktor "
    "Wei Xóchitl Yusuf Zoë"
).split()
LAST = (
    "Almeida Bauer Chen Dubois Eriksson Fischer García Haddad Ivanova Jansen Kowalski López "
    "Müller Nakamura O'Connor Petrov Quispe Rossi Sato Tanaka Ueda Vega Wójcik Yilmaz Zhang"
).split()
REPOSITORIES = (
    "atlas compass lantern harbor meridian orchard quarry relay sextant tundra umbra vector "
    "willow zephyr beacon cinder drift ember fjord glacier hollow isthmus jetty kelp lagoon mosaic "
    "nectar onyx prairie quill ripple summit thicket"
).split()
LANGUAGES = ("Python", "TypeScript", "Go", "Rust", "Java", "C++", "Ruby", "Kotlin", None)
_ENDINGS = dict(
    zip(LANGUAGES, ("py", "ts", "go", "rs", "java", "cpp", "rb", "kt", "txt"), strict=True)
)
TOPICS = ("api", "cli", "data", "infra", "mobile", "observability", "platform", "web")
VERBS = "Add Fix Refactor Remove Speed-up Document Test Simplify Rename Guard Retry Cache".split()
THINGS = (
    "token refresh;retry loop;pagination;the login form;CSV export;dark mode;the flaky test;"
    "error messages;connection pool;config loading;the release script;time zones;rate limits;"
    "search index;webhook signatures;the cold start;unicode names 🦊;empty states;naïve parsing"
).split(";")
WHERE = ("api", "auth", "billing", "cli", "core", "docs", "search", "storage", "sync", "ui")


def person(rng: random.Random) -> tuple[str, str]:
    """A full name and a login from it."""
    first, last = rng.choice(FIRST), rng.choice(LAST)
    plain = f"{first}{last}".encode("ascii", "ignore").decode().lower().replace("'", "")
    return f"{first} {last}", f"{plain}{rng.randrange(100)}"


def commit_message(rng: random.Random) -> str:
    subject = f"{rng.choice(VERBS)} {rng.choice(THINGS)} in {rng.choice(WHERE)}"
    if rng.random() < 0.3:
        return f"{subject}\n\n{sentence(rng)}\n{sentence(rng)}"
    return subject


def title(rng: random.Random) -> str:
    thing = rng.choice(THINGS)
    return rng.choice(
        (
            f"{thing.capitalize()} breaks on large inputs",
            f"Support {thing} for {rng.choice(WHERE)}",
            f"{rng.choice(VERBS)} {thing}",
            f"Crash in {rng.choice(WHERE)}: {thing} 💥",
            f"{rng.choice(WHERE)}: {thing} should be configurable",
        )
    )


def sentence(rng: random.Random) -> str:
    return (
        f"The {rng.choice(WHERE)} part {rng.choice(('needs', 'lost', 'ignores', 'repeats'))} "
        f"{rng.choice(THINGS)}, which {rng.choice(('users', 'we', 'reviewers', 'the CI'))} "
        f"{rng.choice(('noticed', 'reported', 'rely on', 'asked for'))}."
    )


def body(rng: random.Random) -> str | None:
    """None, a few sentences, or once in a while sixty kilobytes."""
    draw = rng.random()
    if draw < 0.1:
        return None
    if draw > 0.998:
        return "\n".join(sentence(rng) for _ in range(700))[:60_000]
    return "\n\n".join(sentence(rng) for _ in range(rng.randint(1, 4)))


def files(rng: random.Random, language: str | None) -> dict[str, bytes | None]:
    """What a commit changes: one to three small files, named as those of the language."""
    changed: dict[str, bytes | None] = {}
    ending = _ENDINGS.get(language, "txt")
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        path = f"src/{rng.choice(WHERE)}/{rng.choice(('main', 'model', 'view', 'test'))}.{ending}"
        lines = "\n".join(f"value_{i} = {rng.randrange(10**6)}" for i in range(rng.randint(1, 9)))
        changed[path] = f"{lines}\n".encode()
    return changed
