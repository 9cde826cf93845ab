"""Django app configuration of the api room."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "autosync.api"
    label = "api"
    verbose_name = "AutoSync api"
