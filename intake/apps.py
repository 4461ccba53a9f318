from django.apps import AppConfig

from intake.checks import register_checks


class IntakeConfig(AppConfig):
    name = "intake"
    verbose_name = "Front door"

    def ready(self) -> None:
        register_checks()
