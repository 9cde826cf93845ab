"""Template tags of the pages with strangers' texts: people, reactions, lines of diffs."""

from __future__ import annotations

from typing import Any, Final

from django import template
from django.db import models
from django.utils.html import format_html
from django.utils.safestring import SafeString

from autosync.kinds import _columns as gh
from autosync.models import Repository
from autosync.web.conversation import Text, Texts
from autosync.web.markdown import Place

register = template.Library()

# https://docs.github.com/rest/reactions/reactions#about-reactions
_REACTIONS: Final = {
    "+1": "👍", "-1": "👎", "laugh": "😄", "confused": "😕", "heart": "❤️", "hooray": "🎉",
    "rocket": "🚀", "eyes": "👀",
}  # fmt: skip
_HUNK_LINES: Final = 8


@register.simple_tag
def person(repository: Repository, login: str) -> SafeString:
    """A link to somebody's page at GitHub; `ghost` is who is gone, or was forgotten."""
    if not login:
        return format_html('<span class="quiet">{}</span>', "ghost")
    address = Place.of(repository).profile(login)
    return format_html('<a href="{}" rel="nofollow noreferrer">{}</a>', address, login)


@register.simple_tag
def author(repository: Repository, login: str, name: str, email: str) -> SafeString:
    """Who wrote a commit: by name, and by account if it is known."""
    if not login:
        return format_html("{}", name or email or "ghost")
    if not name or name == login:
        return person(repository, login)
    return format_html("{} ({})", name, person(repository, login))


@register.simple_tag
def member(repository: Repository, row: models.Model) -> SafeString:
    """A member of a set: who it is, or what."""
    logins = [one for one in row._meta.local_fields if isinstance(one, gh.ActorLogin)]
    login = getattr(row, logins[0].attname) if logins else ""
    if getattr(row, "reviewer_type", "") == "team":
        return format_html('{} <span class="quiet">team</span>', login)
    return person(repository, login) if login else format_html("{}", row)


@register.simple_tag(takes_context=True)
def query(context: dict[str, Any], **changes: Any) -> str:
    """The query of this page with these parameters; None takes one out."""
    found = context["request"].GET.copy()
    for name, value in changes.items():
        found.pop(name, None)
        if value is not None:
            found[name] = str(value)
    return f"?{found.urlencode()}"


@register.simple_tag
def draw(texts: Texts, text: str, name: str, key: int) -> Text:
    """A text of a list, within the bound of its page."""
    return texts.drawn(text, f"{name}-{key}")


@register.filter
def reaction(name: str) -> str:
    """GitHub's word for a reaction as its picture."""
    return _REACTIONS.get(name, name)


@register.filter
def last_lines(hunk: str) -> list[str]:
    """The end of a diff, which is what a remark is about."""
    return hunk.splitlines()[-_HUNK_LINES:]


@register.filter
def diff_side(line: str) -> str:
    """The class of a line of a diff."""
    return {"+": "plus", "-": "minus", "@": "quiet"}.get(line[:1], "")
