"""Views of the schema `github` that have no table of their own: what belongs to what among commits
and pull requests, and what is known of licences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

_REPOSITORY: Final = "GitHub's id of the repository."
_NAME: Final = "The repository's full name, owner/name."
_SEEN: Final = (
    "JOIN repositories repository ON repository.github_id = {0}.repository_id\n"
    "JOIN installations installation ON installation.github_id = repository.installation_id\n"
    "WHERE repository.deleted_at IS NULL AND repository.removed_at IS NULL "
    "AND installation.deleted_at IS NULL"
)


@dataclass(frozen=True)
class Relation:
    """A view with a query of its own; `columns` are name, type and meaning, `uses` the tables that
    it reads with the columns that they must have.
    """

    name: str
    about: str
    columns: Sequence[tuple[str, str, str]]
    uses: Mapping[str, set[str]]
    select: str

    @property
    def meanings(self) -> Mapping[str, str]:
        """Its columns in order, and what each means."""
        return {name: about for name, _, about in self.columns}


COMMIT_PARENTS = Relation(
    name="commit_parents",
    about="A parent of a commit; a merge has several.",
    columns=(
        ("repository_id", "bigint", _REPOSITORY),
        ("repository", "varchar(511)", _NAME),
        ("sha", "varchar(64)", "The commit's name."),
        ("position", "bigint", "The parent's place among its parents, from 0."),
        ("parent", "varchar(64)", "The name of the parent."),
    ),
    uses={"commits": {"repository_id", "sha", "parents", "deleted_at"}},
    select="\n".join(
        (
            "SELECT made.repository_id, repository.full_name AS repository, made.sha,",
            '  parents.place - 1 AS "position", parents.parent',
            "FROM commits made",
            "CROSS JOIN LATERAL unnest(made.parents) WITH ORDINALITY AS parents (parent, place)",
            _SEEN.format("made"),
            "AND made.deleted_at IS NULL",
        )
    ),
)
COMMIT_PULL_REQUESTS = Relation(
    name="commit_pull_requests",
    about="A pull request that a commit belongs to: it brings the commit, or was merged as it.",
    columns=(
        ("repository_id", "bigint", _REPOSITORY),
        ("repository", "varchar(511)", _NAME),
        ("sha", "varchar(64)", "The commit's name."),
        ("pull_request_number", "integer", "The number of the pull request."),
        ("merged_as", "boolean", "Whether this is the commit on the base branch that merged it."),
    ),
    uses={
        "pull_request_commits": {"repository_id", "sha", "pull_request_number"},
        "pull_requests": {"repository_id", "number", "merge_commit_sha", "merged", "deleted_at"},
    },
    select="\n".join(
        (
            "SELECT pairs.repository_id, repository.full_name AS repository, pairs.sha,",
            "  pairs.pull_request_number, bool_or(pairs.merged_as) AS merged_as",
            "FROM (",
            "  SELECT repository_id, sha, pull_request_number, false AS merged_as",
            "  FROM pull_request_commits",
            "  UNION ALL",
            "  SELECT repository_id, merge_commit_sha, number, true",
            "  FROM pull_requests",
            "  WHERE merged AND merge_commit_sha <> '' AND deleted_at IS NULL",
            ") pairs",
            _SEEN.format("pairs"),
            "GROUP BY 1, 2, 3, 4",
        )
    ),
)
LICENSES = Relation(
    name="licenses",
    about="The licence of a repository: what GitHub takes it for, and the file that says it.",
    columns=(
        ("repository_id", "bigint", _REPOSITORY),
        ("repository", "varchar(511)", _NAME),
        ("key", "varchar(255)", "What GitHub takes it for, as mit; other: it does not know it."),
        ("name", "varchar(255)", "The name of that licence."),
        ("spdx_id", "varchar(255)", "Its SPDX identifier; NOASSERTION if GitHub knows none."),
        ("path", "varchar(255)", "The path of the file; null if git shows none at the top."),
        ("sha", "varchar(64)", "The name of the blob."),
        ("size", "bigint", "Its size in bytes."),
    ),
    uses={
        "repositories": {"github_id", "license_key", "license_name", "license_spdx_id"},
        "license_files": {"repository_id", "path", "sha", "size", "deleted_at"},
    },
    select="\n".join(
        (
            "SELECT licensed.github_id AS repository_id, repository.full_name AS repository,",
            "  licensed.license_key AS key, licensed.license_name AS name,",
            "  licensed.license_spdx_id AS spdx_id, licensed.path, licensed.sha, licensed.size",
            "FROM (",
            "  SELECT r.github_id, r.github_id AS repository_id, r.license_key, r.license_name,",
            "    r.license_spdx_id, f.path, f.sha, f.size",
            "  FROM repositories r",
            "  LEFT JOIN license_files f",
            "    ON f.repository_id = r.github_id AND f.deleted_at IS NULL",
            "  WHERE r.license_key <> '' OR f.path IS NOT NULL",
            ") licensed",
            _SEEN.format("licensed"),
        )
    ),
)
RELATIONS: Final = (COMMIT_PARENTS, COMMIT_PULL_REQUESTS, LICENSES)
