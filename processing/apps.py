from django.apps import AppConfig

from processing.checks import register_checks


class ProcessingConfig(AppConfig):
    name = "processing"

    def ready(self) -> None:
        from processing.handlers.registry import register_all  # it needs the models

        register_checks()
        register_all()
