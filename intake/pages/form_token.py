"""The hidden token of a public form: signed, minted when the form is shown.

It makes a double click the same request, and tells when the form was opened. It holds
nothing about a person and needs no session.
"""

import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Self

from django.core import signing

LONGEST_OPEN = timedelta(days=1)
_SIGNER = "intake.form"


class StaleFormError(ValueError):
    """This page was open for a long time. Look through what you wrote and send it again."""


@dataclass(frozen=True, slots=True)
class FormToken:
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    opened_at: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __str__(self) -> str:
        value = [self.nonce, self.opened_at.isoformat()]
        return signing.Signer(salt=_SIGNER).sign_object(value)

    @classmethod
    def read(cls, text: str) -> Self:
        """Read *text* as a token. Raises StaleFormError if it is old or not ours."""
        try:
            nonce, opened_at = signing.Signer(salt=_SIGNER).unsign_object(text)
        except signing.BadSignature:
            raise StaleFormError(StaleFormError.__doc__) from None
        token = cls(nonce, datetime.fromisoformat(opened_at))
        if datetime.now(UTC) - token.opened_at > LONGEST_OPEN:
            raise StaleFormError(StaleFormError.__doc__)
        return token
