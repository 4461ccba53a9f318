"""Alerts: which of them last, and their deliveries by each channel (an outbox)."""

from uuid import uuid4

from django.db import models


class RaisedAlert(models.Model):
    """An alert, while it lasts and afterwards. One row for each thing it is about."""

    name = models.CharField(primary_key=True, max_length=100)
    """Its kind and what it is about, as in growth/orders."""
    kind = models.CharField(max_length=20, blank=True, db_default="")
    """Empty in a row of an earlier release, which is over."""
    sentence = models.TextField(blank=True, db_default="")
    """One line, without personal data."""
    path = models.CharField(max_length=200, blank=True, db_default="")
    """Of the page to look at."""
    at = models.DateTimeField()
    """When people were told of it last."""
    seen_at = models.DateTimeField(null=True, blank=True)
    """When it was found true last."""
    began_at = models.DateTimeField(null=True, blank=True)
    over_at = models.DateTimeField(null=True, blank=True)
    """Empty while it lasts."""
    number = models.PositiveIntegerField(default=0, db_default=0)
    """How often people were told of it; with the name and the channel, it is one delivery."""

    class Meta:
        default_permissions = ()
        indexes = (
            models.Index(
                fields=("kind", "name"),
                name="lasting_alerts",
                condition=models.Q(over_at=None),
            ),
        )

    def __str__(self) -> str:
        return self.name


class UntoldAlert(models.Model):
    """An alert of the previous release, which one mail told; it becomes a delivery."""

    name = models.CharField(max_length=100)
    sentence = models.TextField()
    """One line, without personal data."""
    path = models.CharField(max_length=200)
    """Of the page to look at."""

    class Meta:
        default_permissions = ()
        ordering = ("pk",)

    def __str__(self) -> str:
        return self.name


class AlertDelivery(models.Model):
    """One message about an alert by one channel, written with what it is about."""

    class Phase(models.TextChoices):
        RAISED = "raised", "Raised"
        REMINDER = "reminder", "Still so"
        OVER = "over", "Over"
        TEST = "test", "Test"

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        SENT = "sent", "Delivered"
        GIVEN_UP = "given_up", "Given up"

    key = models.UUIDField(default=uuid4, unique=True)
    """Its id, the same each time it is sent."""
    channel = models.CharField(max_length=20)
    name = models.CharField(max_length=100)
    number = models.PositiveIntegerField(default=0)
    kind = models.CharField(max_length=20)
    phase = models.CharField(max_length=8, choices=Phase)
    sentence = models.TextField()
    path = models.CharField(max_length=200)
    began_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(db_index=True)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    tries = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=200, blank=True)
    """Without an address, a secret or an answer as it came."""
    next_try_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    claim = models.UUIDField(null=True, blank=True)
    """Of the process that sends it; of a crashed one it runs out."""
    claimed_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-pk",)
        default_permissions = ("view",)
        permissions = (("test_alertdelivery", "Can send a test alert"),)
        verbose_name = "alert"
        constraints = (
            models.UniqueConstraint(
                fields=("name", "number", "channel"), name="told_once_by_a_channel"
            ),
        )
        indexes = (
            models.Index(
                fields=("channel", "next_try_at"),
                name="alerts_to_deliver",
                condition=models.Q(state="waiting"),
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.phase} by {self.channel}"
