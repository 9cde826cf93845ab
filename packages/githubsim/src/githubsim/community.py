"""The files of a default branch that GitHub looks for: readme, licence and CODEOWNERS."""

import re
from dataclasses import dataclass
from functools import lru_cache

from githubsim.gitrepos import GitRepos
from githubsim.shapes import Json

# By what their texts begin with. GitHub compares all of the text (github.com/licensee/licensee).
_TITLES = {
    "mit license": "mit",
    "apache license": "apache-2.0",
    "bsd 3-clause license": "bsd-3-clause",
    "gnu general public license": "gpl-3.0",
}
# https://docs.github.com/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-readmes
# https://docs.github.com/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners
_FOLDERS = (".github/", "", "docs/")
_README = re.compile(r"readme(\.(md|markdown|rst|adoc|org|textile|txt))?", re.I)
# The better first, as in licensee's lib/licensee/project_files/license_file.rb.
_LICENSE_NAMES = tuple(
    re.compile(one, re.I)
    for one in (
        r"(un)?licen[sc]e", r"(un)?licen[sc]e\.(md|markdown|txt)", r"copy(ing|right)",
        r"copy(ing|right)\.(md|markdown|txt)", r"(un)?licen[sc]e\.[^./]+",
    )
)  # fmt: skip
_MOST_OWNERS = 3_000_000


@dataclass(frozen=True, slots=True)
class Found:
    """A file: of a link, what it leads to under the link's own path."""

    path: str
    sha: str
    content: bytes


@lru_cache(maxsize=512)
def readme(git: GitRepos, repository_id: int, head: str) -> Found | None:
    """The preferred readme: the order of folders is documented, that of several in one is not."""
    for folder in _FOLDERS:
        names = [one for one in _files(git, repository_id, head, folder) if _README.fullmatch(one)]
        order = ("md", "markdown", "textile", "org", "adoc", "rst", "", "txt")
        names.sort(key=lambda one: (order.index(one.lower().partition(".")[2]), one))
        for name in names:
            found = read(git, repository_id, head, folder + name)
            if found is not None:
                return found
    return None


@lru_cache(maxsize=512)
def license_file(git: GitRepos, repository_id: int, head: str) -> Found | None:
    """The file at the top that says the licence."""
    names = sorted(_files(git, repository_id, head, ""))
    for pattern in _LICENSE_NAMES:
        for name in names:
            if pattern.fullmatch(name):
                return read(git, repository_id, head, name)
    return None


@lru_cache(maxsize=512)
def codeowners(git: GitRepos, repository_id: int, head: str) -> Found | None:
    """The CODEOWNERS that counts."""
    for folder in _FOLDERS:
        if "CODEOWNERS" in _files(git, repository_id, head, folder):
            return read(git, repository_id, head, f"{folder}CODEOWNERS")
    return None


def license_key(git: GitRepos, repository_id: int, branch: str) -> str | None:
    """What the licence of a branch is taken for; `other` is a file that GitHub does not know."""
    head = git.ref(repository_id, f"refs/heads/{branch}")
    found = None if head is None else license_file(git, repository_id, head)
    if found is None:
        return None
    title = found.content.decode(errors="replace").strip().partition("\n")[0].strip().lower()
    return _TITLES.get(title, "other")


def errors(owners: Found) -> list[Json]:
    """What GitHub says is wrong with a CODEOWNERS, as in the example of its description:
    https://docs.github.com/rest/repos/repos#list-codeowners-errors
    """
    if len(owners.content) > _MOST_OWNERS:
        return []
    found: list[Json] = []
    for number, line in enumerate(owners.content.decode(errors="replace").split("\n"), 1):
        rule = re.sub(r"(^|\s)#.*", "", line)
        words = rule.split()
        if not words:
            continue
        pattern, *people = words
        wrong = "***" in pattern or "[" in pattern or "]" in pattern or pattern[0] == "!"
        wrong = wrong or pattern.startswith("\\#")
        bad = next((one for one in people if not _is_owner(one)), None)
        if not wrong and bad is None:
            continue
        kind = "Invalid pattern" if wrong else "Invalid owner"
        column = line.index(pattern if wrong else str(bad)) + 1
        hint = None
        if "***" in pattern:
            hint = f"Did you mean `{pattern.replace('***', '**')}`?"
        message = f"{kind} on line {number}: {hint or ''}\n\n  {line}\n  {' ' * (column - 1)}^"
        found.append(
            {
                "line": number,
                "column": column,
                "kind": kind,
                "source": line,
                "suggestion": hint,
                "message": message,
                "path": owners.path,
            }
        )
    return found


def read(git: GitRepos, repository_id: int, head: str, path: str) -> Found | None:
    """A file of a commit; None for folders, submodules and links that lead nowhere."""
    said = git.batch(repository_id, f"{head}:{path}", follow=True)
    return None if said is None or said[1] != "blob" else Found(path, said[0], said[2])


def _is_owner(text: str) -> bool:
    user = re.fullmatch(r"@[A-Za-z0-9][\w-]*(/[\w.-]+)?", text)
    return bool(user or re.fullmatch(r"[^\s@]+@[^\s@]+", text))


def _files(git: GitRepos, repository_id: int, head: str, folder: str) -> list[str]:
    """Names of files and links in a folder of a commit."""
    args = ["ls-tree", "-z", head, *([folder] if folder else [])]
    listed = git.try_run(args, git.path(repository_id)).split("\0")
    entries = [one.split("\t", 1) for one in listed if one]
    return [path.removeprefix(folder) for about, path in entries if about.split()[1] == "blob"]
