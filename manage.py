#!/usr/bin/env python
"""Django's command line: migrate, runserver, sync_github and the rest."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "autosync.settings")
    from django.core.management import execute_from_command_line

    from autosync.errors import AutoSyncError

    try:
        execute_from_command_line(sys.argv)
    except AutoSyncError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
