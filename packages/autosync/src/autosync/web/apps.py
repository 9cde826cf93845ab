"""Django app configuration of the web room."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    name = "autosync.web"
    label = "web"
    verbose_name = "AutoSync web"

    def ready(self) -> None:
        from autosync.web import signin  # noqa: F401, PLC0415 (hears who signs in: needs the models)
