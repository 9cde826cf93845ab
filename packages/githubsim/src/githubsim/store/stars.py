"""Stars and watchers of repositories."""

from dataclasses import replace

from githubsim.store.people_rows import Star, Watcher
from githubsim.store.repositories import Repositories
from githubsim.store.rows import Repository


class Stars(Repositories):
    """The part of the store that knows who likes what."""

    def star(self, repository_id: int, account_id: int, *, at: int | None = None) -> Star:
        """Star a repository; twice is once. Sends `star.created` and `watch.started`."""
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self.find_star(repository_id, account_id)
            if old is not None:
                return old
            new = Star(repository_id, account_id, at)
            self.insert(new)
            repository = self._existing(repository_id)
            repository = _counted(repository, 1, at)
            self.update(repository)
            self.tell("star", "created", repository, new, account_id, at)
            self.tell("watch", "started", repository, new, account_id, at)
        return new

    def unstar(self, repository_id: int, account_id: int, *, at: int | None = None) -> None:
        """Take a star back. Sends `star.deleted`."""
        at = self.clock.now() if at is None else at
        with self.writing():
            old = self.find_star(repository_id, account_id)
            if old is None:
                return
            self.execute(
                "DELETE FROM stars WHERE repository_id = ? AND account_id = ?",
                (repository_id, account_id),
            )
            repository = self._existing(repository_id)
            repository = _counted(repository, -1, at)
            self.update(repository)
            self.tell("star", "deleted", repository, old, account_id, at)

    def stars(self, repository_id: int, *, limit: int = -1, offset: int = 0) -> list[Star]:
        """A repository's stars, oldest first, one page or all."""
        where = "WHERE repository_id = ? ORDER BY starred_at, account_id LIMIT ? OFFSET ?"
        return self.rows(Star, where, (repository_id, limit, offset))

    def count_stars(self, repository_id: int) -> int:
        """How many those are."""
        sql = "SELECT count(*) FROM stars WHERE repository_id = ?"
        return int(self.value(sql, (repository_id,)))

    def watch(self, repository_id: int, account_id: int) -> None:
        """Watch a repository; twice is once. Sends nothing, and no clock moves."""
        with self.writing():
            if all(one.account_id != account_id for one in self.watchers(repository_id)):
                self.insert(Watcher(repository_id, account_id))

    def unwatch(self, repository_id: int, account_id: int) -> None:
        """Watch it no longer. Sends nothing."""
        where = "WHERE repository_id = ? AND account_id = ?"
        with self.writing():
            self.execute(f"DELETE FROM watchers {where}", (repository_id, account_id))  # noqa: S608

    def watchers(self, repository_id: int) -> list[Watcher]:
        """Who watches a repository, the oldest account first."""
        return self.rows(Watcher, "WHERE repository_id = ? ORDER BY account_id", (repository_id,))

    def find_star(self, repository_id: int, account_id: int) -> Star | None:
        """Somebody's star of a repository, or None."""
        where = "WHERE repository_id = ? AND account_id = ?"
        return self.row(Star, where, (repository_id, account_id))


def _counted(repository: Repository, change: int, at: int) -> Repository:
    """A star moves the repository's clock, coming and going, as in GitHub's example payloads of
    `star` (octokit/webhooks).
    """
    stars, clock = repository.stargazers + change, max(at, repository.updated_at)
    return replace(repository, stargazers=stars, updated_at=clock)
