"""The private key in every form people paste it; refusals that help and never repeat it."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

from autosync.app_key import load_private_key
from autosync.errors import ConfigurationError
from autosync.github import AppCredentials

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem_of(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    how: PrivateFormat = PrivateFormat.TraditionalOpenSSL,
    locked: KeySerializationEncryption | None = None,
) -> str:
    return key.private_bytes(Encoding.PEM, how, locked or NoEncryption()).decode()


PEM = pem_of(RSA)


@pytest.mark.parametrize("how", [PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8])
def test_pem_text_is_taken_as_it_is(how: PrivateFormat) -> None:
    assert load_private_key(pem_of(RSA, how)) == pem_of(RSA, how)


def test_line_breaks_may_be_written_out_and_quoted() -> None:
    escaped = PEM.replace("\n", "\\n")
    assert load_private_key(escaped) == PEM
    assert load_private_key(f'"{escaped}"') == PEM
    assert load_private_key(PEM.replace("\n", "\r\n")) == PEM
    assert load_private_key(PEM.replace("\n", " "))  # what some shells make of them


def test_a_path_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "app.pem").write_text(PEM)
    assert load_private_key(str(tmp_path / "app.pem")) == PEM
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_private_key("~/app.pem") == PEM


def test_base64_is_decoded_wrapped_or_not() -> None:
    assert load_private_key(base64.b64encode(PEM.encode()).decode()) == PEM
    assert load_private_key(base64.encodebytes(PEM.encode()).decode()) == PEM


@pytest.mark.parametrize(
    "value",
    [
        "",
        "   ",
        "/no/such/file.pem",
        "certainly-not-a-key",
        base64.b64encode(b"certainly not a key").decode(),
        PEM[: len(PEM) // 2],
        PEM.replace("RSA PRIVATE", "RSA PUBLIC"),
        pem_of(ec.generate_private_key(ec.SECP256R1())),
        pem_of(RSA, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")),
    ],
)
def test_anything_else_is_refused_by_name_without_repeating_it(value: str) -> None:
    with pytest.raises(ConfigurationError, match="GITHUB_APP_PRIVATE_KEY") as raised:
        load_private_key(value)
    assert raised.value.__cause__ is None
    told = str(raised.value)
    assert not value.strip() or value.strip() not in told
    assert PEM.splitlines()[3] not in told


def test_a_file_without_a_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "app.pem").write_bytes(b"\xff\xfe no key")
    with pytest.raises(ConfigurationError, match="holds no PEM key"):
        load_private_key(str(tmp_path / "app.pem"))


def test_credentials_show_no_secret() -> None:
    shown = repr(AppCredentials(1, "Iv1.x", "hush", PEM))
    assert "hush" not in shown
    assert "PRIVATE" not in shown


@pytest.mark.parametrize(
    ("api_url", "graphql_url"),
    [
        ("https://api.github.com", "https://api.github.com/graphql"),
        ("https://api.github.com/", "https://api.github.com/graphql"),
        ("https://ghe.example.com/api/v3", "https://ghe.example.com/api/graphql"),
        ("https://ghe.example.com/api/v3/", "https://ghe.example.com/api/graphql"),
        ("http://127.0.0.1:8010", "http://127.0.0.1:8010/graphql"),
    ],
)
def test_graphql_is_where_each_kind_of_github_has_it(api_url: str, graphql_url: str) -> None:
    assert AppCredentials(1, api_url=api_url).graphql_url == graphql_url


@pytest.mark.parametrize("api_url", ["", "api.github.com", "ftp://x", "https://", "https://a:b@c"])
def test_a_wrong_address_is_named(api_url: str) -> None:
    with pytest.raises(ConfigurationError, match="GITHUB_API_URL"):
        AppCredentials(1, api_url=api_url)


def test_an_app_needs_one_of_its_ids() -> None:
    assert AppCredentials(None, client_id="Iv1.x").app_id is None
    with pytest.raises(ConfigurationError, match="GITHUB_APP_ID"):
        AppCredentials(None)
