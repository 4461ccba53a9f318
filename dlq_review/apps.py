from django.apps import AppConfig


class DlqReviewConfig(AppConfig):
    name = "dlq_review"
    verbose_name = "Dead-letter review"
