"""Statistics of a repository. The first question of each kind after a push is answered 202."""

import threading
from collections import defaultdict

from githubsim.errors import ApiError
from githubsim.gitrepos import GitRepos
from githubsim.rest.call import Answer, Call, route
from githubsim.shapes import Json
from githubsim.statistics import (
    DAY,
    MOST_COUNTED,
    NOTHING,
    WEEK,
    Statistics,
    Sum,
    statistics,
    week_of,
)

_STATS = "/repos/{owner}/{repo}/stats"
_YEAR = 52
_MOST_CONTRIBUTORS = 100
_asked: set[tuple[GitRepos, int, str, str]] = set()
_guard = threading.Lock()


@route("GET", _STATS + "/contributors", "metadata")
def contributors(call: Call) -> Answer:
    """https://docs.github.com/rest/metrics/statistics#get-all-contributor-commit-activity"""
    found = _found(call)
    if found is None:
        return Answer({}, 202)
    by_account: dict[int, dict[int, Sum]] = defaultdict(dict)
    for (email, week), one in found.by_author.items():
        account = call.store.account_by_email(email)
        if account is not None:
            by_account[account.id].setdefault(week, Sum()).add(one)
    totals = {key: sum(one.commits for one in mine.values()) for key, mine in by_account.items()}
    # As on GitHub the hundred busiest, the busiest last.
    busiest = sorted(by_account, key=lambda key: (totals[key], key))[-_MOST_CONTRIBUTORS:]
    return Answer(
        [
            {
                "author": call.shapes.user_by_id(key),
                "total": totals[key],
                "weeks": [_week(week, by_account[key].get(week, Sum())) for week in found.weeks],
            }
            for key in busiest
        ]
    )


@route("GET", _STATS + "/commit_activity", "metadata")
def commit_activity(call: Call) -> Answer:
    """https://docs.github.com/rest/metrics/statistics#get-the-last-year-of-commit-activity"""
    found = _found(call)
    if found is None:
        return Answer({}, 202)
    shapes = []
    for week in _last_year(call):
        days = [found.by_day.get(week + day * DAY, 0) for day in range(7)]
        shapes.append({"days": days, "total": sum(days), "week": week})
    return Answer(shapes)


@route("GET", _STATS + "/code_frequency", "metadata")
def code_frequency(call: Call) -> Answer:
    """https://docs.github.com/rest/metrics/statistics#get-the-weekly-commit-activity"""
    found = _found(call)
    if found is None:
        return Answer({}, 202)
    if found.commits > MOST_COUNTED:
        raise ApiError(422, "Repository has too many commits.")
    sums = {week: Sum() for week in found.weeks}
    for (_, week), one in found.by_author.items():
        sums[week].add(one)
    return Answer([[week, one.additions, -one.deletions] for week, one in sums.items()])


@route("GET", _STATS + "/participation", "metadata")
def participation(call: Call) -> Answer:
    """https://docs.github.com/rest/metrics/statistics#get-the-weekly-commit-count"""
    found = _found(call)
    if found is None:
        return Answer({}, 202)
    mails = {one.lower() for one in call.store.emails(call.repository.owner_id)}
    all_, owner = (dict.fromkeys(_last_year(call), 0) for _ in range(2))
    for (email, week), one in found.by_author.items():
        if week in all_:
            all_[week] += one.commits
            owner[week] += one.commits if email.lower() in mails else 0
    return Answer({"all": list(all_.values()), "owner": list(owner.values())})


@route("GET", _STATS + "/punch_card", "metadata")
def punch_card(call: Call) -> Answer:
    """https://docs.github.com/rest/metrics/statistics#get-the-hourly-commit-count-for-each-day"""
    found = _found(call)
    if found is None:
        return Answer({}, 202)
    hours = ((day, hour) for day in range(7) for hour in range(24))
    return Answer([[day, hour, found.by_hour.get(day * 24 + hour, 0)] for day, hour in hours])


def _found(call: Call) -> Statistics | None:
    """Those of the default branch; None where GitHub would still be computing."""
    git, repository = call.git, call.repository
    head = git.ref(repository.id, f"refs/heads/{repository.default_branch}")
    if head is None:
        return NOTHING
    key = (git, repository.id, head, call.path.rpartition("/")[2])
    with _guard:
        if key not in _asked:
            _asked.add(key)
            return None
    return statistics(git, repository.id, head)


def _last_year(call: Call) -> range:
    """The last 52 weeks, this one included."""
    this = week_of(call.store.clock.now())
    return range(this - (_YEAR - 1) * WEEK, this + 1, WEEK)


def _week(week: int, one: Sum) -> Json:
    return {"w": week, "a": one.additions, "d": one.deletions, "c": one.commits}
