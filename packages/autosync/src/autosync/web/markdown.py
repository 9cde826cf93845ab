"""Markdown that strangers wrote, as HTML that a page may hold.

The sanitiser has the last word: whatever the steps before it make of a text, only the tags and
attributes named here are left. Pictures are addresses until the reader asks for them: loading one
tells its host who reads the page, and when.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from html import escape
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, urljoin, urlsplit

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from autosync.models import Repository

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_core import StateCore
    from markdown_it.token import Token

# GitHub takes 65,536 characters, and a release's notes twice as many. A page shows many texts.
LIMIT: Final = 20_000
# Titles of the page stand above those of a text.
_BELOW: Final = 3
_TAGS: Final = frozenset(
    "a b blockquote br code dd del details div dl dt em h4 h5 h6 hr i ins kbd li ol p pre q s samp "
    "small span strike strong sub summary sup table tbody td tfoot th thead tr tt u ul var".split()
)
_ATTRIBUTES: Final = {
    "a": {"href", "title"},
    "details": {"open"},
    "img": {"src", "alt", "title", "width", "height", "loading", "referrerpolicy"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
}
_SIDES: Final = {tag: {"align": {"left", "center", "right"}} for tag in ("td", "th", "p", "div")}
_BOT: Final = "[bot]"
_REL: Final = "nofollow noopener noreferrer"
# @login, #12, owner/name#12 and a commit's name, as people write them; not within words or paths.
_REFERENCE: Final = re.compile(
    r"(?<![\w/@#&.-])(?:"
    r"@(?P<login>[A-Za-z0-9](?:-?[A-Za-z0-9]){0,38})(?![\w/@-])"
    r"|(?P<other>[\w.-]{1,39}/[\w.-]{1,100})?#(?P<number>[1-9]\d{0,8})\b"
    r"|(?P<sha>[0-9a-f]{40})\b)"
)
_TASK: Final = re.compile(r"\[([ xX])\]\s")


@dataclass(frozen=True)
class Place:
    """Where a text stands: what its references and relative addresses mean."""

    repository_id: int
    address: str
    """Of the repository at GitHub."""

    @classmethod
    def of(cls, repository: Repository) -> Place:
        """The place of what is written in a repository."""
        address = repository.html_url
        if not address.startswith(("https://", "http://")):
            address = f"https://github.com/{repository.full_name}"
        return cls(repository.pk, address)

    @property
    def host(self) -> str:
        """GitHub's, as `https://github.com`."""
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}"

    def profile(self, login: str) -> str:
        """The page of an account; that of a bot is its App's."""
        name = login.removesuffix(_BOT)
        return f"{self.host}/{quote(f'apps/{name}' if login.endswith(_BOT) else name)}"

    def meant(self, found: re.Match[str]) -> str:
        """The address of what is referred to: a page here if it is of this repository."""
        if found["login"]:
            return f"{self.host}/{found['login']}"
        if found["other"]:
            return f"{self.host}/{found['other']}/issues/{found['number']}"
        if found["sha"]:
            return reverse("commit-page", args=[self.repository_id, found["sha"]])
        return reverse("issue-page", args=[self.repository_id, int(found["number"])])

    def resolved(self, address: str) -> str:
        """A relative address: GitHub's, unless it is one that `meant` gave."""
        if address.startswith(reverse("repository", args=[self.repository_id])):
            return address
        try:
            return urljoin(f"{self.address}/", address)
        except ValueError:
            return ""


def html(text: str, place: Place, *, images: bool = False, limit: int = LIMIT) -> SafeString:
    """The beginning of the text as HTML; `images`: with pictures from wherever they are."""
    drawn = _Rewriter(images).rewritten(_parser().render(text[:limit], {"place": place}))
    return mark_safe(_cleaned(drawn, place, images))  # by the sanitiser


def plain(text: str, place: Place) -> SafeString:
    """A commit's message, which is no Markdown, with links to what it refers to."""
    parts: list[tuple[str, str]] = []
    end = 0
    for found in _REFERENCE.finditer(text):
        parts += [("", text[end : found.start()]), (place.meant(found), found[0])]
        end = found.end()
    parts.append(("", text[end:]))
    return format_html_join("", "{}", ((_link(*one),) for one in parts))


def _link(address: str, words: str) -> SafeString | str:
    return format_html('<a href="{}" rel="{}">{}</a>', address, _REL, words) if address else words


