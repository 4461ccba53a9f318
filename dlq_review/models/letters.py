"""Dead letters. Lists read the narrow row; bodies are in a table of their own."""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

from dlq_review.models.groups import FailureGroup
from processing.events.contracts import CONTRACTS
from processing.events.masking import MASK, mask_reference
from processing.models import REQUEST_ID_LENGTH


class DeadLetter(models.Model):
    """One event that ended in a DLQ, however often it arrived there."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        QUARANTINED = "quarantined", "Quarantined"
        CLAIMED = "claimed", "Being sent"
        REDRIVEN = "redriven", "Redriven"
        RESOLVED = "resolved", "Resolved"
        DISCARDED = "discarded", "Discarded"

    EDITABLE = (State.OPEN, State.QUARANTINED)
    WAITING = (State.OPEN, State.QUARANTINED, State.CLAIMED)
    SETTLED = (State.RESOLVED, State.DISCARDED)

    request_id = models.CharField(max_length=REQUEST_ID_LENGTH)
    queue = models.CharField(max_length=80)
    """The queue it failed on, not the DLQ."""
    type = models.CharField(max_length=100, blank=True)
    reference = models.CharField(max_length=254, blank=True, db_index=True)
    """The name that staff and customers use: an order id, an address."""
    correlation_id = models.CharField(
        max_length=REQUEST_ID_LENGTH, blank=True, db_index=True
    )
    customer_id = models.CharField(  # noqa: DJ001 - null is unknown, and empty is none
        max_length=64, null=True, blank=True
    )
    """The customer of the current revision, as the finder looks for it. Null if an earlier
    release stored the row.
    """
    state = models.CharField(max_length=12, choices=State)
    group = models.ForeignKey(
        FailureGroup, on_delete=models.PROTECT, related_name="letters"
    )
    origin = models.ForeignKey(
        FailureGroup,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    """The group of its own fingerprint, if that was merged into `group`."""
    error_type = models.CharField(max_length=200)
    error_text = models.CharField(max_length=500, blank=True)
    error_field = models.CharField(
        max_length=200, blank=True, default="", db_default=""
    )
    """The field that a business rule refused, as in data.order_id; a contract declares it."""
    place = models.CharField(max_length=200, blank=True)
    release = models.CharField(max_length=100, blank=True)
    """The release that failed last."""
    attempts = models.PositiveIntegerField(default=0)
    redrives = models.PositiveIntegerField(default=0)
    arrival_count = models.PositiveIntegerField(default=0)
    sent_at = models.DateTimeField()
    """When SQS took the event, according to the first arrival."""
    first_failed_at = models.DateTimeField()
    last_failed_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    """When SQS would have dropped it. Here it stays until it is settled."""
    revision = models.PositiveIntegerField(default=0)
    """The number of the current revision; edits and redrives compare it first."""
    body_fingerprint = models.CharField(max_length=64, blank=True)
    """The fingerprint of the current revision; empty while it is not a valid event."""
    redrive_id = models.UUIDField(null=True, blank=True)
    operation = models.PositiveBigIntegerField(null=True, blank=True)
    """The operation that claimed it last; empty after a single redrive."""
    claimed_at = models.DateTimeField(null=True, blank=True)
    send_after = models.DateTimeField(null=True, blank=True)
    """While a claimed letter has this, the redrive is not sent yet and can be undone."""
    redriven_to = models.CharField(max_length=80, blank=True)
    """The queue that its last redrive was meant for; empty for its event's own."""
    redriven_at = models.DateTimeField(null=True, blank=True)
    settled_at = models.DateTimeField(null=True, blank=True)
    purged_at = models.DateTimeField(null=True, blank=True)
    """When its bodies were removed, long after it was settled."""

    class Meta:
        ordering = ("-last_failed_at", "-id")
        default_permissions = ("view", "change")
        permissions = (
            ("redrive_deadletter", "Can redrive a dead letter"),
            ("bulk_redrive_deadletter", "Can redrive many dead letters"),
            ("discard_deadletter", "Can discard, restore and resolve dead letters"),
            ("export_deadletter", "Can export dead letters"),
            ("view_personal_deadletter", "Can see personal data in dead letters"),
        )
        constraints = (
            models.UniqueConstraint(
                fields=("request_id", "queue"), name="one_letter_per_request_and_queue"
            ),
        )
        indexes = (
            models.Index(fields=("-last_failed_at", "-id"), name="letter_newest"),
            *(
                models.Index(
                    fields=(field, "state", "-last_failed_at", "-id"),
                    name=f"letter_{field}",
                )
                for field in ("queue", "type", "error_type", "group")
            ),
            models.Index(
                fields=("state", "-last_failed_at", "-id"), name="letter_state"
            ),
            models.Index(fields=("customer_id", "-id"), name="letter_customer"),
            models.Index(fields=("state", "first_failed_at"), name="letter_oldest"),
            models.Index(fields=("state", "expires_at"), name="letter_expiry"),
            models.Index(
                fields=("settled_at",),
                condition=models.Q(settled_at__isnull=False, purged_at=None),
                name="letter_to_purge",
            ),
            models.Index(
                fields=("settled_at",),
                condition=models.Q(settled_at__isnull=False),
                name="letter_by_age",
            ),
            models.Index(fields=("state", "redriven_at"), name="letter_overdue"),
            models.Index(
                fields=("release", "state", "-last_failed_at", "-id"),
                name="letter_release",
            ),
            models.Index(
                fields=("state", "-last_failed_at", "-id"),
                condition=models.Q(revision__gt=0),
                name="letter_edited",
            ),
            models.Index(
                fields=("state", "-last_failed_at", "-id"),
                condition=models.Q(redrives__gt=0),
                name="letter_redriven",
            ),
            models.Index(
                fields=("group", "sent_at"),
                condition=models.Q(state__in=("open", "quarantined", "claimed")),
                name="letter_oldest_of_group",
            ),
            models.Index(
                fields=("origin",),
                condition=models.Q(origin__isnull=False),
                name="letter_origin",
            ),
        )

    def __str__(self) -> str:
        """For any title, message or log: an address is shortened."""
        shown = mask_reference(self.reference)
        return self.request_id if shown in ("", MASK) else shown

    @property
    def order_id(self) -> str:
        """Its reference, if that is the id of an order."""
        contract = CONTRACTS.get(self.type)
        is_order = contract is not None and contract.reference_field == "order_id"
        plain = mask_reference(self.reference) == self.reference
        return self.reference if is_order and plain else ""

    @property
    def resting_state(self) -> State:
        """The state it waits in: quarantined if no contract declares its type, else open."""
        known = self.type in CONTRACTS and self.queue != "jobs"
        return self.State.OPEN if known else self.State.QUARANTINED

    @property
    def goal(self) -> str:
        """The queue that its redrive goes to; empty if its type is unknown."""
        contract = CONTRACTS.get(self.type)
        return self.redriven_to or (contract.queue if contract else "")

    @property
    def undoable(self) -> bool:
        """Claimed by a redrive that can still be undone."""
        return self.state == self.State.CLAIMED and self.send_after is not None

    @property
    def limit_reached(self) -> bool:
        """It was redriven REDRIVE_LIMIT times, so another redrive needs a reason."""
        return bool(0 < settings.REDRIVE_LIMIT <= self.redrives)

    @staticmethod
    def overdue_since() -> datetime:
        """A redrive that is older than this and has no outcome is overdue."""
        return timezone.now() - timedelta(seconds=settings.REDRIVE_OVERDUE_SECONDS)

    @property
    def overdue(self) -> bool:
        """Redriven, and without an outcome for too long."""
        if self.state != self.State.REDRIVEN or self.redriven_at is None:
            return False
        return self.redriven_at < self.overdue_since()

    @property
    def failed_again(self) -> bool:
        return self.state in self.EDITABLE and self.redrives > 0
