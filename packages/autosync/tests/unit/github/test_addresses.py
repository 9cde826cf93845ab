"""Where a credential may go: the configured host, and nowhere else."""

from __future__ import annotations

import pytest

from autosync.github import AppCredentials, ForeignURL, GitReader, UnexpectedReply
from autosync.github.addresses import check_home, clone_address, git_home, origin
from autosync.github.git_process import token_settings
from autosync.github.transport import Transport

HOME = "https://github.com"
FOREIGN = [
    "http://github.com/acme/r.git",
    "https://github.com:8443/acme/r.git",
    "https://github.com.evil.example/acme/r.git",
    "https://evil.example/github.com/acme/r.git",
    "https://github.com@evil.example/acme/r.git",
    "https://user@github.com/acme/r.git",
    "https://user:word@github.com/acme/r.git",
    "https://evil.example\\@github.com/acme/r.git",
    "https://github.com\\.evil.example/acme/r.git",
    "https://github.com /acme/r.git",
    "https://git\thub.com/acme/r.git",
    "https://gıthub.com/acme/r.git",
    "https://xn--gthub-n4a.com/acme/r.git",
    "https://github.com:port/acme/r.git",
    "https:///acme/r.git",
    "//github.com/acme/r.git",
    "ssh://git@github.com/acme/r.git",
    "git@github.com:acme/r.git",
    "git://github.com/acme/r.git",
    "ext::sh -c id",
    "file:///etc",
    "/etc",
    "-c core.sshCommand=id",
    "--upload-pack=id",
    "",
]


@pytest.mark.parametrize("url", FOREIGN)
def test_no_other_address_gets_a_credential(url: str) -> None:
    def token() -> str:
        raise AssertionError("nobody asks for a token before the address is known")

    with pytest.raises(ForeignURL):
        check_home(url, HOME)
    with pytest.raises(ForeignURL):
        GitReader(None, url, token, home=HOME)  # type: ignore[arg-type]
    if not origin(url):
        with pytest.raises(ForeignURL):
            token_settings(url, "token")


def test_the_configured_host_does() -> None:
    for url in (f"{HOME}/acme/r.git", "https://GitHub.com/acme/r.git", f"{HOME}:443/a/b.git"):
        check_home(url, HOME)


@pytest.mark.parametrize("url", [one for one in FOREIGN if "github.com" in one] + FOREIGN[-8:])
def test_rest_sends_nothing_to_another_address(url: str) -> None:
    def authorization() -> str:
        raise AssertionError("nobody asks for a token before the address is known")

    transport = Transport(
        AppCredentials(1, api_url=HOME),
        7,
        None,  # type: ignore[arg-type]
        authorization,
        lambda _: None,
    )
    with pytest.raises(ForeignURL):
        transport.send("GET", url)


@pytest.mark.parametrize(
    ("api", "git"),
    [
        ("https://api.github.com", "https://github.com"),
        ("https://api.octo.ghe.com", "https://octo.ghe.com"),
        ("https://github.example.com/api/v3", "https://github.example.com"),
        ("https://github.example.com:8443/api/v3", "https://github.example.com:8443"),
        ("http://127.0.0.1:8001", "http://127.0.0.1:8001"),
    ],
)
def test_git_is_where_the_api_is(api: str, git: str) -> None:
    assert git_home(api) == git
    assert clone_address(api, "acme/Rocket.js_2") == f"{git}/acme/Rocket.js_2.git"


@pytest.mark.parametrize(
    "name",
    [
        "acme",
        "acme/",
        "/rocket",
        "acme/rocket/more",
        "acme/..",
        "acme/.",
        "../rocket",
        "-c/rocket",
        "acme/ro cket",
        "acme/rocket\n",
        "acme/rocket?x",
        "acme/rocket#x",
        "acme/%2e%2e",
        "user@evil.example/rocket",
        "evil.example:80/rocket",
        "acme\\/rocket",
        "äcme/rocket",
        "acme/" + "r" * 101,
        "",
    ],
)
def test_what_is_no_name_of_a_repository_becomes_no_address(name: str) -> None:
    with pytest.raises(UnexpectedReply):
        clone_address("https://api.github.com", name)
