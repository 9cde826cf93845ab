"""Who is calling: App JWTs and tokens, checked as GitHub checks them.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app
"""

import base64
import binascii
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, TypeGuard

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from githubsim import nonces
from githubsim.errors import ApiError, not_found
from githubsim.store import Account, App, Installation, Repository, Store, Token

TOKEN_LIFE = 3600
MAX_JWT_LIFE = 600
# GitHub's own clock may be a little behind the caller's.
SKEW = 60
MAX_TOKEN_REPOSITORIES = 500
_LEVELS = {"read": 1, "write": 2, "admin": 3}
_BAD_EXP = (
    "'Expiration time' claim ('exp') must be a numeric value representing the future time at "
    "which the assertion expires"
)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request. `kind` is app, installation, user or anonymous."""

    kind: str
    store: Store = field(repr=False)
    address: str = ""
    app: App | None = None
    installation: Installation | None = None
    token: Token | None = None
    account: Account | None = None

    @property
    def key(self) -> str:
        """Whose quota this request takes."""
        if self.installation is not None:
            return f"installation:{self.installation.id}"
        if self.app is not None:
            return f"app:{self.app.id}"
        if self.account is not None:
            return f"user:{self.account.id}"
        return f"ip:{self.address}"

    @property
    def acting_id(self) -> int | None:
        """The account that does what this caller does: the App's bot, or the user."""
        if self.account is not None:
            return self.account.id
        app = self.store.app() if self.installation is not None else None
        return None if app is None else app.bot_id

    def covers(self, repository: Repository) -> bool:
        """Whether the token was given for this repository (a user's is for all)."""
        if self.kind == "user":
            return True
        if self.installation is None or self.token is None:
            return False
        if repository.owner_id != self.installation.account_id:
            return False
        narrowed = self.token.repository_ids
        if narrowed is not None and repository.id not in narrowed:
            return False
        return self.installation.id in self.store.installations_seeing(repository)

    def sees(self, repository: Repository) -> bool:
        """Whether the repository exists for this caller: covered, or public."""
        return not repository.private or self.covers(repository)

    def sees_stars(self, repository: Repository) -> bool:
        """Whether it may list who starred the repository: since July 2026 only its administrators
        and collaborators. An App counts as one with `contents: write`, and not with `read`
        (neomjs/neo#17150 tried each).
        https://github.blog/changelog/2026-06-30-upcoming-access-restrictions-to-public-api-endpoints-and-ui-views/
        """
        if self.kind == "user":
            return self.acting_id in self.store.access(repository)
        return self.covers(repository) and self.allows("contents", "write")

    def allows(self, permission: str, level: str = "read") -> bool:
        """Whether the token has one of the permissions (`issues|pull_requests`)."""
        if self.kind == "user":
            return True
        if self.token is None:
            return level == "read"
        if permission == "metadata" and level == "read":
            return True
        held = self.token.permissions
        return any(
            _LEVELS.get(held.get(one, ""), 0) >= _LEVELS[level] for one in permission.split("|")
        )


