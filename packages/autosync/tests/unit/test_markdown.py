"""What strangers write in Markdown, as pages show it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autosync.web import markdown
from autosync.web.markdown import Place

HERE = Place(7, "https://github.com/acme/rocket")
REL = 'rel="nofollow noopener noreferrer"'
# Tags that may be in a text, and what they may say: anything else is a hole.
TAG = re.compile(r"<(/?)([a-z0-9]+)((?: [a-z]+=\"[^\"]*\")*)>")
SPOKEN = {
    "align", "alt", "class", "colspan", "height", "href", "loading", "open", "referrerpolicy",
    "rel", "rowspan", "src", "start", "title", "width",
}  # fmt: skip


def html(text: str, *, images: bool = False) -> str:
    return str(markdown.html(text, HERE, images=images)).strip()


def test_the_dialect_is_githubs() -> None:
    assert html("a\nb ~~c~~") == "<p>a<br>\nb <s>c</s></p>"
    table = html("|a|b|\n|-|-:|\n|1|2|")
    assert '<td align="right">2</td>' in table
    assert "style" not in table
    assert html("- [x] done\n- [ ] open\n- [z] none").count("☑ done") == 1
    assert "☐ open" in html("- [ ] open")
    address = "https://example.com/a"
    assert html(address) == f'<p><a href="{address}" {REL}>{address}</a></p>'
    assert html("setup.py") == "<p>setup.py</p>"


def test_headings_are_lower_than_those_of_the_page() -> None:
    assert html("# One\n\n### Three\n\n<h1>HTML</h1>") == (
        "<h4>One</h4>\n<h6>Three</h6>\n<h4>HTML</h4>"
    )


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("#12", "/repositories/7/issues/12/"),
        ("(#12)", "/repositories/7/issues/12/"),
        ("@ada-l", "https://github.com/ada-l"),
        ("acme/other#3", "https://github.com/acme/other/issues/3"),
        ("a" * 40, f"/repositories/7/commits/{'a' * 40}/"),
        ("[guide](guide.html)", "https://github.com/acme/rocket/guide.html"),
        ("[home](/about)", "https://github.com/about"),
    ],
)
def test_references_lead_to_pages(text: str, address: str) -> None:
    assert f'<a href="{address}" {REL}>' in html(text)


@pytest.mark.parametrize(
    "text",
    ["`#12`", "a#12", "#012", "#1234567890123", "me@ada.org x", "/@ada", "&#12;", "```\n@ada\n```"],
)
def test_what_only_looks_like_a_reference_is_none(text: str) -> None:
    assert "/issues/" not in html(text)
    assert "github.com/ada" not in html(text)


def test_a_link_holds_no_other_link() -> None:
    assert html("[see #12](https://example.com)").count("<a ") == 1
    badge = html("[![build](https://ci.example/b.svg)](https://ci.example)")
    assert badge == (
        f'<p><a href="https://ci.example" {REL}><span class="picture">Picture: build</span></a></p>'
    )


def test_pictures_are_addresses_until_the_reader_asks_for_them() -> None:
    text = '![a "b"](https://e.x/p.png) <IMG SRC="https://e.x/q.png" width=9 onload=x alt=q>'
    assert markdown.has_pictures(text)
    assert not markdown.has_pictures("no picture")
    without = html(text)
    assert "<img" not in without.lower()
    assert without.count('class="picture"') == 2
    assert f'<a class="picture" href="https://e.x/q.png" {REL}>Picture: q</a>' in without
    shown = html(text, images=True)
    assert shown.count('loading="lazy" referrerpolicy="no-referrer"') == 2
    assert 'width="9"' in shown
    assert "onload" not in shown


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<style>body{display:none}</style>",
        "[x](javascript:alert(1))",
        "[x](data:text/html,hello)",
        '<a href="javascript:alert(1)" onclick="alert(1)" style="color:red" id="main">x</a>',
        '<iframe src="https://e.x"></iframe><form action="/logout/"><button>x</button></form>',
        '<svg onload="alert(1)"><style><img src="https://e.x"></svg>',
        '<math><mi><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onload&gt;">',
        '<a title="<img>" href="https://e.x">x</a>',
        '<noscript><p title="</noscript><img src=x onerror=alert(1)>">',
        "<textarea><script>alert(1)</script>",
        '<img src="x" alt="&quot;><script>alert(1)</script>">',
        '<meta http-equiv="refresh" content="0;url=https://e.x"><base href="https://e.x">',
        '<input type="password" autofocus onfocus="alert(1)">',
        "<!-- <script>alert(1)</script>",
        '<a href="https://e.x" target="_top" rel="opener">x</a>',
        "![x](https://e.x/?<script>)\u2028<b\x00>",
    ],
)
@pytest.mark.parametrize("images", [False, True])
def test_nothing_active_is_left(text: str, images: bool) -> None:
    assert_harmless(html(text, images=images), images)


@given(st.lists(st.sampled_from(
    ["<", ">", '"', "'", "<a href=", "<img src=", "javascript:", "onerror=", "<script>", "`", "[",
     "](", ")", "![", "#12", "@ada", "\n", "\n\n", "- [x] ", "|", "-|-", "<!--", "-->", "<svg>",
     "<style>", "</style>", "<table>", "<details open>", "&lt;", "\x00", "https://e.x ", "x", " "]
), max_size=40), st.booleans())  # fmt: skip
def test_whatever_is_put_together_is_harmless(parts: list[str], images: bool) -> None:
    assert_harmless(html("".join(parts), images=images), images)


def assert_harmless(shown: str, images: bool) -> None:
    left = shown
    for closing, tag, said in TAG.findall(shown):
        allowed = markdown._TAGS | {"img"} if images else markdown._TAGS
        assert tag in allowed, shown
        names = set(re.findall(r" ([a-z]+)=", re.sub('"[^"]*"', '""', said)))
        assert names <= SPOKEN, shown
        if tag == "a" and not closing:
            assert REL in said, shown
        for address in re.findall(r'(?:href|src)="([^"]*)"', said):
            assert re.match(r"(https?:|mailto:|/repositories/7/|$)", address), shown
    left = TAG.sub("", left)
    assert "<" not in left, shown


def test_a_long_text_is_cut() -> None:
    assert len(html("word " * 100_000)) < markdown.LIMIT + 100
    assert str(markdown.html("abc def", HERE, limit=3)).strip() == "<p>abc</p>"


def test_a_message_of_a_commit_is_no_markdown() -> None:
    shown = markdown.plain("**Fix** <b> #12, @ada\n\n# not a heading", HERE)
    assert shown.startswith('**Fix** &lt;b&gt; <a href="/repositories/7/issues/12/"')
    assert shown.endswith("@ada</a>\n\n# not a heading")


def test_an_enterprise_server_is_its_own_github() -> None:
    there = Place(7, "https://git.acme.corp/acme/rocket")
    assert 'href="https://git.acme.corp/ada"' in markdown.html("@ada", there)
