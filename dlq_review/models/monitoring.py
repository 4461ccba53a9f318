from django.db import models


class LifeSign(models.Model):
    """When a part of the machinery was last seen, and the problem it reported."""

    name = models.CharField(primary_key=True, max_length=80)
    at = models.DateTimeField()
    worker = models.CharField(max_length=200, blank=True)
    trouble = models.TextField(blank=True)
    """Empty while all is well."""
    rests_until = models.DateTimeField(null=True, blank=True)
    """Before this, nobody begins the part again: it runs, or it pauses after a failure."""

    def __str__(self) -> str:
        return self.name


class Report(models.Model):
    """The gauges, as a job measured them last. One row; web processes show it."""

    ONLY = 1

    at = models.DateTimeField()
    figures = models.JSONField(default=dict)
    """For each gauge by name: a list of label values and the figure."""
    empty_at = models.JSONField(default=dict)
    """When each queue and DLQ was last seen empty, as Unix time."""
    is_busy = models.BooleanField(default=False)
    """Something waited, so the next report is due soon."""

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M}"
