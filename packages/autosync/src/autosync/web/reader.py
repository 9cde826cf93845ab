"""What the reader of a page with strangers' texts chose, and the page with that."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from autosync.web.conversation import Conversation, Texts
from autosync.web.headers import WITH_PICTURES
from autosync.web.markdown import Place


def texts_of(request: HttpRequest, place: Place) -> Texts:
    """How the texts of the page are drawn: `?images=` and `?whole=` are the reader's choice."""
    return Texts(place, images="images" in request.GET, whole=request.GET.get("whole", ""))


def asked_page(request: HttpRequest, talk: Conversation) -> int:
    """The page of the conversation that is asked for: by number, or by what is `to` be on it."""
    if to := request.GET.get("to"):
        return talk.page_of(to)
    page = request.GET.get("page", "")
    return int(page) if page.isdecimal() and len(page) < 9 else 1


def answer(
    request: HttpRequest, template: str, context: dict[str, Any], texts: Texts
) -> HttpResponse:
    """The page; one with pictures may load them, if its reader asked for that."""
    found = render(request, template, context)
    if texts.images:
        found["Content-Security-Policy"] = WITH_PICTURES
    return found


def missing(request: HttpRequest, address: str) -> HttpResponse:
    """404 for what is not mirrored of a repository that the reader may see: it may be at GitHub."""
    return render(request, "404.html", {"elsewhere": address}, status=404)
