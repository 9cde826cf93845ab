"""Signing in: failures counted by address and logged, and when a sign-in ends.

Counting is django-axes', in a small table of Django's cache: bounded, shared by all processes, and
an address is in it as a digest only.
"""

from __future__ import annotations

import ipaddress
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from axes.backends import AxesStandaloneBackend
from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from autosync import config

logger = logging.getLogger(__name__)

_SEEN = "seen_at"
_STEP = timedelta(minutes=10)  # how exactly a session's last use is known: no write for each click
_SHOWN = 3  # characters of a name in the log; it may be a password typed into the wrong box


class Gate(AxesStandaloneBackend):  # type: ignore[misc]
    """Refuses an address with too many failures, before any password is hashed."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        """Raises PermissionDenied; whoever signs in without a request (a test, a shell) may."""
        if request is not None:
            super().authenticate(request, **credentials)


def client_address(request: HttpRequest) -> str:
    """What failures are counted by: the address; of IPv6 the network, which is one customer's."""
    text = request.META.get("REMOTE_ADDR") or ""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return text
    if isinstance(address, ipaddress.IPv4Address):
        return text
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), 64), strict=False).network_address)


def refused(request: HttpRequest, *_: Any) -> HttpResponse:
    """The sign-in page for an address that has failed too often."""
    wait: timedelta = settings.AXES_COOLOFF_TIME
    context = {"locked": int(wait.total_seconds() // 60), "next": request.POST.get("next", "")}
    answer = render(request, "web/login.html", context, status=429)
    answer["Retry-After"] = str(int(wait.total_seconds()))
    return answer


@receiver(user_login_failed)
def _log_failure(
    sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any
) -> None:
    count = getattr(request, "axes_failures_since_start", None)
    if request is None or count is None:
        return  # refused unread: it is in the log that this address is
    name = str(credentials.get("username") or "")
    shown = name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…"
    last = count >= settings.AXES_FAILURE_LIMIT
    minutes = int(settings.AXES_COOLOFF_TIME.total_seconds() // 60)
    logger.warning(
        "sign-in failed: user %r from %s, failure %d of %d%s",
        shown,
        request.META.get("REMOTE_ADDR"),
        count,
        settings.AXES_FAILURE_LIMIT,
        f"; this address is refused for {minutes} minutes" if last else "",
    )


@receiver(user_logged_in)
def _begin(sender: Any, request: HttpRequest, **_: Any) -> None:
    request.session.set_expiry(timezone.now() + timedelta(days=config.load().autosync_session_age))
    request.session[_SEEN] = timezone.now().isoformat()


class EndIdle:
    """Middleware: a sign-in that nobody has used for AUTOSYNC_SESSION_IDLE hours ends."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if settings.SESSION_COOKIE_NAME in request.COOKIES and SESSION_KEY in request.session:
            self._look(request)
        return self._get_response(request)

    def _look(self, request: HttpRequest) -> None:
        now = timezone.now()
        try:
            seen = datetime.fromisoformat(str(request.session.get(_SEEN)))
        except ValueError:
            seen = None  # from before there was such a time
        if seen and now - seen > timedelta(hours=config.load().autosync_session_idle):
            logout(request)
        elif seen is None or (now - seen > _STEP and _by_a_person(request)):
            request.session[_SEEN] = now.isoformat()


def _by_a_person(request: HttpRequest) -> bool:
    """Whether somebody clicked: an open page refreshes its parts and its stream on its own."""
    headers = request.headers
    part = headers.get("HX-Request") and not headers.get("HX-Boosted")
    return not part and headers.get("Accept") != "text/event-stream"
