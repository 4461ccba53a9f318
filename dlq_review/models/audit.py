from typing import Any

from django.db import models

from dlq_review.models.groups import FailureGroup
from dlq_review.models.letters import DeadLetter
from dlq_review.models.operations import Operation
from dlq_review.models.policies import RedrivePolicy


class AppendOnlyError(Exception):
    """The audit trail is only ever added to."""


class AuditEntry(models.Model):
    """Who did what, when and why. Written in the transaction of the deed."""

    class Verb(models.TextChoices):
        PULLED = "pulled", "pulled from the DLQ"
        COPY = "copy", "kept a late copy"
        FAILED_AGAIN = "failed_again", "failed again"
        REGRESSED = "regressed", "came back after it was settled"
        EDITED = "edited", "edited"
        CLAIMED = "claimed", "asked for a redrive"
        UNDONE = "undone", "took the redrive back"
        SENT = "sent", "sent back to its queue"
        NOT_SENT = "not_sent", "could not be sent"
        RESOLVED = "resolved", "resolved"
        DISCARDED = "discarded", "discarded"
        RESTORED = "restored", "restored"
        REVEALED = "revealed", "looked at personal data"
        PURGED = "purged", "removed its bodies"
        NOTED = "noted", "noted"
        GIVEN = "given", "gave it to"
        GIVEN_BACK = "given_back", "gave it back"
        TAKEN_OVER = "taken_over", "took it over"
        MERGED = "merged", "merged"
        SPLIT = "split", "split off"
        STARTED = "started", "started an operation"
        STEERED = "steered", "steered an operation"
        SCHEDULED = "scheduled", "scheduled redrives"
        POLICY = "policy", "steered a redrive policy"
        TESTED = "tested", "sent a test alert"

    letter = models.ForeignKey(
        DeadLetter, on_delete=models.PROTECT, null=True, related_name="audit"
    )
    group = models.ForeignKey(
        FailureGroup, on_delete=models.PROTECT, null=True, related_name="audit"
    )
    operation = models.ForeignKey(
        Operation, on_delete=models.PROTECT, null=True, related_name="audit"
    )
    policy = models.ForeignKey(
        RedrivePolicy,
        on_delete=models.PROTECT,
        null=True,
        related_name="audit",
        db_index=False,
    )
    actor = models.CharField(max_length=254, blank=True)
    """The user's name; empty for Holdfast itself."""
    verb = models.CharField(max_length=12, choices=Verb)
    at = models.DateTimeField(auto_now_add=True, db_index=True)
    reason = models.TextField(blank=True)
    before = models.CharField(max_length=200, blank=True)
    after = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ("-at", "-id")
        default_permissions = ("view",)
        verbose_name_plural = "audit entries"
        indexes = (
            models.Index(fields=("verb", "-at", "-id"), name="audit_by_verb"),
            models.Index(
                fields=("policy",),
                condition=models.Q(policy__isnull=False),
                name="audit_of_policy",
            ),
            models.Index(
                fields=("actor", "-at", "-id"),
                condition=models.Q(actor__gt=""),
                name="audit_by_person",
            ),
        )

    def __str__(self) -> str:
        return f"{self.actor or 'Holdfast'} {self.verb}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise AppendOnlyError(AppendOnlyError.__doc__)
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise AppendOnlyError(AppendOnlyError.__doc__)

    @classmethod
    def note(
        cls,
        about: DeadLetter | FailureGroup | Operation | RedrivePolicy | None,
        verb: "AuditEntry.Verb",
        *,
        by: str = "",
        reason: str = "",
        before: str = "",
        after: str = "",
    ) -> None:
        """Add one entry to the trail. Call it in the transaction of the deed."""
        cls.objects.create(
            letter=about if isinstance(about, DeadLetter) else None,
            group=about if isinstance(about, FailureGroup) else None,
            operation=about if isinstance(about, Operation) else None,
            policy=about if isinstance(about, RedrivePolicy) else None,
            actor=by,
            verb=verb,
            reason=reason,
            before=before[:200],
            after=after[:200],
        )
