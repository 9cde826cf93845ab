"""Seeded worlds: an organisation with repositories few of which are large, as organisations are."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from githubsim import seeds, words
from githubsim.community import license_key
from githubsim.fastimport import FastImport, Person
from githubsim.gitrepos import GitRepos
from githubsim.languages import languages_of
from githubsim.seeds.people import seed_organization, seed_stars
from githubsim.store import Account, IssueSpec, PullSpec, Repository, Store

ORGANISATION = "acme-labs"
# Worlds end here unless told otherwise, so that a seed gives the same SHAs on any day.
UNTIL = 1_793_491_200  # 2026-11-01T00:00:00Z
_SPAN = 2 * 365 * 86_400
_STRANGERS = (("Old Laptop", "root@localhost"), ("Contractor", "c@consulting.example"))


@dataclass(frozen=True)
class People:
    """Who acts in a world. `strangers` commit with emails linked to no account."""

    users: Sequence[Account]
    bot: Account
    strangers: Sequence[Person] = _STRANGERS

    def author(self, rng: random.Random) -> Person:
        draw = rng.random()
        if draw < 0.06:
            return rng.choice(self.strangers)
        if draw < 0.14:
            return self.bot.login, self.bot.email or ""
        # A few people do most of the work.
        user = self.users[min(int(rng.expovariate(0.25)), len(self.users) - 1)]
        return user.name or user.login, user.email or ""

    def writer(self, rng: random.Random) -> int | None:
        """Who opens issues; None for somebody whose account is gone."""
        draw = rng.random()
        if draw < 0.02:
            return None
        return self.bot.id if draw < 0.08 else rng.choice(self.users).id


@dataclass(frozen=True)
class _Branch:
    """Commits on a branch, from `base` on, and from when they are."""

    name: str
    base: str
    head: str
    at: int
    commits: int = 1
    merge: str = ""


@dataclass
class _History:
    """What the pull requests of a repository refer to; `last` is the newest commit."""

    last: _Branch
    merges: list[_Branch]
    open_heads: list[_Branch]


def build(
    store: Store,
    git: GitRepos,
    *,
    seed: int,
    repositories: int,
    commits: int,
    issues: int,
    pulls: int,
    import_git: Sequence[Path] = (),
    until: int = UNTIL,
) -> Account:
    """Fill an empty world; totals are spread over the repositories. Returns the organisation.

    The last of more than five repositories is empty, the one before has issues switched off.
    Each path of `import_git` gives one repository its real history.
    """
    rng = random.Random(seed)
    owner = store.create_account(ORGANISATION, "Organization", name="Acme Labs", at=until - _SPAN)
    people = populate(store, rng, until)
    names = _names(rng, repositories)
    weights = _weights(repositories)
    # Real histories go to small places, so that the sizes of the others stay as asked.
    real = {repositories - 3 - i: path for i, path in enumerate(import_git)}
    written = [0 if place in real else weight for place, weight in enumerate(weights)]
    for place, name in enumerate(names):
        repository = store.create_repository(
            owner.id,
            name,
            description=f"{name.capitalize()}: {words.sentence(rng)}",
            language=rng.choice(words.LANGUAGES),
            topics=sorted(rng.sample(words.TOPICS, rng.randint(0, 3))),
            private=rng.random() < 0.4,
            has_issues=not (repositories > 5 and place == repositories - 2),
            stargazers=int(rng.paretovariate(1.1)) * 3,
            at=until - _SPAN + place * 3600,
            quiet=True,
        )
        if place in real:
            history = _import(store, git, repository, real[place])
        else:
            count = _part(commits, written, place)
            history = _write(
                git, repository, people, rng, count, _part(pulls, weights, place), until
            )
        if history is not None or weights[place]:
            _discuss(
                store,
                git,
                repository,
                people,
                rng,
                _part(issues, weights, place) if repository.has_issues else 0,
                _part(pulls, weights, place) if history is not None else 0,
                history,
                until,
            )
        seeds.around(store, git, repository, people, seed, until)
        # https://docs.github.com/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-repository-languages
        found = languages_of(git, repository.id, history.last.head) if history is not None else ()
        store.edit_repository(
            repository.id,
            language=found[0][0] if found else None,
            size=git.size_kb(repository.id) if history is not None else repository.size,
            license=license_key(git, repository.id, git.default_branch(repository.id)),
            at=repository.updated_at,
            quiet=True,
        )
    seed_organization(store, owner, people, seed, until - _SPAN)
    seed_stars(store, people, seed, until - _SPAN, until)
    return owner


def populate(store: Store, rng: random.Random, until: int) -> People:
    """Thirty users, one bot."""
    users: list[Account] = []
    taken: set[str] = set()
    while len(users) < 30:
        name, login = words.person(rng)
        if login in taken:
            continue
        taken.add(login)
        email = f"{login}@{rng.choice(('acme.example', 'mail.example'))}"
        users.append(
            store.create_account(
                login, name=name, email=email, emails=[f"{login}@home.example"], at=until - _SPAN
            )
        )
    bot = store.create_account(
        "dependabot[bot]",
        "Bot",
        email="49699333+dependabot[bot]@users.noreply.github.com",
        at=until - _SPAN,
    )
    return People(users, bot)


def people_of(store: Store) -> People:
    """The people of a world built earlier."""
    accounts = store.accounts()
    bot = next(a for a in accounts if a.login == "dependabot[bot]")
    # The accounts after the bot only star, or came later.
    return People([a for a in accounts if a.type == "User" and a.id < bot.id], bot)


def _names(rng: random.Random, count: int) -> list[str]:
    base = list(words.REPOSITORIES)
    rng.shuffle(base)
    return [
        base[i % len(base)] + (f"-{i // len(base)}" if i >= len(base) else "") for i in range(count)
    ]


def _weights(count: int) -> list[float]:
    """Few large, many small; the last of a real world is empty."""
    weights = [1 / (place + 1) ** 1.1 for place in range(count)]
    if count > 5:
        weights[-1] = 0.0
    return weights


def _part(total: int, weights: Sequence[float], place: int) -> int:
    """This place's share of a total: the shares add up to it exactly."""
    if not weights[place]:
        return 0
    whole = sum(weights)
    before = sum(weights[:place])
    return int(total * (before + weights[place]) / whole + 1e-9) - int(
        total * before / whole + 1e-9
    )


