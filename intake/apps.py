from django.apps import AppConfig
from django.core.checks import register

from intake.checks import cache_is_not_the_database


class IntakeConfig(AppConfig):
    name = "intake"

    def ready(self) -> None:
        register(cache_is_not_the_database)
