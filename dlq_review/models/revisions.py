from django.db import models

from dlq_review.models.letters import DeadLetter


class Revision(models.Model):
    """One version of a dead letter's body. Number 0 is the original and never changes."""

    letter = models.ForeignKey(
        DeadLetter, on_delete=models.PROTECT, related_name="revisions"
    )
    number = models.PositiveIntegerField()
    body = models.TextField()
    fingerprint = models.CharField(max_length=64, blank=True)
    """Event.fingerprint of the body; empty if it is not a valid event."""
    by = models.CharField(max_length=254, blank=True)
    """The user's name; empty for Holdfast itself."""
    at = models.DateTimeField(auto_now_add=True)
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ("-number",)
        constraints = (
            models.UniqueConstraint(
                fields=("letter", "number"), name="one_revision_per_number"
            ),
        )

    def __str__(self) -> str:
        return f"{self.letter_id} revision {self.number}"
