"""`manage.py migrate`: Django's, with each migration and the record of it in one transaction.

Django records a migration that adds constraints or indexes in a transaction of its own. Killed
between the two, it would try the same migration again at every start and fail at it.
"""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.migration import Migration

from autosync.errors import AutoSyncError
from autosync.fitness import check
from autosync.killpoints import reached


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            check()
        except AutoSyncError as error:
            raise CommandError(str(error)) from None
        super().handle(*args, **options)


class _Executor(MigrationExecutor):
    def apply_migration(self, state: Any, migration: Migration, *how: Any, **more: Any) -> Any:
        whole = transaction.atomic(self.connection.alias) if migration.atomic else nullcontext()
        with whole:
            state = super().apply_migration(state, migration, *how, **more)
        reached("migrate: one of many committed")
        return state

    def record_migration(self, migration: Migration) -> None:
        reached("migrate: applied, not recorded")
        super().record_migration(migration)


# The command takes its executor from here and offers no other way to name it.
migrate.MigrationExecutor = _Executor  # type: ignore[attr-defined]