def _import(store: Store, git: GitRepos, repository: Repository, path: Path) -> _History | None:
    default = git.import_from(repository.id, path)
    store.edit_repository(
        repository.id, default_branch=default, at=repository.updated_at, quiet=True
    )
    tip = git.ref(repository.id, f"refs/heads/{default}")
    return None if tip is None else _History(_last(git, repository, tip), [], [])


def _last(git: GitRepos, repository: Repository, tip: str) -> _Branch:
    """The newest commit, or merge, as a branch of its own."""
    before = git.commits(repository.id, [tip])[tip].parents
    base = before[0] if before else tip
    return _Branch("", base, tip, 0, git.count_log(repository.id, tip, exclude=[base]))


def _write(
    git: GitRepos,
    repository: Repository,
    people: People,
    rng: random.Random,
    count: int,
    pulls: int,
    until: int,
) -> _History | None:
    """`count` commits: a main line with merged branches, tags, and branches still open."""
    git.init(repository.id)
    if not count:
        return None
    language = repository.language
    still_open = min(max(pulls // 8, 1), count // 4, 40)
    merges: list[tuple[str, int, int, int, int, int]] = []
    heads: list[tuple[str, int, int]] = []
    tags: dict[str, int] = {}
    times = sorted(rng.randrange(until - _SPAN, until - 86_400) for _ in range(count))
    with git.fast_import(repository.id) as writer:
        kept = seeds.community.files(repository, people)
        tip = _commit(writer, "refs/heads/main", people, rng, times[0], [], language, beside=kept)
        done = 1
        while done < count - still_open:
            left = count - still_open - done
            if left >= 3 and rng.random() < 0.12:
                branch = f"topic/{done}"
                base, length = tip, min(rng.randint(1, 4), left - 1)
                head = base
                changed: dict[str, bytes | None] = {}
                for step in range(length):
                    files = words.files(rng, language)
                    changed |= files
                    head = _commit(
                        writer,
                        "refs/topic/x",
                        people,
                        rng,
                        times[done + step],
                        [head],
                        language,
                        files,
                    )
                when = times[done + length]
                tip = writer.commit(
                    "refs/heads/main",
                    f"Merge pull request from {branch}",
                    changed,
                    author=people.author(rng),
                    at=when,
                    parents=[base, head],
                )
                merges.append((branch, base, head, when, length, tip))
                done += length + 1
            else:
                tip = _commit(writer, "refs/heads/main", people, rng, times[done], [tip], language)
                if rng.random() < 0.02:
                    tags[f"refs/tags/v0.{done}"] = tip
                elif rng.random() < 0.01:
                    tagger = people.author(rng)
                    writer.tag(
                        f"v1.{done}", tip, f"Version 1.{done}", tagger=tagger, at=times[done]
                    )
                done += 1
        for number in range(still_open):
            branch = f"feature/{number}"
            when = times[done + number]
            head = _commit(writer, f"refs/heads/{branch}", people, rng, when, [tip], language)
            heads.append((branch, head, when))
    if merges:
        git.update_ref(repository.id, "refs/topic/x", "0" * 40)
    shas = writer.shas
    git.first_refs(repository.id, {ref: shas[mark] for ref, mark in tags.items()})
    git.tidy(repository.id)
    return _History(
        _last(git, repository, shas[tip]),
        [
            _Branch(branch, shas[base], shas[head], at, commits, shas[merge])
            for branch, base, head, at, commits, merge in merges
        ],
        [_Branch(branch, shas[tip], shas[head], at) for branch, head, at in heads],
    )


def _commit(
    writer: FastImport,
    ref: str,
    people: People,
    rng: random.Random,
    at: int,
    parents: list[int],
    language: str | None,
    files: dict[str, bytes | None] | None = None,
    beside: Mapping[str, bytes | None] = {},
) -> int:
    author = people.author(rng)
    return writer.commit(
        ref,
        words.commit_message(rng),
        {**(words.files(rng, language) if files is None else files), **beside},
        author=author,
        at=at,
        zone=rng.choice(("+0000", "+0100", "-0700", "+0530")),
        committer=("GitHub", "noreply@github.com") if rng.random() < 0.3 else None,
        parents=parents,
    )


def _discuss(
    store: Store,
    git: GitRepos,
    repository: Repository,
    people: People,
    rng: random.Random,
    issues: int,
    pulls: int,
    history: _History | None,
    until: int,
) -> None:
    """Issues and pull requests in the order they were opened."""
    labels = [label.id for label in store.labels(repository.id)]
    milestones = [
        store.create_milestone(repository.id, f"v{n}", at=until - _SPAN, quiet=True).id
        for n in (1, 2)
    ]
    specs = [_issue(people, rng, labels, milestones, until, None) for _ in range(issues)]
    if history is not None:
        specs += [
            _issue(
                people, rng, labels, milestones, until, _pull(people, rng, history, place, until)
            )
            for place in range(pulls)
        ]
    specs.sort(key=lambda spec: (spec.created_at, spec.title))
    specs = _measured(git, repository, specs)
    made = store.bulk_issues(repository.id, specs)
    heads = {
        one.number: spec.pull.head_sha
        for one, spec in zip(made, specs, strict=True)
        if spec.pull is not None
    }
    if heads:
        git.pull_heads(repository.id, heads)


def _measured(git: GitRepos, repository: Repository, specs: list[IssueSpec]) -> list[IssueSpec]:
    """Pull requests with the lines and files that their commits really change."""
    pairs = {(one.pull.base_sha, one.pull.head_sha): None for one in specs if one.pull}
    sizes = dict(zip(pairs, git.sizes(repository.id, list(pairs)), strict=True))
    found = []
    for one in specs:
        pull = one.pull
        if pull is not None:
            size = sizes[pull.base_sha, pull.head_sha]
            pull = replace(
                pull,
                additions=size.additions,
                deletions=size.deletions,
                changed_files=size.files,
            )
        found.append(replace(one, pull=pull))
    return found


def _pull(
    people: People, rng: random.Random, history: _History, place: int, until: int
) -> tuple[PullSpec, str, int]:
    """The pull half, its state, and when it was last touched."""

    def spec(one: _Branch, name: str = "") -> PullSpec:
        return PullSpec("main", one.base, name or one.name, one.head, commits=one.commits)

    if place < len(history.open_heads):
        opened = history.open_heads[place]
        return replace(spec(opened), draft=rng.random() < 0.2), "open", opened.at
    if history.merges and rng.random() < 0.75:
        one = rng.choice(history.merges)
        merger = rng.choice(people.users).id
        done = replace(spec(one), merged_at=one.at, merged_by_id=merger, merge_commit_sha=one.merge)
        return done, "closed", one.at
    at = rng.randrange(until - _SPAN, until - 86_400)
    return spec(history.last, f"abandoned/{place}"), "closed", at


def _issue(
    people: People,
    rng: random.Random,
    labels: Sequence[int],
    milestones: Sequence[int],
    until: int,
    pull: tuple[PullSpec, str, int] | None,
) -> IssueSpec:
    if pull is None:
        created = rng.randrange(until - _SPAN, until - 7200)
        closed = rng.random() < 0.7
        ended = min(created + int(rng.expovariate(1 / (12 * 86_400))) + 60, until - 60)
    else:
        _, state, ended = pull
        closed = state == "closed"
        created = max(ended - int(rng.expovariate(1 / (3 * 86_400))) - 60, until - 2 * _SPAN)
    users = people.users
    said = tuple(
        (people.writer(rng), words.sentence(rng), rng.randrange(created, ended + 1))
        for _ in range(rng.choice((0, 0, 0, 1, 2, 5)))
    )
    said = tuple(sorted(said, key=lambda comment: comment[2]))
    touched = max([created, *(at for _, _, at in said), *([ended] if closed else [])])
    return IssueSpec(
        words.title(rng),
        words.body(rng),
        people.writer(rng),
        created,
        touched,
        state="closed" if closed else "open",
        state_reason=None
        if pull is not None or not closed
        else rng.choice(("completed", "completed", "completed", "not_planned")),
        closed_at=ended if closed else None,
        closed_by_id=rng.choice(users).id if closed else None,
        label_ids=tuple(sorted(rng.sample(labels, min(rng.choice((0, 1, 1, 2)), len(labels))))),
        assignee_ids=tuple(sorted({rng.choice(users).id for _ in range(rng.choice((0, 0, 1, 2)))})),
        milestone_id=rng.choice(milestones) if rng.random() < 0.2 else None,
        comments=said,
        pull=pull[0] if pull is not None else None,
    )
