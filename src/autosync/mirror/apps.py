"""Django app configuration of the mirror room."""

from django.apps import AppConfig


class MirrorConfig(AppConfig):
    name = "autosync.mirror"
    label = "mirror"
    verbose_name = "AutoSync mirror"