def _cleaned(drawn: str, place: Place, images: bool) -> str:
    import nh3  # noqa: PLC0415 (start-up time)

    return nh3.clean(
        drawn,
        tags=_TAGS | {"img"} if images else _TAGS,
        attributes=_ATTRIBUTES,
        tag_attribute_values=_SIDES,
        allowed_classes={"a": {"picture"}, "span": {"picture"}},
        url_schemes={"https", "http", "mailto"},
        url_relative=place.resolved,
        link_rel=_REL,
    )


@cache
def _parser() -> MarkdownIt:
    """GitHub's dialect: tables, crossed out words, addresses that are links, HTML, line breaks."""
    from markdown_it import MarkdownIt  # noqa: PLC0415 (start-up time)

    parser = MarkdownIt("gfm-like", {"breaks": True})
    assert parser.linkify is not None
    parser.linkify.set({"fuzzy_link": False})  # a file's name is no address
    parser.core.ruler.push("tasks", _tasks)
    parser.core.ruler.push("references", _references)
    return parser


def _tasks(state: StateCore) -> None:
    """`[x]` at the beginning of a list's item is a box."""
    before: list[str] = ["", ""]
    for token in state.tokens:
        if token.type == "inline" and before == ["list_item_open", "paragraph_open"]:
            first = token.children[0] if token.children else None
            if first and first.type == "text" and (found := _TASK.match(first.content)):
                box = "☐ " if found[1] == " " else "☑ "
                first.content = box + first.content[found.end() :]
        before = [before[1], token.type]


def _references(state: StateCore) -> None:
    """Logins, numbers and names of commits are links."""
    place: Place = state.env["place"]
    for token in state.tokens:
        if token.type == "inline" and token.children:
            token.children = list(_linked(token.children, place, type(token)))


def _linked(tokens: list[Token], place: Place, make: type[Token]) -> Iterator[Token]:
    inside = 0
    for token in tokens:
        inside += (token.type == "link_open") - (token.type == "link_close")
        if inside or token.type != "text":
            yield token
            continue
        end = 0
        for found in _REFERENCE.finditer(token.content):
            yield _text(make, token.content[end : found.start()])
            address = {"href": place.meant(found)}
            yield make("link_open", "a", 1, attrs=dict(address))
            yield _text(make, found[0][:10] if found["sha"] else found[0])
            yield make("link_close", "a", -1)
            end = found.end()
        yield _text(make, token.content[end:]) if end else token


def _text(make: type[Token], content: str) -> Token:
    return make("text", "", 0, content=content)


class _Rewriter(HTMLParser):
    """Lets headings be lower than the page's, pictures be addresses, and tables keep their sides.
    It need not understand everything: what it gets wrong the sanitiser takes out.
    """

    def __init__(self, images: bool) -> None:
        super().__init__(convert_charrefs=False)
        self._images, self._parts, self._links = images, list[str](), 0

    def rewritten(self, drawn: str) -> str:
        self.feed(drawn)
        self.close()
        return "".join(self._parts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "img":
            self._picture(given)
            return
        if tag in ("th", "td") and (side := given.pop("style", "")).startswith("text-align:"):
            given["align"] = side.removeprefix("text-align:")
        self._links += tag == "a"
        written = "".join(f' {name}="{escape(value)}"' for name, value in given.items())
        self._parts.append(f"<{_lower(tag)}{written}>")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        self._links -= tag == "a" and self._links > 0
        self._parts.append(f"</{_lower(tag)}>")

    def handle_data(self, data: str) -> None:
        self._parts.append(data)

    def handle_entityref(self, name: str) -> None:
        self._parts.append(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._parts.append(f"&#{name};")

    def _picture(self, given: dict[str, str]) -> None:
        source, words = escape(given.get("src", "")), escape(given.get("alt", "").strip())
        if self._images:
            sizes = {one: escape(given[one]) for one in ("width", "height") if one in given}
            more = "".join(f' {name}="{value}"' for name, value in sizes.items())
            self._parts.append(
                f'<img src="{source}" alt="{words}"{more} loading="lazy" '
                'referrerpolicy="no-referrer">'
            )
            return
        shown = f"Picture: {words}" if words else "Picture"
        if self._links:  # a link inside a link would end it
            self._parts.append(f'<span class="picture">{shown}</span>')
        else:
            self._parts.append(f'<a class="picture" href="{source}">{shown}</a>')


def _lower(tag: str) -> str:
    return re.sub("^h([1-6])$", lambda found: f"h{min(6, int(found[1]) + _BELOW)}", tag)


def has_pictures(text: str) -> bool:
    """Whether the text may show one."""
    return "![" in text or "<img" in text.lower()
