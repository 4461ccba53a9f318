from django.apps import AppConfig

from intake.checks import register_checks


class IntakeConfig(AppConfig):
    name = "intake"

    def ready(self) -> None:
        register_checks()
