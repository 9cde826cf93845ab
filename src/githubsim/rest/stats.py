"""Statistics of a repository. The first question of each kind after a push is answered 202."""

import threading
from collections import defaultdict
from collections.abc import Sequence

from githubsim.errors import ApiError
from githubsim.gitrepos import GitRepos
from githubsim.rest.call import Answer, Call, route
from githubsim.shapes import Json
from githubsim.statistics import DAY, MOST_COUNTED, WEEK, Entry, entries, week_of

_STATS = "/repos/{owner}/{repo}/stats"
_YEAR = 52
_MOST_CONTRIBUTORS = 100
_asked: set[tuple[GitRepos, int, str, str]] = set()
_guard = threading.Lock()


@route("GET", _STATS + "/contributors", "metadata")
def contributors(call: Call) -> Answer:
    """https://docs.github.com/rest/metrics/statistics#get-all-contributor-commit-activity"""
    found = _entries(call)
    if found is None:
        return Answer({}, 202)
    by_account: dict[int, list[Entry]] = defaultdict(list)
    for one in found:
        account = call.store.account_by_email(one.email)
        if account is not None:
            by_account[account.id].append(one)
    weeks = _weeks(found)
    # As on GitHub the hundred busiest, the busiest last.
    busiest = sorted(by_account.items(), key=lambda item: (len(item[1]), item[0]))
    return Answer(
        [
            {
                "author": call.shapes.user_by_id(account_id),
                "total": len(mine),
                "weeks": _by_week(mine, weeks),
            }
            for account_id, mine in busiest[-_MOST_CONTRIBUTORS:]
        ]
    )


@route("GET", _STATS + "/commit_activity", "metadata")
def commit_activity(call: Call) -> Answer:
    """https://docs.github.com/rest/metrics/statistics#get-the-last-year-of-commit-activity"""
    found = _entries(call)
    if found is None:
        return Answer({}, 202)
    first = _first_week(call)
    days = [[0] * 7 for _ in range(_YEAR)]
    for one in found:
        place = (week_of(one.at) - first) // WEEK
        if 0 <= place < _YEAR:
            days[place][(one.at - week_of(one.at)) // DAY] += 1
    return Answer(
        [
            {"days": week, "total": sum(week), "week": first + place * WEEK}
            for place, week in enumerate(days)
        ]
    )


@route("GET", _STATS + "/code_frequency", "metadata")
def code_frequency(call: Call) -> Answer:
    """https://docs.github.com/rest/metrics/statistics#get-the-weekly-commit-activity"""
    found = _entries(call)
    if found is None:
        return Answer({}, 202)
    if len(found) > MOST_COUNTED:
        raise ApiError(422, "Repository has too many commits.")
    return Answer([[one["w"], one["a"], -one["d"]] for one in _by_week(found, _weeks(found))])


@route("GET", _STATS + "/participation", "metadata")
def participation(call: Call) -> Answer:
    """https://docs.github.com/rest/metrics/statistics#get-the-weekly-commit-count"""
    found = _entries(call)
    if found is None:
        return Answer({}, 202)
    first = _first_week(call)
    mails = {one.lower() for one in call.store.emails(call.repository.owner_id)}
    counts = {"all": [0] * _YEAR, "owner": [0] * _YEAR}
    for one in found:
        place = (week_of(one.at) - first) // WEEK
        if 0 <= place < _YEAR:
            counts["all"][place] += 1
            counts["owner"][place] += one.email.lower() in mails
    return Answer(counts)


@route("GET", _STATS + "/punch_card", "metadata")
def punch_card(call: Call) -> Answer:
    """https://docs.github.com/rest/metrics/statistics#get-the-hourly-commit-count-for-each-day"""
    found = _entries(call)
    if found is None:
        return Answer({}, 202)
    hours = [[day, hour, 0] for day in range(7) for hour in range(24)]
    for one in found:
        hours[(one.local - week_of(one.local)) // 3600][2] += 1
    return Answer(hours)


def _entries(call: Call) -> Sequence[Entry] | None:
    """The commits of the default branch; None where GitHub would still be computing."""
    git, repository = call.git, call.repository
    head = git.ref(repository.id, f"refs/heads/{repository.default_branch}")
    if head is None:
        return ()
    key = (git, repository.id, head, call.path.rpartition("/")[2])
    with _guard:
        if key not in _asked:
            _asked.add(key)
            return None
    return entries(git, repository.id, head)


def _first_week(call: Call) -> int:
    return week_of(call.store.clock.now()) - (_YEAR - 1) * WEEK


def _weeks(found: Sequence[Entry]) -> range:
    """All weeks from the first commit to the last."""
    if not found:
        return range(0)
    times = [one.at for one in found]
    return range(week_of(min(times)), week_of(max(times)) + 1, WEEK)


def _by_week(found: Sequence[Entry], weeks: range) -> list[Json]:
    rows = {week: {"w": week, "a": 0, "d": 0, "c": 0} for week in weeks}
    for one in found:
        row = rows[week_of(one.at)]
        row["a"] += one.additions
        row["d"] += one.deletions
        row["c"] += 1
    return list(rows.values())
