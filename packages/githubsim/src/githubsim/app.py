"""The App of a world: made once, with its key and secrets in files that a launcher can read."""

import json
import os
from dataclasses import dataclass, replace
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from githubsim import nonces
from githubsim.store import App, Store

PERMISSIONS = {
    "administration": "write",
    "contents": "write",
    "issues": "write",
    "members": "read",
    "metadata": "read",
    "pull_requests": "write",
}
EVENTS = (
    "commit_comment",
    "create",
    "delete",
    "fork",
    "issue_comment",
    "issue_dependencies",
    "issues",
    "label",
    "member",
    "membership",
    "milestone",
    "organization",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "pull_request_review_thread",
    "push",
    "release",
    "repository",
    "star",
    "sub_issues",
    "team",
    "team_add",
    "watch",
)


@dataclass(frozen=True, slots=True)
class AppFile:
    """What `app.json` says; `pem` is the path of the private key."""

    id: int
    slug: str
    client_id: str
    client_secret: str
    webhook_secret: str | None
    pem: str


def ensure_app(
    store: Store,
    folder: Path,
    *,
    app_id: int | None = None,
    webhook_url: str | None = None,
    webhook_secret: str | None = None,
) -> App:
    """The world's App, made at the first start; a webhook URL or secret given is set anew."""
    app = store.app()
    if app is None:
        app = _create(store, folder, app_id, webhook_secret)
    if webhook_url is not None or webhook_secret is not None:
        app = store.edit_app(
            replace(
                app,
                hook_url=webhook_url or app.hook_url,
                hook_secret=webhook_secret or app.hook_secret,
            )
        )
    about = {
        "id": app.id,
        "slug": app.slug,
        "client_id": app.client_id,
        "client_secret": app.client_secret,
        "webhook_secret": app.hook_secret,
        "pem": str((folder / "app.pem").resolve()),
    }
    _write_private(folder / "app.json", json.dumps(about, indent=2) + "\n")
    return app


def read_app(folder: Path) -> AppFile:
    """What a launcher needs to know of the App of a world folder."""
    return AppFile(**json.loads((folder / "app.json").read_text()))


def _create(store: Store, folder: Path, app_id: int | None, webhook_secret: str | None) -> App:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    _write_private(folder / "app.pem", pem.decode())
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    now = store.clock.now()
    with store.writing():
        owner = store.create_account("autosync-makers", "Organization", name="AutoSync makers")
        bot = store.create_account("autosync-app[bot]", "Bot")
        return store.create_app(
            App(
                id=app_id or store.allocate("app"),
                slug="autosync-app",
                name="AutoSync app",
                client_id=f"Iv23li{nonces.digits(store.key, 'client id', 7)}",
                client_secret=nonces.digits(store.key, "client secret", 20),
                public_key=public.decode(),
                owner_id=owner.id,
                bot_id=bot.id,
                permissions=PERMISSIONS,
                events=EVENTS,
                hook_id=store.allocate("hook"),
                hook_url=None,
                hook_secret=webhook_secret or nonces.digits(store.key, "webhook secret", 20),
                hook_content_type="json",
                hook_insecure_ssl="0",
                created_at=now,
                updated_at=now,
            )
        )


def _write_private(path: Path, text: str) -> None:
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
