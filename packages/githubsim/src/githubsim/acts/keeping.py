"""What maintainers keep: readme, licence and code owners, and annotated tags."""

from __future__ import annotations

from githubsim import words
from githubsim.acts.acting import Acting
from githubsim.pushes import NewCommit, annotate, move_ref, push_commits
from githubsim.store import ZERO_SHA, Repository

_MADE = "refs/tags/made-"


class Keeping(Acting):
    """What is done by git, and shown beside the code."""

    def edit_community(self, repository: Repository) -> None:
        """Another readme, licence or CODEOWNERS, in one of the places for it; or none any more."""
        user = self._somebody()
        folder = self._rng.choice((".github/", "", "docs/"))
        readme = f"# {words.title(self._rng)}\n\n{words.sentence(self._rng)}\n".encode()
        title = self._rng.choice(("MIT License", "Apache License", "Nobody's licence"))
        rules = f"* @{self._somebody().login}\n*.md @{user.login}\n*.*** nobody\n".encode()
        path, content = self._rng.choice(
            (
                (f"{folder}README.md", readme),
                ("LICENSE", f"{title}\n".encode()),
                (f"{folder}CODEOWNERS", rules),
            )
        )
        gone = self._rng.random() < 0.2
        who = (user.name or user.login, user.email or "")
        commit = NewCommit(f"Edit {path}", {path: None if gone else content}, who, self._now())
        branch = repository.default_branch
        push_commits(self._store, self._git, repository.id, branch, [commit], sender_id=user.id)

    def tag(self, repository: Repository) -> None:
        """A new annotated tag, another under the same name, or one less."""
        user, refs = self._somebody(), self._git.refs(repository.id)
        made = [name for name in refs if name.startswith(_MADE)]
        name = self._rng.choice(made) if made and self._rng.random() < 0.5 else ""
        if name and self._rng.random() < 0.5:
            after = ZERO_SHA
        else:
            name = name or f"{_MADE}{self._rng.randrange(10**6)}"
            tagger = (user.name or user.login, user.email or "")
            head = refs[f"refs/heads/{repository.default_branch}"]
            after = annotate(
                self._git, repository.id, name.removeprefix("refs/tags/"), head,
                words.sentence(self._rng), tagger=tagger, at=self._now(),
                signed=self._rng.random() < 0.3,
            )  # fmt: skip
        move_ref(self._store, self._git, repository.id, name, after, sender_id=user.id)

    def _now(self) -> int:
        return self._store.clock.now()
