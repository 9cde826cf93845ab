"""The API's versions: what a later one no longer says.

https://docs.github.com/rest/about-the-rest-api/breaking-changes
"""

from typing import Any

DEFAULT = "2022-11-28"
NEWEST = "2026-03-10"
VERSIONS = (DEFAULT, NEWEST)
# Of answers in a version that has an end, since 2026-03-10:
# https://docs.github.com/rest/about-the-rest-api/api-versions
_ENDS = {
    DEFAULT: {
        "Deprecation": "Tue, 10 Mar 2026 00:00:00 GMT",
        "Sunset": "Fri, 10 Mar 2028 00:00:00 GMT",
    }
}
_ABOUT = (
    "<https://docs.github.com/en/rest/about-the-rest-api/api-versions>; "
    'rel="deprecation"; type="text/html"'
)


def with_its_end(version: str, headers: dict[str, str]) -> dict[str, str]:
    """An answer's headers, with those that name the end of its version."""
    ends = _ENDS.get(version)
    if ends is None:
        return headers
    link = ", ".join(filter(None, (_ABOUT, headers.get("Link"))))
    return headers | ends | {"Link": link}


def as_of(version: str, body: Any) -> Any:
    """An answer's body as this version has it."""
    return body if version == DEFAULT else _without_closed_down(body)


def _without_closed_down(body: Any) -> Any:
    if isinstance(body, list):
        return [_without_closed_down(one) for one in body]
    if not isinstance(body, dict):
        return body
    gone = set()
    for marks, names in _CLOSED_DOWN:
        if marks <= body.keys():
            gone |= names
    return {key: _without_closed_down(value) for key, value in body.items() if key not in gone}


# Fields that 2026-03-10 closed down, and the keys by which the objects are told that had them.
_CLOSED_DOWN = (
    ({"resources", "rate"}, {"rate"}),
    ({"assignees", "assignee"}, {"assignee"}),
    ({"clone_url", "has_downloads"}, {"has_downloads"}),
    ({"diff_url", "merge_commit_sha"}, {"merge_commit_sha"}),
    ({"authorizations_url", "hub_url"}, {"authorizations_url", "hub_url"}),
)
