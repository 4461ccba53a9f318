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


class RaisedAlert(models.Model):
    """When an alert was last raised. Limits how often it is raised."""

    name = models.CharField(primary_key=True, max_length=100)
    at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


class UntoldAlert(models.Model):
    """An alert that nobody was mailed yet."""

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
