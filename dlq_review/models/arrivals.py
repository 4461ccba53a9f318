"""The messages as they were pulled from a DLQ."""

from django.conf import settings
from django.db import models

from dlq_review.models.letters import DeadLetter


class Arrival(models.Model):
    """One message as it was pulled from a DLQ."""

    letter = models.ForeignKey(
        DeadLetter, on_delete=models.PROTECT, related_name="arrivals"
    )
    dlq = models.CharField(max_length=80)
    message_id = models.CharField(max_length=100)
    body = models.TextField()
    attributes = models.JSONField(default=dict)
    """The text of each; of a binary one, base64."""
    attribute_types = models.JSONField(default=dict, db_default={})
    """The types of those that are not String."""
    sent_at = models.DateTimeField()
    receive_count = models.PositiveIntegerField()
    pulled_at = models.DateTimeField(auto_now_add=True)
    archived_at = models.DateTimeField(null=True, blank=True)
    """Empty while the archive has yet to look at it."""
    archived_to = models.TextField(blank=True, db_default="", default="")
    """Its address, s3://bucket/key; empty if its body was purged before it was archived."""

    class Meta:
        ordering = ("-pulled_at", "-id")
        constraints = (
            models.UniqueConstraint(
                fields=("dlq", "message_id"), name="one_arrival_per_message"
            ),
        )
        indexes = (
            models.Index(
                fields=("id",),
                condition=models.Q(archived_at=None),
                name="arrival_to_archive",
            ),
        )

    def __str__(self) -> str:
        return f"{self.dlq} {self.message_id}"

    @staticmethod
    def unarchived() -> "models.QuerySet[Arrival]":
        """The arrivals that wait to be archived; none while nothing is archived."""
        found = Arrival.objects.filter(archived_at=None)
        return found if settings.ARCHIVE_BUCKET else found.none()

    @property
    def is_purged(self) -> bool:
        return not self.body and not self.attributes  # SQS takes no empty body

    @property
    def beside(self) -> list[tuple[str, str, str]]:
        """Its attributes for a page: name, text, and the type unless that is String."""
        shown = {
            name: f"{type}, base64" if type.startswith("Binary") else type
            for name, type in self.attribute_types.items()
        }
        return [
            (name, text, shown.get(name, "")) for name, text in self.attributes.items()
        ]
