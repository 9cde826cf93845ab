"""Django app configuration of the api room."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "autosync.api"
    label = "api"
    verbose_name = "AutoSync api"

    def ready(self) -> None:
        from ninja import Schema  # noqa: PLC0415 (start-up time: no worker imports this room)

        # Two hundred shapes, of which a start needs three: each is compiled when it is first used.
        Schema.model_config["defer_build"] = True