class Auth:
    """Turns an Authorization header into a Caller, and makes tokens."""

    def __init__(self, store: Store) -> None:
        self.store = store
        # The weather's: seconds after which installation tokens die, whatever they say.
        self.token_life: int | None = None
        # For how many seconds a token just made is refused, and with which status.
        self.fresh_refused: tuple[float, int] = (0.0, 401)

    def identify(self, authorization: str | None, address: str = "") -> Caller:
        """The caller, or ApiError 401/403."""
        if not authorization:
            return Caller("anonymous", self.store, address)
        scheme, _, credentials = authorization.partition(" ")
        credentials = credentials.strip()
        match scheme.lower():
            case "bearer" | "token":
                if credentials.startswith("eyJ") and credentials.count(".") == 2:
                    return self._by_jwt(credentials)
                return self._by_token(credentials)
            case "basic":
                return self._by_token(basic_password(credentials))
            case _:
                raise bad_credentials()

    def _by_token(self, text: str) -> Caller:
        token = self.store.token(text)
        if token is None:
            raise bad_credentials()
        now = self.store.clock.now()
        if token.expires_at is not None and token.expires_at <= now:
            raise bad_credentials()
        if token.kind == "personal":
            account = self.store.account(token.account_id)
            if account is None:
                raise bad_credentials()
            return Caller("user", self.store, token=token, account=account)
        if self.token_life is not None and now - token.created_at >= self.token_life:
            raise bad_credentials()
        installation = self.store.installation(token.installation_id or 0)
        if installation is None:
            raise bad_credentials()
        if installation.suspended_at is not None:
            raise suspended()
        return Caller(
            "installation", self.store, installation=installation, token=self._as_known(token)
        )

    def _as_known(self, token: Token) -> Token:
        """The token as GitHub knows it everywhere by now (octokit/auth-app.js#65 and #589)."""
        seconds, status = self.fresh_refused
        if not seconds or self.store.clock.exact() - token.created_at >= seconds:
            return token
        if status == 403:
            return replace(token, permissions={})
        raise bad_credentials()

    def _by_jwt(self, text: str) -> Caller:
        app = self.store.app()
        now = self.store.clock.exact()
        try:
            claims: dict[str, Any] = jwt.decode(text, options={"verify_signature": False})
        except jwt.InvalidTokenError as error:
            raise undecodable() from error
        issuer = claims.get("iss")
        if issuer is None:
            raise ApiError(401, "Missing 'issuer' claim ('iss') in assertion")
        if app is None or str(issuer) not in (str(app.id), app.client_id):
            raise ApiError(404, "Integration not found")
        try:
            # The times are checked below by the simulator's own clock.
            jwt.decode(
                text,
                _public_key(app.public_key),
                algorithms=["RS256"],
                options={
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                    "verify_aud": False,
                    "verify_iss": False,
                },
            )
        except jwt.InvalidTokenError as error:
            raise undecodable() from error
        expires, issued = claims.get("exp"), claims.get("iat")
        if not _is_number(expires) or expires <= now:
            raise ApiError(401, _BAD_EXP)
        if expires > now + MAX_JWT_LIFE + SKEW:
            raise ApiError(401, "'Expiration time' claim ('exp') is too far in the future")
        if not _is_number(issued) or issued > now + SKEW:
            raise ApiError(
                401,
                "'Issued at' claim ('iat') must be an Integer representing the time that the "
                "assertion was issued",
            )
        return Caller("app", self.store, app=app)

    def create_token(
        self,
        installation: Installation,
        *,
        permissions: dict[str, str] | None = None,
        repository_ids: Collection[int] | None = None,
        repositories: Collection[str] | None = None,
    ) -> Token:
        """An installation token for an hour, narrowed if asked. ApiError 403/422."""
        if installation.suspended_at is not None:
            raise suspended()
        for name, level in (permissions or {}).items():
            held = _LEVELS.get(installation.permissions.get(name, ""), 0)
            if level not in _LEVELS or _LEVELS[level] > held:
                raise ApiError(
                    422,
                    "The permissions requested are not granted to this installation.",
                )
        wanted = self._narrow(installation, repository_ids, repositories)
        now = self.store.clock.now()
        return self.store.save_token(
            Token(
                token=self._installation_token(installation.app_id),
                kind="installation",
                installation_id=installation.id,
                account_id=None,
                permissions=permissions or installation.permissions,
                repository_ids=wanted,
                created_at=now,
                expires_at=now + TOKEN_LIFE,
            )
        )

    def create_personal_token(self, account: Account, text: str | None = None) -> Token:
        """A personal token that may do everything and does not expire."""
        now = self.store.clock.now()
        if text is None:
            number = self.store.allocate("token")
            text = f"ghp_{nonces.digits(self.store.key, f'token {number}', 18)}"
        return self.store.save_token(Token(text, "personal", None, account.id, {}, None, now, None))

    def _installation_token(self, app_id: int) -> str:
        # The longer form, of about 520 characters, that GitHub rolls out since 2026-04-27 (and
        # gives whoever asks with `X-GitHub-Stateless-S2S-Token: enabled`): nobody may assume 40.
        number = self.store.allocate("token")
        parts = (
            nonces.text(self.store.key, f"token {number} {place}", size)
            for place, size in enumerate((36, 380, 86))
        )
        return f"ghs_{app_id}_{'.'.join(parts)}"

    def _narrow(
        self,
        installation: Installation,
        repository_ids: Collection[int] | None,
        repositories: Collection[str] | None,
    ) -> tuple[int, ...] | None:
        if not repository_ids and not repositories:
            return None
        seen = self.store.installation_repositories(installation)
        by_name = {one.name.lower(): one.id for one in seen}
        known = {one.id for one in seen}
        names = [name.lower() for name in repositories or ()]
        wanted = {by_name.get(name, 0) for name in names} | set(repository_ids or ())
        if len(wanted) > MAX_TOKEN_REPOSITORIES or not wanted <= known:
            raise ApiError(
                422,
                "There is at least one repository that does not exist or is not accessible to "
                "the parent installation.",
            )
        return tuple(sorted(wanted))


def basic_password(credentials: str) -> str:
    """The password of Basic credentials, or ApiError 401; a token may also be the user name."""
    try:
        user, _, password = base64.b64decode(credentials, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise bad_credentials() from error
    return password if password and password != "x-oauth-basic" else user


def bad_credentials() -> ApiError:
    """401 for unknown, expired and revoked tokens."""
    return ApiError(401, "Bad credentials")


def undecodable() -> ApiError:
    """401 for what is no good JWT."""
    return ApiError(401, "A JSON web token could not be decoded")


def suspended() -> ApiError:
    """403 while the account's owner has suspended the App."""
    return ApiError(403, "This installation has been suspended")


def need_app(caller: Caller) -> App:
    """The App of a JWT; 401 for every other caller."""
    if caller.app is None:
        raise undecodable()
    return caller.app


def need_installation(caller: Caller) -> Installation:
    """The installation of its token; 403 for every other caller."""
    if caller.installation is None:
        if caller.kind == "anonymous":
            raise ApiError(401, "Requires authentication")
        if caller.kind == "app":
            raise bad_credentials()
        raise ApiError(
            403,
            "You must authenticate with an installation access token in order to list "
            "repositories for an installation.",
        )
    return caller.installation


def may_read(caller: Caller, repository: Repository | None) -> Repository:
    """The repository if it exists for the caller, else 404."""
    if repository is None or not caller.sees(repository):
        raise not_found()
    return repository


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


@lru_cache(maxsize=8)
def _public_key(pem: str) -> RSAPublicKey:
    key = load_pem_public_key(pem.encode())
    assert isinstance(key, RSAPublicKey)
    return key
