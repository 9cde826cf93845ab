"""A plain HTTP client that signs in as an App, for tests of githubsim."""

import time
from typing import Any

import httpx
import jwt

from githubsim.testing import Sim


def app_jwt(github: Sim, **claims: Any) -> str:
    """A JWT of the App; claims given replace the usual ones."""
    now = int(time.time())
    usual = {"iat": now - 60, "exp": now + 540, "iss": str(github.app.id)}
    return jwt.encode(usual | claims, github.private_key, algorithm="RS256")


def as_app(github: Sim) -> httpx.Client:
    """A client with the App's JWT."""
    return httpx.Client(
        base_url=github.url,
        headers={"Authorization": f"Bearer {app_jwt(github)}"},
        timeout=30,
    )


def token(github: Sim, **narrowed: Any) -> str:
    """A token of the only installation."""
    with as_app(github) as app:
        (installation,) = app.get("/app/installations").json()
        made = app.post(f"/app/installations/{installation['id']}/access_tokens", json=narrowed)
        assert made.status_code == 201, made.text
        found: str = made.json()["token"]
        return found


def as_installation(github: Sim, **narrowed: Any) -> httpx.Client:
    """A client with an installation token."""
    return httpx.Client(
        base_url=github.url,
        headers={"Authorization": f"Bearer {token(github, **narrowed)}"},
        timeout=30,
    )
