from django.db import models


class Erasure(models.Model):
    """That a person was forgotten: when, by whom, how many rows. Whom, only by a hash."""

    person = models.CharField(max_length=64, db_index=True)
    """A keyed hash of the address."""
    by = models.CharField(max_length=254)
    began_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    """Empty if the run was stopped; the next one goes on."""
    counts = models.JSONField(default=dict)
    """How many rows of each kind were erased or changed."""

    class Meta:
        ordering = ("-id",)
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.person[:16]} {self.began_at:%F}"
