"""Refs that move, told to the world: pushes of every kind, merges, and pull requests that follow.

REST writes, smart HTTP pushes, the control API and the simulated people all come through here, so
their webhooks are the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from githubsim.community import license_key
from githubsim.diffs import at_line, track
from githubsim.fastimport import Person
from githubsim.gitrepos import Commit, GitRepos
from githubsim.store import ZERO_SHA, CommitLine, Pull, PullSpec, Push, Store

# Limits of the push event: docs.github.com, webhook events and payloads, push.
MAX_COMMITS = 2048
MAX_BRANCHES = 5000
MAX_TAGS = 3
_SIGNATURE = "-----BEGIN PGP SIGNATURE-----\n\niQEzBAABCAAdFiEE\n-----END PGP SIGNATURE-----\n"


@dataclass(frozen=True, slots=True)
class NewCommit:
    """A commit to be made. `files` maps paths to contents, None deletes."""

    message: str
    files: Mapping[str, bytes | None]
    author: Person
    at: int
    committer: Person | None = None


def push_commits(
    store: Store,
    git: GitRepos,
    repository_id: int,
    branch: str,
    commits: Sequence[NewCommit],
    *,
    sender_id: int | None = None,
    at: int | None = None,
    start: str | None = None,
    force: bool = False,
) -> list[str]:
    """Make commits on a branch and push them; their shas, oldest first.

    A new branch begins at `start` (a commit; the default branch's head if left out). With
    `force`, an existing branch is put on `start` first: a forced push.
    """
    with git.lock(repository_id):
        ref = f"refs/heads/{branch}"
        before = git.ref(repository_id, ref)
        base = start if force or before is None else before
        if base is None:
            base = git.ref(repository_id, f"refs/heads/{git.default_branch(repository_id)}")
        with git.fast_import(repository_id, force=True) as writer:
            marks: list[int] = []
            for new in commits:
                parents = [marks[-1]] if marks else ([base] if base is not None else [])
                marks.append(
                    writer.commit(
                        ref,
                        new.message,
                        new.files,
                        author=new.author,
                        committer=new.committer,
                        at=new.at,
                        parents=parents,
                    )
                )
        shas = [writer.shas[mark] for mark in marks]
        after = git.ref(repository_id, ref) or ZERO_SHA
        moves = [(ref, before or ZERO_SHA, after)]
        announce(store, git, repository_id, moves, sender_id=sender_id, at=at)
    return shas


def move_ref(
    store: Store,
    git: GitRepos,
    repository_id: int,
    ref: str,
    after: str,
    *,
    sender_id: int | None = None,
    at: int | None = None,
) -> None:
    """Create, move (forced or not) or with ZERO_SHA delete a ref, and tell it."""
    with git.lock(repository_id):
        before = git.ref(repository_id, ref) or ZERO_SHA
        if before != after:
            git.update_ref(repository_id, ref, after)
            moves = [(ref, before, after)]
            announce(store, git, repository_id, moves, sender_id=sender_id, at=at)


def annotate(
    git: GitRepos,
    repository_id: int,
    name: str,
    target: str,
    message: str,
    *,
    tagger: Person,
    at: int,
    signed: bool = False,
) -> str:
    """Make an annotated tag, which no ref names yet; its sha. A signature is none that holds."""
    kind = git.object_types(repository_id, [target]).get(target, "commit")
    head = f"object {target}\ntype {kind}\ntag {name}\ntagger {tagger[0]} <{tagger[1]}> {at} +0000"
    text = f"{head}\n\n{message}\n{_SIGNATURE if signed else ''}"
    return git.make_tag(repository_id, text.encode())


def announce(
    store: Store,
    git: GitRepos,
    repository_id: int,
    moves: Sequence[tuple[str, str, str]],
    *,
    sender_id: int | None = None,
    at: int | None = None,
    merging: bool = False,
) -> None:
    """Tell what git has done already: (full ref, before, after), one push event per ref.

    Nothing is sent for the branches if there are more than 5,000, nor for the tags if more than 3.
    What the messages of commits name gets a line in its timeline, unless `merging` a pull request.
    """
    repository = store.repository(repository_id)
    if repository is None or not moves:
        return
    now = store.clock.now() if at is None else at
    branches = [move for move in moves if move[0].startswith("refs/heads/")]
    tags = [move for move in moves if move[0].startswith("refs/tags/")]
    refs = git.refs(repository_id)
    default = f"refs/heads/{repository.default_branch}"
    first = next((ref for ref, _, after in branches if after != ZERO_SHA), None)
    if default not in refs and first is not None:
        # The first branch ever pushed becomes the default one.
        name = first.removeprefix("refs/heads/")
        git.set_default_branch(repository_id, name)
        store.edit_repository(repository_id, default_branch=name, at=at, quiet=True)
    silent = {"branch": len(branches) > MAX_BRANCHES, "tag": len(tags) > MAX_TAGS}
    moved = {ref for ref, _, _ in moves}
    unmoved = sorted({sha for ref, sha in refs.items() if ref not in moved})
    for sort, group in (("branch", branches), ("tag", tags)):
        for ref, before, after in group:
            push = Push(ref, before, after, False, (), None)
            if not silent[sort]:
                push = describe(git, repository_id, ref, before, after, unmoved)
            store.record_push(
                repository_id,
                push,
                sender_id=sender_id,
                at=at,
                event=not silent[sort],
                kind="pr_merge" if merging else "",
            )
            for one in () if merging else push.commits:
                store.note_references(repository_id, one.sha, one.message, sender_id, now)
    if default in moved or default not in refs:
        note_license(store, git, repository_id, at=at)
    for ref, _, after in branches:
        follow(store, git, repository_id, ref.removeprefix("refs/heads/"), after, sender_id, at)


def note_license(store: Store, git: GitRepos, repository_id: int, *, at: int | None = None) -> None:
    """Look at the default branch's licence again. GitHub does so after a push, and says nothing."""
    repository = store.repository(repository_id)
    if repository is not None:
        found = license_key(git, repository_id, repository.default_branch)
        if found != repository.license:
            store.edit_repository(repository_id, license=found, at=at, quiet=True)


def describe(
    git: GitRepos, repository_id: int, ref: str, before: str, after: str, others: Sequence[str]
) -> Push:
    """The push of one ref. `others` are the shas of the refs which did not move."""
    if after == ZERO_SHA:
        return Push(ref, before, after, False, (), None)
    is_tag = ref.startswith("refs/tags/")  # which may point at a tag object, as no branch does
    tip = git.peel(repository_id, after) if is_tag else after
    if before == ZERO_SHA:
        shas = fresh = git.new_commits(repository_id, tip, others, MAX_COMMITS)
        forced = False
    else:
        old = git.peel(repository_id, before) if is_tag else before
        shas = git.new_commits(repository_id, tip, [old], MAX_COMMITS)
        fresh = git.new_commits(repository_id, tip, others, MAX_COMMITS) if others else shas
        forced = not git.is_ancestor(repository_id, old, tip)
    wanted = [*shas, tip]
    commits = (git.commits if is_tag else git.known_commits)(repository_id, wanted)
    paths = git.changed_paths(repository_id, wanted)
    distinct = set(fresh)
    lines = {
        sha: _line(commits[sha], sha in distinct, paths.get(sha))
        for sha in wanted
        if sha in commits
    }
    listed = () if is_tag else tuple(lines[sha] for sha in shas)
    return Push(ref, before, after, forced, listed, lines.get(tip))


def follow(
    store: Store,
    git: GitRepos,
    repository_id: int,
    branch: str,
    after: str,
    sender_id: int | None,
    at: int | None,
) -> None:
    """Bring the open pull requests from this branch up to date; a deleted branch closes them."""
    for pull in store.pulls_from(repository_id, branch):
        if after == ZERO_SHA:
            now = store.clock.now() if at is None else at
            store.note_event(pull.issue, "head_ref_deleted", sender_id, now, ref=branch)
            store.close_issue(pull.issue.id, sender_id=sender_id, at=at)
        elif pull.part.head_sha != after and pull.repository_id == repository_id:
            spec = pull_spec(git, repository_id, pull.part.base_ref, branch)
            git.pull_head(repository_id, pull.number, after)
            store.synchronize_pull(
                pull.id,
                after,
                additions=spec.additions,
                deletions=spec.deletions,
                changed_files=spec.changed_files,
                commits=spec.commits,
                base_sha=spec.base_sha,
                forced=not git.is_ancestor(repository_id, pull.part.head_sha, after),
                sender_id=sender_id,
                at=at,
            )
            _carry_comments(store, git, pull, after, spec.base_sha)


def _carry_comments(store: Store, git: GitRepos, pull: Pull, head: str, base: str) -> None:
    """Find the lines that review comments are about at a new head; what changed is outdated."""
    comments = [one for one in store.review_comments(pull.id) if not one.outdated]
    fork = git.merge_base(pull.repository_id, base, head) if comments else None
    if fork is None:
        return
    whole, step = git.patches(pull.repository_id, [(fork, head), (pull.part.head_sha, head)])
    for one in comments:
        line, start = one.now_line, one.now_start_line
        if one.side == "RIGHT" and one.path in step:
            line = None if line is None else track(step[one.path], line)
            start = None if start is None else track(step[one.path], start)
        patch = whole.get(one.path)
        if one.subject_type == "file":
            position = None if patch is None else one.now_position
        else:
            spot = None if line is None else at_line(patch or "", line, one.side)
            position = None if spot is None else spot.position
        store.move_review_comment(
            one.id,
            head,
            position=position,
            line=None if position is None else line,
            start_line=None if position is None else start,
        )


def pull_spec(
    git: GitRepos, repository_id: int, base_ref: str, head_ref: str, *, draft: bool = False
) -> PullSpec:
    """What a pull request between two branches is. KeyError if one of them is not there."""
    base = git.ref(repository_id, f"refs/heads/{base_ref}")
    head = git.ref(repository_id, f"refs/heads/{head_ref}")
    if base is None or head is None:
        raise KeyError(base_ref if base is None else head_ref)
    stats = git.compare(repository_id, base, head)
    return PullSpec(
        base_ref,
        base,
        head_ref,
        head,
        draft=draft,
        head_repository_id=repository_id,
        additions=stats.additions,
        deletions=stats.deletions,
        changed_files=stats.files,
        commits=git.count_log(repository_id, head, exclude=[base]),
    )


def open_pull(
    store: Store,
    git: GitRepos,
    repository_id: int,
    title: str,
    body: str | None,
    spec: PullSpec,
    *,
    author_id: int,
) -> Pull:
    """A new pull request, whose head has a ref of its own before anybody hears of it."""
    with store.writing():
        made = store.open_pull(repository_id, title, body, spec, author_id=author_id)
        git.pull_head(repository_id, made.number, spec.head_sha)
    return made


def merge_pull(
    store: Store,
    git: GitRepos,
    pull_id: int,
    *,
    sender_id: int,
    at: int | None = None,
    squash: bool = False,
    message: str | None = None,
) -> Pull:
    """Merge a pull request in git and tell it: push first, then `pull_request.closed`.

    MergeConflict if it does not merge, KeyError if its base branch is gone.
    """
    pull = store.pull(pull_id)
    if pull is None:
        raise KeyError(pull_id)
    at = store.clock.now() if at is None else at
    repository_id = pull.repository_id
    sender = store.account(sender_id)
    who = (sender.name or sender.login, email_of(store, sender_id)) if sender else ("", "")
    with git.lock(repository_id):
        ref = f"refs/heads/{pull.part.base_ref}"
        base = git.ref(repository_id, ref)
        if base is None:
            raise KeyError(pull.part.base_ref)
        if message is None:
            message = f"Merge pull request #{pull.number} from {pull.part.head_ref}"
            message = f"{pull.issue.title} (#{pull.number})" if squash else message
            message += f"\n\n{pull.issue.title}" if not squash else ""
        sha = git.merge(
            repository_id, base, pull.part.head_sha, message, author=who, at=at, squash=squash
        )
        git.update_ref(repository_id, ref, sha, base)
        moves = [(ref, base, sha)]
        announce(store, git, repository_id, moves, sender_id=sender_id, at=at, merging=True)
        return store.merge_pull(pull_id, sha, sender_id=sender_id, at=at)


def email_of(store: Store, account_id: int) -> str:
    """The email with which an account commits; GitHub's private address if it has none."""
    account = store.account(account_id)
    if account is None:
        return "noreply@github.com"
    return account.email or f"{account.id}+{account.login}@users.noreply.github.com"


def _line(
    commit: Commit, distinct: bool, paths: tuple[list[str], list[str], list[str]] | None
) -> CommitLine:
    added, removed, modified = paths or ([], [], [])
    return CommitLine(
        commit.sha,
        commit.tree,
        commit.message,
        commit.committer_date,
        commit.author_name,
        commit.author_email,
        commit.committer_name,
        commit.committer_email,
        distinct,
        tuple(added),
        tuple(removed),
        tuple(modified),
    )


def release_commit_at(
    store: Store,
    git: GitRepos,
    repository_id: int,
    tag: str,
    target: str,
    *,
    draft: bool,
    sender_id: int | None = None,
) -> int | None:
    """The time of the commit that a release is of; makes a missing tag at `target`, unless for a
    draft. None where neither is there.
    """
    ref = f"refs/tags/{tag}"
    sha = git.ref(repository_id, ref)
    if sha is None:
        sha = git.resolve(repository_id, target)
        if sha is None:
            return None
        if not draft:
            move_ref(store, git, repository_id, ref, sha, sender_id=sender_id)
    sha = git.peel(repository_id, sha)
    commit = git.commits(repository_id, [sha]).get(sha)
    return store.clock.now() if commit is None else commit.committer_at
