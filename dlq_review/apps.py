from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class DlqReviewConfig(AppConfig):
    name = "dlq_review"
    verbose_name = "Dead-letter review"
    default = True


class TriageAdminConfig(admin_apps.AdminConfig):
    """Django's admin, with our site in place of the stock one."""

    default_site = "dlq_review.site.TriageSite"
    default = False
