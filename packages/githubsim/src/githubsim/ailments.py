"""What is wrong with one repository, or one installation, alone: refused, switched off, sick.

Sources are beside each field. Kept in the world, so that it outlives a restart.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import msgspec

from githubsim.errors import ApiError
from githubsim.store import Installation, Repository, Store

Refusal = Literal["", "saml", "ip_allow_list"]
PullsOff = Literal["", "empty", "forbidden", "not_found"]
# https://docs.github.com/rest/authentication/authenticating-to-the-rest-api (personal access tokens
# and SAML SSO) for the header; the words as in fwouts/prmonitor#1042 and aquasecurity/trivy#10567.
_SAML = (
    "Resource protected by organization SAML enforcement. You must grant your OAuth token access "
    "to this organization."
)
_ADDRESS = (
    "Although you appear to have the correct authorization credentials, the `{owner}` organization "
    "has an IP allow list enabled, and your IP address is not permitted to access this resource."
)


@dataclass(frozen=True, slots=True)
class Ailments:
    """`refused`: REST answers 403, GraphQL FORBIDDEN and git 403, as for an organisation's SAML
    enforcement or IP allow list; the only one that an installation may have.

    `pulls_off`: the owner switched pull requests off (possible since February 2026): REST's
    `/pulls` answers 404 for everybody (augurlabs/augur#3731, kenn-io/forge#819) and
    `has_pull_requests` is false. What GraphQL answers then is told nowhere: an `empty` list,
    `forbidden` or `not_found`.

    `git_silent`: connections to its git are taken and never answered. `lists_fail`: its lists of
    issues and pull requests answer 502 however short they are asked for, as reported of single
    repositories (apache/devlake#8469, turbot/steampipe-plugin-github#351); counts do not.
    """

    refused: Refusal = ""
    pulls_off: PullsOff = ""
    git_silent: bool = False
    lists_fail: bool = False


WELL = Ailments()


def ailments(store: Store, of: Repository | Installation | None) -> Ailments:
    """What is wrong with it now."""
    text = None if of is None else store.setting(_key(of))
    return msgspec.json.decode(text, type=Ailments) if text else WELL


def afflict(store: Store, of: Repository | Installation, fields: dict[str, Any]) -> Ailments:
    """Change some of it. ValueError names what is no ailment."""
    before = asdict(ailments(store, of))
    unknown = fields.keys() - before.keys()
    if unknown:
        raise ValueError(f"no such ailment: {', '.join(sorted(unknown))}")
    now = msgspec.convert(before | fields, Ailments)
    if isinstance(of, Installation) and replace(now, refused="") != WELL:
        raise ValueError("an installation can only be refused")
    store.set_setting(_key(of), "" if now == WELL else msgspec.json.encode(now).decode())
    return now


def refusal(
    store: Store, repository: Repository | None, installation: Installation | None
) -> ApiError | None:
    """The 403 that meets whoever asks for the repository, or asks as the installation."""
    kinds = (ailments(store, repository).refused, ailments(store, installation).refused)
    owner_id = installation.account_id if installation is not None else None
    if repository is not None:
        owner_id = repository.owner_id
    owner = store.account(owner_id) if owner_id is not None else None
    login = owner.login if owner else "ghost"
    if "saml" in kinds:
        url = f"https://github.com/orgs/{login}/sso?authorization_request=AZSCKtL4U8yX1H3sCQIVnVgm"
        return ApiError(403, _SAML, headers={"X-GitHub-SSO": f"required; url={url}"})
    if "ip_allow_list" in kinds:
        return ApiError(403, _ADDRESS.format(owner=login))
    return None


def _key(of: Repository | Installation) -> str:
    kind = "repository" if isinstance(of, Repository) else "installation"
    return f"ailments {kind} {of.id}"
