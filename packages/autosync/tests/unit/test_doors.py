"""The address of the service, who is believed about it, its folder, and the demo's own address."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from autosync import config
from autosync.errors import ConfigurationError
from autosync.folders import keep_private, make_private, too_open
from autosync.service import serve
from autosync.service.demo import World, _GitHub
from autosync.web.proxy import seen_through


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    before = dict(os.environ)
    monkeypatch.chdir(tmp_path)
    config.load.cache_clear()
    yield
    os.environ.clear()
    os.environ.update(before)
    config.load.cache_clear()


def at(monkeypatch: pytest.MonkeyPatch, url: str) -> config.Config:
    monkeypatch.setenv("AUTOSYNC_URL", url)
    config.load.cache_clear()
    return config.load()


def test_everything_follows_from_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = at(monkeypatch, "https://Sync.example.org:443/")
    assert settings.autosync_url == "https://sync.example.org"
    assert settings.allowed_hosts == ["localhost", "127.0.0.1", "[::1]", "sync.example.org"]
    assert settings.behind_tls
    assert settings.github_webhook_url == "https://sync.example.org/api/github/webhook/"
    assert serve.url() == "https://sync.example.org/"
    assert serve.local_url() == "http://127.0.0.1:8000/"


def test_a_webhook_url_of_its_own_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_WEBHOOK_URL", "https://hooks.example.org/x/")
    settings = at(monkeypatch, "https://sync.example.org")
    assert settings.github_webhook_url == "https://hooks.example.org/x/"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("sync.example.org", "http"),
        ("ftp://sync.example.org", "http"),
        ("https://", "host"),
        ("https://*", "host"),
        ("https://sync.example.org/mirror/", "path"),
        ("https://sync.example.org/?a=b", "path"),
        ("https://ada:hidden@sync.example.org", "name or password"),
        ("https://sync.example.org:99999", "port"),
        ("https://[::1", "host or port"),
    ],
)
def test_an_address_that_cannot_be_used_is_refused_with_an_example(
    monkeypatch: pytest.MonkeyPatch, url: str, why: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"AUTOSYNC_URL: .*{why}") as refused:
        at(monkeypatch, url)
    assert "hidden" not in str(refused.value)


def test_a_direct_address_alone_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_DIRECT_URL", "postgresql://ada:hidden@db/autosync")
    with pytest.raises(ConfigurationError, match="DATABASE_URL is not") as refused:
        config.load()
    assert "hidden" not in str(refused.value)


def request(client: str, *headers: tuple[str, str]) -> dict[str, Any]:
    encoded = [(name.encode(), value.encode()) for name, value in headers]
    return {"type": "http", "client": (client, 4711), "headers": encoded}


PROXIED = (("x-forwarded-for", "6.6.6.6, 192.0.2.7"), ("x-forwarded-proto", "http, https"))


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1", "10.0.0.3", "172.18.0.2"])
def test_a_proxy_is_believed_about_its_own_client_only(peer: str) -> None:
    seen = seen_through(request(peer, *PROXIED), behind_tls=True)
    assert seen["client"][0] == "192.0.2.7"
    assert seen["headers"] == [(b"x-forwarded-proto", b"https")]


def test_nobody_else_is_believed() -> None:
    seen = seen_through(request("8.8.8.8", *PROXIED), behind_tls=True)
    assert seen["client"][0] == "8.8.8.8"
    assert seen["headers"] == []
    asked = request("127.0.0.1", *PROXIED)
    assert seen_through(asked, behind_tls=False) == asked


@pytest.mark.parametrize("said", ["", "unknown", "_hidden", "a, b, "])
def test_an_address_that_is_none_is_not_taken(said: str) -> None:
    seen = seen_through(request("127.0.0.1", ("x-forwarded-for", said)), behind_tls=True)
    assert seen["client"][0] == "127.0.0.1"


def test_a_port_beside_the_address_is_left_out() -> None:
    for said, address in (("192.0.2.7:99", "192.0.2.7"), ('"[2001:db8::1]:99"', "2001:db8::1")):
        seen = seen_through(request("127.0.0.1", ("x-forwarded-for", said)), behind_tls=True)
        assert seen["client"][0] == address


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_folder_we_make_is_private_and_another_s_is_left_alone(tmp_path: Path) -> None:
    make_private(tmp_path / "above" / "data")
    assert mode(tmp_path / "above" / "data") == 0o700
    assert too_open(tmp_path / "above" / "data") == ""
    there = tmp_path / "home"
    there.mkdir(mode=0o755)
    there.chmod(0o755)
    make_private(there)
    assert mode(there) == 0o755
    assert "chmod 700" in too_open(there)
    keep_private(there)  # for what nobody but AutoSync makes
    assert mode(there) == 0o700


def test_the_data_folder_is_made_private_with_the_secret_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AUTOSYNC_SECRET_KEY", "")
    monkeypatch.setenv("AUTOSYNC_DATA_DIR", str(tmp_path / "data"))
    config.load().secret_key()
    assert mode(tmp_path / "data") == 0o700


def demo_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, host: str, public: bool
) -> config.Config:
    monkeypatch.setenv("AUTOSYNC_HOST", host)
    monkeypatch.setenv("AUTOSYNC_DATA_DIR", str(tmp_path / "demo"))
    _GitHub.prepare(World(), public)
    return config.load()


def test_a_host_in_the_environment_does_not_open_a_demo(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = demo_settings(monkeypatch, tmp_path, "0.0.0.0", public=False)
    assert settings.autosync_host == "127.0.0.1"
    assert "--public" in capsys.readouterr().err
    assert mode(tmp_path / "demo") == 0o700


def test_a_demo_is_opened_by_saying_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = demo_settings(monkeypatch, tmp_path, "", public=True)
    assert settings.autosync_host == "0.0.0.0"
    assert "*" in settings.allowed_hosts
