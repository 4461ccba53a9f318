"""Bulk redrives, discards, edits and repairs: a frozen list, its rate, and the result of each item."""

from datetime import datetime

from django.db import models
from django.utils import timezone

from dlq_review.models.letters import DeadLetter
from dlq_review.models.policies import RedrivePolicy


class Operation(models.Model):
    class Kind(models.TextChoices):
        REDRIVE = "redrive", "Redrive"
        DISCARD = "discard", "Discard"
        RESTORE = "restore", "Restore"
        EDIT = "fix", "Edit"
        UNDO = "undo", "Undo of an edit"
        REPAIR = "repair", "Repair"
        """Edit, and redrive what becomes valid."""

    class State(models.TextChoices):
        DRAFT = "draft", "Not started"
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"
        DONE = "done", "Done"
        CANCELLED = "cancelled", "Cancelled"

    ENDED = (State.DONE, State.CANCELLED)
    EDITS = (Kind.EDIT, Kind.REPAIR)
    REDRIVES = (Kind.REDRIVE, Kind.REPAIR)

    kind = models.CharField(max_length=7, choices=Kind, default=Kind.REDRIVE)
    state = models.CharField(max_length=9, choices=State, default=State.DRAFT)
    patch = models.JSONField(default=list, blank=True)
    """For an edit or a repair: the steps of a JSON Patch, or a list of them for each case
    (bodies/patch_cases.py).
    """
    masked = models.BooleanField(default=False, db_default=False)
    """Its author may not see personal data, so its conditions see the masked body."""
    undoes = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, related_name="undone_by"
    )
    """For an undo: the edit or the repair."""
    policy = models.ForeignKey(
        RedrivePolicy, on_delete=models.PROTECT, null=True, related_name="runs"
    )
    """The policy that it is a run of."""
    selection = models.JSONField(default=dict)
    by = models.CharField(max_length=254)
    reason = models.TextField(blank=True)
    rate = models.PositiveSmallIntegerField(default=50)
    """Messages a second, 1-500."""
    reached = models.PositiveIntegerField(null=True, blank=True)
    """Messages a second that its last run reached."""
    canary = models.PositiveIntegerField(default=0)
    """Send so many first and wait for their outcome; 0 for none."""
    canary_over = models.BooleanField(default=False, db_default=False)
    """So many of the canary were sent, and their outcomes are known."""
    stop_at = models.PositiveSmallIntegerField(default=20)
    """Pause when this share of the outcomes, in percent, failed again; 100 for never."""
    to = models.CharField(max_length=80, blank=True)
    """The queue to redrive to; empty for each event's own."""
    override_limit = models.BooleanField(default=False)
    """Also redrive letters that were redriven REDRIVE_LIMIT times already."""
    total = models.PositiveIntegerField(default=0)
    cutoff = models.DateTimeField()
    """Letters that failed later are not on the list."""
    halted = models.CharField(max_length=300, blank=True)
    """Why it paused by itself."""
    looked_at = models.JSONField(default=list, db_default=[])
    """Outcomes, and how many of them failed again, when it was resumed after a brake."""
    refused = models.JSONField(default=dict, db_default={})
    """The queues that did not take their messages when last asked, and why."""
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    """When something was sent last."""
    ended_at = models.DateTimeField(null=True, blank=True)
    purged_at = models.DateTimeField(null=True, blank=True)
    """When its personal data was removed, long after it ended."""
    leased_until = models.DateTimeField(null=True, blank=True)
    """One runner at a time holds it; a crashed runner's lease runs out."""
    lease_owner = models.UUIDField(null=True, blank=True)
    lease_holder = models.CharField(max_length=200, blank=True, db_default="")
    """The worker and process that holds it, or held it last."""

    class Meta:
        ordering = ("-id",)
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} #{self.pk}"

    @property
    def braked(self) -> bool:
        """Paused by itself because too many failed again (operations/progress.py)."""
        return self.halted.startswith("Brake")

    @property
    def held_until(self) -> datetime | None:
        """The end of a lease that still runs; None where anybody may run it."""
        leased = self.leased_until is not None and self.leased_until > timezone.now()
        return self.leased_until if leased else None


class OperationItem(models.Model):
    class State(models.TextChoices):
        WAITING = "waiting", "not yet sent"
        SENT = "sent", "awaiting its outcome"
        PROCESSED = "processed", "processed"
        DONE_ALREADY = "done_already", "processed already"
        FAILED_AGAIN = "failed_again", "failed again"
        DISCARDED = "discarded", "discarded"
        RESTORED = "restored", "restored"
        EDITED = "fixed", "edited"
        UNDONE = "undone", "as before the edit"
        READY = "ready", "edited, not yet sent"
        """Of a repair. If it is not sent in the end, the item is EDITED, and tells why."""
        SKIPPED = "skipped", "skipped"

    # A person waits while a hundred thousand items are frozen, so there is no constraint
    # and no index that the INSERT ... SELECT makes needless. An item may outlive its letter.
    operation = models.ForeignKey(
        Operation,
        on_delete=models.CASCADE,
        related_name="items",
        db_index=False,
        db_constraint=False,
    )
    letter = models.ForeignKey(
        DeadLetter,
        on_delete=models.PROTECT,
        related_name="operations",
        db_index=False,
        db_constraint=False,
    )
    revision = models.PositiveIntegerField()
    """The revision that was current when the list was frozen; that of a repair, once it
    has edited the letter.
    """
    state = models.CharField(max_length=12, choices=State, default=State.WAITING)
    why = models.CharField(max_length=500, blank=True)

    TO_DO = (State.WAITING, State.READY)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("operation", "letter"), name="one_item_per_letter"
            ),
        )
        indexes = (
            models.Index(fields=("operation", "state", "id"), name="items_to_do"),
        )

    def __str__(self) -> str:
        return f"{self.operation_id}/{self.letter_id} {self.state}"
