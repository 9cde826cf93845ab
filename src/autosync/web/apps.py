"""Django app configuration of the web room."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "autosync.web"
    label = "web"
    verbose_name = "AutoSync web"
