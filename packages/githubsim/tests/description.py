"""GitHub's own OpenAPI description, as githubkit has it: what may come back, and what must not.

`githubkit` is generated from that description. Its methods are asked here for the models of their
answers instead of being sent, so that any request can be judged, however it was made. Its models
let pass what they do not know; `unknown` finds that.
"""

import inspect
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import httpx
from githubkit import GitHub
from githubkit_schemas.v2022_11_28 import webhooks as webhooks_2022
from githubkit_schemas.v2026_03_10 import webhooks as webhooks_2026
from pydantic import BaseModel, TypeAdapter, ValidationError

WEBHOOKS = {"2022-11-28": webhooks_2022, "2026-03-10": webhooks_2026}
VERSIONS = tuple(WEBHOOKS)
_OPERATION = re.compile(r"\s*([A-Z]+) (/\S*)")
_PARAMETER = re.compile(r"\{[^}]*\}")
# What GitHub's errors say though their schemas do not have it: `status` is in every one, `block`
# in 451 (github/rest-api-description#3314), `url` in 301 (its guide to redirects).
SAID_OF_ERRORS = (".status", ".block", ".url")
# What some of GitHub's schemas of the same thing have and the older ones (mostly of webhooks) do
# not: by the end of the path.
SAID_ELSEWHERE = re.compile(
    r"\.user_view_type|labels\[\]\.archived_(at|by)"
    r"|requested_teams?(\[\])?\.(notification_setting|organization_id|type)"
    r"|(repo(sitory)?|forkee)\.(has_discussions|has_pull_requests|pull_request_creation_policy)"
    r"|repo(sitory)?\.web_commit_signoff_required"
)
# Events that the schema of an issue's events forgets; that of its timeline has them.
CHANGES_OF_STATE = (
    "auto_merge_disabled",
    "auto_merge_enabled",
    "base_ref_changed",
    "closed",
    "comment_deleted",
    "connected",
    "convert_to_draft",
    "disconnected",
    "head_ref_deleted",
    "head_ref_force_pushed",
    "merged",
    "ready_for_review",
    "referenced",
    "reopened",
    "transferred",
    "unlocked",
)


@dataclass(frozen=True)
class Operation:
    """One endpoint of GitHub's: `name` is `METHOD /path/{with}/{parameters}`."""

    name: str
    success: Any
    errors: Mapping[str, Any]


class _Unsent(GitHub[Any]):
    """Gives back what a request would have been."""

    def request(self, method: Any, url: Any, **about: Any) -> Any:
        return about


# Its methods hold it weakly. What is sent does not matter here, wrong or not.
_UNSENT = _Unsent(rest_api_validate_body=False)


@cache
def _methods(version: str) -> dict[str, Any]:
    """The methods of githubkit by the operation's name, without the names of its parameters."""
    rest = _UNSENT.rest(version)  # type: ignore[call-overload]
    found = {}
    for group in (getattr(rest, name) for name in dir(rest) if not name.startswith("_")):
        for name, method in inspect.getmembers(group, inspect.ismethod):
            lines = (method.__doc__ or "").split("\n")
            heading = _OPERATION.fullmatch(lines[2]) if len(lines) > 2 else None
            if heading is not None and not name.startswith("async_"):
                found[_PARAMETER.sub("{}", f"{heading[1]} {heading[2]}")] = (method, heading[2])
    return found


@cache
def operation(name: str, version: str) -> Operation | None:
    """What GitHub says of `METHOD /path` (whatever its parameters are called); None: nothing."""
    found = _methods(version).get(_PARAMETER.sub("{}", name))
    if found is None:
        return None
    method, path = found
    needed = inspect.signature(method).parameters.values()
    named = {
        one.name: "x" for one in needed if one.kind is one.KEYWORD_ONLY and one.default is one.empty
    }
    about = method(*["x"] * len(_PARAMETER.findall(path)), **named)
    return Operation(
        f"{name.partition(' ')[0]} {path}",
        about.get("response_model"),
        about.get("error_models") or {},
    )


