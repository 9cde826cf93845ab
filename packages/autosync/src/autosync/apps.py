"""Django app configuration that carries the management commands."""

from django.apps import AppConfig


class AutoSyncConfig(AppConfig):
    name = "autosync"
    label = "autosync"
