from django.apps import AppConfig

from processing.checks import register_checks


class ProcessingConfig(AppConfig):
    name = "processing"

    def ready(self) -> None:
        register_checks()
