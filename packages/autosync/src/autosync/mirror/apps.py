"""Django app configuration of the mirror room."""

from importlib import import_module
from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class MirrorConfig(AppConfig):
    name = "autosync.mirror"
    label = "mirror"
    verbose_name = "AutoSync mirror"

    def import_models(self) -> None:
        super().import_models()
        # Models of this app that are declared in a room above, which none here may import.
        import_module("autosync.kinds")

    def ready(self) -> None:
        post_migrate.connect(_make_days_of_the_inbox, sender=self)


def _make_days_of_the_inbox(**about: Any) -> None:
    """Before anything is stored: what comes first would else lie in `inbox_default`."""
    from autosync.mirror.partitions import is_divided, make_ahead  # noqa: PLC0415 (before the models are loaded)

    if is_divided():  # not by migrations that came before it
        make_ahead()