def judged(what: Operation, answer: httpx.Response, version: str) -> list[str]:
    """What is wrong with an answer: its status, its fields, or fields that GitHub does not have."""
    status = str(answer.status_code)
    if answer.status_code in (204, 205):
        return [f"{status} with a body: {answer.text[:200]}"] if answer.content else []
    if answer.status_code >= 300:
        # Some errors are named without a schema, some not at all; they are like all others.
        model = what.errors.get(
            status, what.errors.get(f"{status[0]}XX", _error_model(version, status))
        )
        return mismatches(model, answer.json(), SAID_OF_ERRORS)
    if what.success is None:
        return [f"{status} with a body: {answer.text[:200]}"] if answer.content else []
    if what.success is str:
        return [] if answer.text else [f"{status} without a text"]
    # Statistics that are being computed.
    if answer.status_code == 202 and answer.json() == {}:
        return []
    document = answer.json()
    if what.name.endswith("/issues/{issue_number}/events"):
        timeline = operation(what.name.replace("/events", "/timeline"), version)
        assert timeline is not None
        changes = [one for one in document if one["event"] in CHANGES_OF_STATE]
        document = [one for one in document if one["event"] not in CHANGES_OF_STATE]
        return mismatches(what.success, document) + mismatches(timeline.success, changes)
    return mismatches(what.success, document)


@cache
def _error_model(version: str, status: str) -> Any:
    """`basic-error`, the shape of all errors, or `validation-error`, that of 422."""
    found = operation("POST /repos/{owner}/{repo}/labels", version)
    assert found is not None
    return found.errors.get(status, found.errors["404"])


@cache
def _adapter(model: Any) -> TypeAdapter[Any]:
    """Made once for each model: that takes longer than most judgements."""
    return TypeAdapter(model)


def mismatches(model: Any, document: Any, besides: Collection[str] = ()) -> list[str]:
    """What of a document is not as the model says, and what of it the model does not know,
    `besides` these paths.
    """
    try:
        parsed = _adapter(model).validate_python(document)
    except ValidationError as error:
        return [str(error)[:2000]]
    strange = set(unknown(document, parsed)).difference(besides)
    return [f"{path} is not described" for path in sorted(strange)]


def unknown(document: Any, parsed: Any, path: str = "") -> Iterator[str]:
    """The paths of a document that its parsed model has no field for."""
    if isinstance(document, list) and isinstance(parsed, (list, tuple)):
        for one, other in zip(document, parsed, strict=True):
            yield from unknown(one, other, f"{path}[]")
    elif isinstance(document, dict) and isinstance(parsed, BaseModel):
        fields = {field.alias or name: name for name, field in type(parsed).model_fields.items()}
        extra = type(parsed).model_config.get("extra") == "allow"
        for key, value in document.items():
            if key in fields:
                yield from unknown(value, getattr(parsed, fields[key]), f"{path}.{key}")
            elif not (extra or SAID_ELSEWHERE.search(f"{path}.{key}")):
                yield f"{path}.{key}"


def payload_mismatches(event: str, body: bytes) -> list[str]:
    """What is wrong with a webhook's payload. It must be valid in both versions; that a field is
    not described counts where neither has it, as one payload serves both.
    """
    document = json.loads(body)
    kind = "".join(map(str.capitalize, event.split("_"))) + "Event"
    found: list[str] = []
    strange: list[set[str]] = []
    for version, webhooks in WEBHOOKS.items():
        try:
            parsed = _adapter(getattr(webhooks, kind)).validate_python(document)
        except ValidationError as error:
            found.append(f"{version}: {error}"[:2000])
        else:
            strange.append(set(unknown(document, parsed)))
    paths = set.intersection(*strange) if strange else set()
    return found + [f"{one} is not described" for one in sorted(paths)]
