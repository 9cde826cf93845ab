"""What the receiver is compared with: the same checks in a Django async view, one insert each."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from itertools import count
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "autosync.settings")

from django.conf import settings

settings.ROOT_URLCONF = __name__
settings.MIDDLEWARE = []  # the leanest Django there is
settings.DATABASES["default"] |= {"CONN_MAX_AGE": 0}
settings.DATABASES["default"]["OPTIONS"]["pool"] = {"min_size": 10, "max_size": 40}

from django.core.asgi import get_asgi_application  # noqa: E402

application = get_asgi_application()

from django.http import HttpRequest, JsonResponse  # noqa: E402
from django.urls import path  # noqa: E402

from autosync.mirror.models import Delivery  # noqa: E402

_ids = count(1)  # the inbox's own come with the GUID's row, which this view does without
_SECRET = os.environ["GITHUB_WEBHOOK_SECRET"].encode()


async def webhook(request: HttpRequest) -> JsonResponse:
    """Verify, insert, answer; the insert is committed when it returns (autocommit)."""
    body = request.body
    expected = "sha256=" + hmac.new(_SECRET, body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected, request.headers.get("X-Hub-Signature-256", "")):
        return JsonResponse({"error": "The signature does not match."}, status=401)
    payload: dict[str, Any] = json.loads(body)
    await Delivery.objects.acreate(
        pk=next(_ids),
        guid=request.headers["X-GitHub-Delivery"],
        event=request.headers["X-GitHub-Event"],
        action=payload.get("action", ""),
        installation_id=payload.get("installation", {}).get("id"),
        repository_id=payload.get("repository", {}).get("id"),
        headers={"X-GitHub-Event": request.headers["X-GitHub-Event"]},
        body=body,
    )
    return JsonResponse({"status": "accepted"}, status=202)


urlpatterns = [path("api/github/webhook/", webhook)]
