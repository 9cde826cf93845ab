"""How many objects GitHub is asked for at once: fewer where that was too heavy, and slowly more.

Each query that is too heavy takes extra points from the next hour, so the size that failed is
remembered, in the database too, and tried again only after many that went well.
"""

from __future__ import annotations

from dataclasses import dataclass

from autosync.mirror.models import PageSize

# After so many pages in a row a few more are asked for; after so many, what failed before.
_GOOD = 3
_GOOD_FOR_WHAT_FAILED = 50
_STEPS = 20  # from nothing to a whole page


@dataclass
class Paging:
    """The size now; `most` is GitHub's own bound. Kept in the database if it is a repository's."""

    most: int
    repository_id: int | None = None
    name: str = ""
    size: int = 0
    good: int = 0
    failed: int | None = None
    """The size that was too heavy last."""

    def __post_init__(self) -> None:
        self._grown_from: int | None = None
        # Before the first failure of a row of them, and how many objects it may have been about.
        self._before: tuple[int, int | None] | None = None
        self._in_question = 0
        self.size = self.most
        if self.repository_id is None:
            return
        row = PageSize.objects.filter(repository_id=self.repository_id, name=self.name).first()
        if row is not None:
            self.size, self.good = min(row.size, self.most), row.good
            self.failed = row.too_heavy

    def too_heavy(self) -> bool:
        """GitHub did not answer; whether there is a smaller size to ask for."""
        if self._before is None:
            self._before, self._in_question = (self.size, self.failed), self.size
        if self.size <= 1:
            return False
        self.failed = self.size
        self.size = self._grown_from or self.size // 2
        self._grown_from = None
        self.good = 0
        self._save()
        return True

    def went_well(self) -> None:
        """GitHub answered a page of this size."""
        self._in_question -= self.size
        if self._in_question <= 0:
            self._before = None
        if self.failed is None:
            return
        self.good += 1
        again = self.size + 1 >= self.failed
        if self.good >= (_GOOD_FOR_WHAT_FAILED if again else _GOOD):
            step = max(self.most // _STEPS, 1)
            bound = self.most if again else min(self.failed - 1, self.most)
            self._grown_from, self.size, self.good = self.size, min(self.size + step, bound), 0
            if self.size > self.failed:
                self.failed = self.size + 1
        if self.size >= self.most:
            self.failed = None
        self._save()

    def was_one_object(self) -> None:
        """GitHub could not answer for one object; their number was not too many."""
        if self._before is not None:
            self.size, self.failed = self._before
        self.good, self._grown_from, self._before = 0, None, None
        self._save()

    def _save(self) -> None:
        if self.repository_id is None:
            return
        if self.failed is None:
            PageSize.objects.filter(repository_id=self.repository_id, name=self.name).delete()
            return
        PageSize.objects.update_or_create(
            repository_id=self.repository_id,
            name=self.name,
            defaults={"size": self.size, "good": self.good, "too_heavy": self.failed},
        )
