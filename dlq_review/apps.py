from importlib import import_module

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps

from processing.handlers import desk


class DlqReviewConfig(AppConfig):
    name = "dlq_review"
    verbose_name = "Dead-letter review"
    default = True

    def ready(self) -> None:
        # By name: models cannot be imported before apps are ready.
        import_module("dlq_review.checks").register_checks()
        desk.is_at(import_module("dlq_review.redrive.witness"))


class TriageAdminConfig(admin_apps.AdminConfig):
    """Django's admin, with our site in place of the stock one."""

    default_site = "dlq_review.desk.site.TriageSite"
    default = False
