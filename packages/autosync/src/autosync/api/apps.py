"""Django app configuration of the api room."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "autosync.api"
    label = "api"
    verbose_name = "AutoSync api"

    def ready(self) -> None:
        # Start-up time: no worker imports this room.
        from ninja import Schema  # noqa: PLC0415
        from ninja.params.models import ParamModel  # noqa: PLC0415
        from pydantic import BaseModel  # noqa: PLC0415

        # Two hundred shapes of answers and one for what each operation takes, of which a start
        # needs three: each is compiled when it is first used.
        late: list[type[BaseModel]] = [Schema, *ParamModel.__subclasses__()]
        for model in late:
            model.model_config["defer_build"] = True
