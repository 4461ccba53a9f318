from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps
from django.core.checks import register
from django.utils.module_loading import import_string

from dlq_review.checks import redrive_settings
from processing import redrives


class DlqReviewConfig(AppConfig):
    name = "dlq_review"
    verbose_name = "Dead-letter review"
    default = True

    def ready(self) -> None:
        register(redrive_settings)
        # By name: models cannot be imported before apps are ready.
        redrives.witnessed_by(import_string("dlq_review.witness.is_redrive_of_ours"))


class TriageAdminConfig(admin_apps.AdminConfig):
    """Django's admin, with our site in place of the stock one."""

    default_site = "dlq_review.site.TriageSite"
    default = False
