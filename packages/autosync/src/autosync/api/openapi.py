"""The API's OpenAPI document as a file: `python -m autosync.api.openapi > docs/openapi.json`."""

from __future__ import annotations

import json
import os
import sys


def document() -> str:
    """The document as JSON text, ending in a newline."""
    from autosync.api.app import api  # noqa: PLC0415 (Django is not set up)

    schema = api.get_openapi_schema(path_prefix="/api/")
    return json.dumps(schema, indent=2, ensure_ascii=False, default=str) + "\n"


if __name__ == "__main__":
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "autosync.settings")
    django.setup()
    sys.stdout.write(document())
