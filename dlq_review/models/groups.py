"""Groups of similar failures, and how often they happened.

The counters are kept in the transaction that changes a dead letter, so that no page ever
counts a million rows.
"""

from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from dlq_review.bodies.sentences import LONGEST, marked, says_something
from processing.models import User


class FailureGroup(models.Model):
    """Dead letters with the same fingerprint."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        ACKNOWLEDGED = "acknowledged", "Acknowledged"
        RESOLVED = "resolved", "Resolved"
        REGRESSED = "regressed", "Regressed"

    fingerprint = models.CharField(max_length=64, unique=True)
    merged_into = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="members"
    )
    """Staff merged this group into that one, which gets its new failures."""
    queue = models.CharField(max_length=80)
    type = models.CharField(max_length=100, blank=True)
    error_type = models.CharField(max_length=200)
    place = models.CharField(max_length=200, blank=True)
    template = models.CharField(max_length=300, blank=True)
    """The error text without the parts that may differ between messages."""
    sentence = models.CharField(
        max_length=LONGEST, blank=True, default="", db_default=""
    )
    """What the error texts say alike; empty for a group of an earlier release."""
    state = models.CharField(max_length=12, choices=State, default=State.OPEN)
    owner = models.CharField(max_length=254, blank=True)
    note = models.TextField(blank=True, max_length=5_000)
    release = models.CharField(max_length=100, blank=True)
    """The release that failed last."""
    appeared_at = models.DateTimeField(default=timezone.now, db_default=Now())
    """When its first letter was pulled, or when it regressed last: by our own clock."""
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField()
    last_redriven_at = models.DateTimeField(null=True, blank=True)
    waiting = models.IntegerField(default=0)
    """Letters that wait for staff: open, quarantined or claimed."""
    oldest_accepted = models.DateTimeField(null=True, blank=True)
    """When SQS took the oldest event that waits; empty if none does."""
    redriven = models.IntegerField(default=0)
    settled = models.IntegerField(default=0)
    """Letters that are resolved or discarded."""

    class Meta:
        ordering = ("-last_seen", "-id")
        default_permissions = ("view",)
        indexes = (
            models.Index(fields=("state", "-last_seen"), name="group_inbox"),
            models.Index(fields=("-last_seen", "-id"), name="group_latest"),
            models.Index(fields=("-waiting", "-id"), name="group_largest"),
            models.Index(fields=("-first_seen", "-id"), name="group_newest"),
            models.Index(fields=("oldest_accepted", "id"), name="group_oldest"),
            models.Index(fields=("-appeared_at",), name="group_appeared"),
            models.Index(fields=("owner",), name="group_owner"),
        )

    def __str__(self) -> str:
        return self.title

    @property
    def title(self) -> str:
        """What went wrong; the name of the error if its texts say nothing alike."""
        found = self.sentence or marked(self.template)
        return found if says_something(found) else self.error_type


class FailureCount(models.Model):
    """Arrivals of one group in one hour (UTC)."""

    group = models.ForeignKey(
        FailureGroup, on_delete=models.CASCADE, related_name="counts"
    )
    hour = models.DateTimeField()
    arrivals = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("group", "hour"), name="one_count_per_group_and_hour"
            ),
        )
        indexes = (models.Index(fields=("hour",), name="count_by_hour"),)

    def __str__(self) -> str:
        return f"{self.group_id} {self.hour:%Y-%m-%d %H} {self.arrivals}"


class LastLook(models.Model):
    """Up to when a member of staff has looked through the groups."""

    person = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True)
    at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.person_id} {self.at:%Y-%m-%d %H:%M}"
