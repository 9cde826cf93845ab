"""Which languages the files of a commit are written in, as both interfaces show it."""

from collections import Counter
from functools import lru_cache
from pathlib import PurePosixPath

from githubsim.gitrepos import GitRepos

_LANGUAGES = {
    ".c": "C",
    ".cpp": "C++",
    ".css": "CSS",
    ".go": "Go",
    ".h": "C",
    ".html": "HTML",
    ".java": "Java",
    ".js": "JavaScript",
    ".kt": "Kotlin",
    ".php": "PHP",
    ".py": "Python",
    ".rb": "Ruby",
    ".rs": "Rust",
    ".sh": "Shell",
    ".sql": "PLpgSQL",
    ".swift": "Swift",
    ".ts": "TypeScript",
}


@lru_cache(maxsize=512)
def languages_of(git: GitRepos, repository_id: int, head: str) -> tuple[tuple[str, int], ...]:
    """Each with its bytes, the most first."""
    sizes: Counter[str] = Counter()
    for path, size in git.files(repository_id, head).items():
        language = _LANGUAGES.get(PurePosixPath(path).suffix)
        if language is not None:
            sizes[language] += size
    return tuple(sizes.most_common())
