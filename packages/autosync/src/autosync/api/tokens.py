"""Bearer tokens of the API: made once, shown once, kept as SHA-256."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from datetime import timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone

from autosync import config
from autosync.errors import AutoSyncError
from autosync.mirror.models import ApiToken

PREFIX = "as_"
# Good enough to see which tokens are in use, and no write for every request.
LAST_USED_STEP = timedelta(minutes=1)


_SPAN = re.compile(r"(?P<number>\d{1,5}) ?(?P<unit>[hdwy])")
_DAYS = {"h": 1 / 24, "d": 1, "w": 7, "y": 365}
_LONGEST = 36_500  # days


class TokenError(AutoSyncError):
    """A token could not be made or found; the message says what to do."""


class TokenExpired(TokenError):
    """The token was good until a moment that is over."""


def lifetime(text: str) -> timedelta | None:
    """`90d`, `12h`, `8w`, `1y`; None for `never`. Raises TokenError."""
    text = text.strip().lower()
    if text == "never":
        return None
    found = _SPAN.fullmatch(text)
    days = int(found["number"]) * _DAYS[found["unit"]] if found else 0
    if not 0 < days <= _LONGEST:
        raise TokenError(f"{text!r} is not a lifetime for a token. Examples: 90d, 12h, never.")
    return timedelta(days=days)


def create(
    name: str, scopes: Sequence[str], lives: timedelta | None = None
) -> tuple[ApiToken, str]:
    """Make a token; the second value is the token itself, which nobody can show again.

    It expires after `lives`, never without. Raises TokenError: empty, too long or taken name,
    unknown scope, no scope.
    """
    name = name.strip()
    if not 0 < len(name) <= 100:
        raise TokenError("A token needs a name of 1 to 100 characters.")
    allowed = list(ApiToken.Scope.values)
    wrong = [scope for scope in scopes if scope not in allowed]
    if wrong or not scopes:
        what = f"Unknown scope {wrong[0]!r}" if wrong else "A token needs at least one scope"
        raise TokenError(f"{what}; allowed: {', '.join(allowed)}.")
    plain = PREFIX + secrets.token_urlsafe(32)
    try:
        with transaction.atomic():
            token = ApiToken.objects.create(
                name=name,
                digest=digest(plain),
                scopes=sorted(set(scopes)),
                expires_at=timezone.now() + lives if lives else None,
            )
    except IntegrityError:
        raise TokenError(
            f"There is a token named {name!r} already (perhaps revoked): choose another name."
        ) from None
    return token, plain


def digest(plain: str) -> str:
    """What is stored of a token. It is random, so a plain hash cannot be guessed backwards."""
    return hashlib.sha256(plain.encode()).hexdigest()


def find(plain: str) -> ApiToken | None:
    """The token if it is known and not revoked; notes that it was used. Raises TokenExpired."""
    if not plain.startswith(PREFIX):
        return None
    token = ApiToken.objects.filter(digest=digest(plain), revoked_at__isnull=True).first()
    if token is None:
        return None
    now = timezone.now()
    if token.expires_at is not None and token.is_expired:
        raise TokenExpired(
            f"Token {token.name!r} expired on {token.expires_at:%Y-%m-%d}: create another with "
            "`autosync token create NAME`."
        )
    if token.last_used_at is None or token.last_used_at < now - LAST_USED_STEP:
        stale = Q(last_used_at__isnull=True) | Q(last_used_at__lt=now - LAST_USED_STEP)
        ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)
    return token


def revoke(name: str) -> ApiToken:
    """Refuse the token from now on; TokenError if there is none of that name."""
    token = ApiToken.objects.filter(name=name).first()
    if token is None:
        raise TokenError(f"There is no token named {name!r}; see `{config.command('token list')}`.")
    if token.revoked_at is None:
        token.revoked_at = timezone.now()
        token.save(update_fields=["revoked_at"])
    return token
