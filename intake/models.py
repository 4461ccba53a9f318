"""The API keys of producers.

Staff make and end them; a thread of the front door reads them. Only the SHA-256 of a key is
stored. It is 256 random bits, so nobody finds it by trying, and whoever reads this table
can send nothing.
"""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Self

from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import timezone

BEGINS = "hf_"
_SHOWN = len(BEGINS) + 8


class KeyExistsError(Exception):
    """There is such a key already: another was made for the same producer meanwhile."""


class ApiKeys(models.QuerySet["ApiKey"]):
    def valid(self) -> Self:
        return self.filter(
            Q(expires_at=None) | Q(expires_at__gt=Now()), revoked_at=None
        )


class ApiKey(models.Model):
    """One key of one producer. The next one is made before this one ends, so both are valid."""

    producer = models.CharField(max_length=80)
    generation = models.PositiveSmallIntegerField(default=1)
    prefix = models.CharField("begins with", max_length=_SHOWN)
    digest = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField("may send")
    """The types of events that it may send."""
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField("valid until", null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField("last used", null=True, blank=True)
    """To about a minute."""

    objects = ApiKeys.as_manager()

    class Meta:
        verbose_name = "API key"
        ordering = ("producer", "-generation")
        default_permissions = ("add", "change", "view")
        constraints = (
            models.UniqueConstraint(
                fields=("producer", "generation"), name="one_key_per_generation"
            ),
        )

    def __str__(self) -> str:
        return f"{self.producer} {self.generation}"

    @property
    def state(self) -> str:
        if self.revoked_at:
            return "revoked"
        ended = self.expires_at is not None and self.expires_at <= timezone.now()
        return "expired" if ended else "valid"

    @classmethod
    def make(
        cls,
        producer: str,
        scopes: list[str],
        expires_at: datetime | None,
        generation: int = 1,
    ) -> tuple[Self, str]:
        """A new key, and its text, which nobody can read again. Raises KeyExistsError."""
        text = BEGINS + secrets.token_urlsafe(32)
        try:
            with transaction.atomic():
                key = cls.objects.create(
                    producer=producer,
                    generation=generation,
                    prefix=text[:_SHOWN],
                    digest=digest_of(text),
                    scopes=scopes,
                    expires_at=expires_at,
                )
        except IntegrityError:
            raise KeyExistsError(KeyExistsError.__doc__) from None
        return key, text

    def follow(
        self, scopes: list[str], expires_at: datetime | None, days: int
    ) -> tuple[Self, str]:
        """Make the next key of this producer, like `make`.

        This one ends in so many *days*.
        """
        ends = timezone.now() + timedelta(days=days)
        later = Q(expires_at=None) | Q(expires_at__gt=ends)
        with transaction.atomic():
            made = self.make(self.producer, scopes, expires_at, self.generation + 1)
            ApiKey.objects.filter(later, pk=self.pk).update(expires_at=ends)
        return made

    def revoke(self) -> bool:
        """End the key for good; False if it was revoked before."""
        mine = ApiKey.objects.filter(pk=self.pk, revoked_at=None)
        return bool(mine.update(revoked_at=Now()))


def digest_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
