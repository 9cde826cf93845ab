"""Django app configuration that carries the commands and keeps the SQL views current."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


class AutoSyncConfig(AppConfig):
    name = "autosync"
    label = "autosync"

    def ready(self) -> None:
        pre_migrate.connect(_before, sender=self)
        post_migrate.connect(_after, sender=self)


def _before(*, plan: Any, using: str, **about: Any) -> None:
    from autosync.insight import sql_views  # noqa: PLC0415 (before the models are loaded)

    sql_views.prepare(plan, using)


def _after(*, using: str, **about: Any) -> None:
    from autosync.insight import sql_views  # noqa: PLC0415 (before the models are loaded)

    sql_views.bring_up_to_date(using)
