"""The worker process (`python -m autosync.service.worker`)."""

from __future__ import annotations

import os
import sys

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "autosync.settings")


def main() -> int:
    import django

    from autosync.service import lifeline

    parent = os.environ.get("AUTOSYNC_PARENT")
    if parent:
        lifeline.hold(int(parent))
    django.setup()
    from autosync.sync import connect, worker

    connect.credentials()
    return worker.run()


if __name__ == "__main__":
    sys.exit(main())
