"""Who may see the dashboard, and who may press its buttons."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect

from autosync import config

View = Callable[..., HttpResponseBase]


def may_read(user: User | AnonymousUser) -> bool:
    """Whether `user` may see the dashboard."""
    return user.is_authenticated or config.load().autosync_dashboard_public


def readable(view: View) -> View:
    """A page for signed-in users; for everybody where the dashboard is public."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not may_read(request.user):
            return _sign_in(request)
        response = view(request, *args, **kwargs)
        # A part that htmx fetched must not be shown as the page.
        patch_vary_headers(response, ["HX-Request", "HX-Target", "Cookie"])
        return response

    return guarded


def wants_charts(request: HttpRequest) -> bool:
    """Whether this is the page as a whole, or what htmx fetches to draw its charts again."""
    target = request.headers.get("HX-Target")
    return not request.headers.get("HX-Request") or target == "charts"


def staff_only(view: View) -> View:
    """A button that changes something: signed-in staff, also where reading is public."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return _sign_in(request)
        if not request.user.is_staff:
            raise PermissionDenied("Only staff users may do this.")
        return view(request, *args, **kwargs)

    return guarded


def _sign_in(request: HttpRequest) -> HttpResponseBase:
    """To the sign-in page and back to a page that can be shown (not to a button's address)."""
    back = request.get_full_path() if request.method in ("GET", "HEAD") else "/"
    answer = redirect_to_login(back)
    if request.headers.get("HX-Request"):
        # A part of a page must not be replaced by the sign-in form.
        return HttpResponseClientRedirect(answer.url)
    return answer
