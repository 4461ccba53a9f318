"""Standing policies: redrive what matches, every few minutes, while a probe is green."""

from datetime import UTC, date, datetime

from django.db import models
from django.utils import timezone


class RedrivePolicy(models.Model):
    """A standing order to redrive letters. Each run is an operation of its own."""

    class State(models.TextChoices):
        DRAFT = "draft", "Not started"
        ACTIVE = "active", "Active"
        PAUSED = "paused", "Paused"
        STOPPED = "stopped", "Stopped"
        ENDED = "ended", "Ended"

    class Probe(models.TextChoices):
        EVENTS = "events", "The last events of the type succeeded"
        HTTP = "http", "A URL answers with 200"
        SMTP = "smtp", "The mail server lets us in"
        DATABASE = "database", "The database answers"

    state = models.CharField(max_length=8, choices=State, default=State.DRAFT)
    selection = models.JSONField(default=dict)
    masked = models.BooleanField(default=False)
    """Its author may not see personal data, so its conditions see the masked body."""
    owner = models.CharField(max_length=254)
    """Its runs are in the name of this user, who must hold the permissions at each run."""
    reason = models.TextField()
    every = models.PositiveIntegerField()
    """Minutes between two runs."""
    times = models.PositiveSmallIntegerField()
    """At most so many runs take the same letter."""
    most = models.PositiveIntegerField()
    """At most so many letters a run, the oldest first."""
    rate = models.PositiveSmallIntegerField()
    canary = models.PositiveIntegerField()
    stop_at = models.PositiveSmallIntegerField()
    """Percent; as Operation.stop_at, for each run and for the last runs together."""
    probe = models.CharField(max_length=8, choices=Probe)
    events = models.PositiveSmallIntegerField(default=0)
    """For the probe of events: how many of the last ones must have succeeded."""
    url = models.CharField(max_length=500, blank=True)
    """For the probe of a URL."""
    until = models.DateField()
    """Its last day, in UTC."""
    halted = models.CharField(max_length=300, blank=True)
    """Why it stopped or ended by itself."""
    known_errors = models.JSONField(default=list)
    """The error types of all letters that its runs took, as they were before the run."""
    counted_from = models.DateTimeField(null=True, blank=True)
    """When it was started or resumed. Earlier runs do not stop it any more."""
    next_run_at = models.DateTimeField(null=True, blank=True)
    looked_at = models.DateTimeField(null=True, blank=True)
    green = models.BooleanField(null=True, blank=True)
    """What the probe said then."""
    said = models.CharField(max_length=300, blank=True)
    """The same in words, and what the policy did."""
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    purged_at = models.DateTimeField(null=True, blank=True)
    """When its personal data was removed, long after it ended."""
    leased_until = models.DateTimeField(null=True, blank=True)
    """One process at a time begins a run; the lease of a killed one runs out."""
    lease_owner = models.UUIDField(null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        default_permissions = ("view",)
        permissions = (("schedule_redrivepolicy", "Can schedule redrives"),)
        verbose_name_plural = "redrive policies"
        indexes = (models.Index(fields=("state", "next_run_at"), name="policy_due"),)

    def __str__(self) -> str:
        return f"Policy #{self.pk}"

    @staticmethod
    def today() -> date:
        return timezone.now().astimezone(UTC).date()

    @property
    def is_over(self) -> bool:
        """Its last day has passed."""
        return self.until < self.today()

    @property
    def next_run(self) -> datetime | None:
        """The time of its next run; None unless it is active."""
        return self.next_run_at if self.state == self.State.ACTIVE else None
