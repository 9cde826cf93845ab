"""Django app configuration of the sync room."""

from django.apps import AppConfig


class SyncConfig(AppConfig):
    name = "autosync.sync"
    label = "sync"
    verbose_name = "AutoSync sync"
