"""What a sign-up does, and the link that completes it."""

from typing import Literal, cast
from uuid import NAMESPACE_URL, uuid5

from django.contrib.auth.hashers import make_password
from django.core import signing
from django.utils import timezone

from processing.contracts import EmailRequested, SignupRequested
from processing.effects import Effect
from processing.events import Event
from processing.models import User

LINK_AGE = 3 * 24 * 3600  # seconds a verification link works
_SALT = "verify_email"


class BadLinkError(ValueError):
    """This link is not valid any more. Sign up again to get a new one."""


class AlreadyOpenError(ValueError):
    """This account is open already; there is nothing more to do."""


def sign_up(event: Event) -> Effect:
    """Make an inactive account, or tell the owner of the address that it has one.

    The requester sees no difference, so nobody can ask us who our customers are.
    """
    data = cast(SignupRequested, event.data)
    user, _ = User.objects.get_or_create(
        email=data.email,
        defaults={
            "username": data.email,
            "name": data.name,
            "profile": data.profile.model_dump(exclude_none=True)
            if data.profile
            else {},
            "request_id": event.id,
            "is_active": False,
            "password": "!",  # Django's mark for "no password works"
        },
    )
    known = user.verified_at is not None or user.is_staff
    template: Literal["verify_email", "already_registered"]
    template = "already_registered" if known else "verify_email"
    mail = Event.new(
        EmailRequested(
            recipient=user.email, template=template, context={"account": str(user.pk)}
        ),
        # The same id whenever this sign-up is processed again: one mail.
        id=str(uuid5(NAMESPACE_URL, f"{event.id}/{template}")),
        correlation_id=event.correlation_id,
    )
    return Effect({"account": "requested"}, follow_ups=(mail,))


def verification_token(account: str) -> str:
    return signing.TimestampSigner(salt=_SALT).sign(account)


def owner_of(token: str) -> User:
    """The account a verification link is for. Raises BadLinkError."""
    try:
        account = signing.TimestampSigner(salt=_SALT).unsign(token, max_age=LINK_AGE)
        return User.objects.get(pk=account, is_staff=False)
    except (signing.BadSignature, User.DoesNotExist):
        raise BadLinkError(BadLinkError.__doc__) from None


def waiting_for(token: str) -> User:
    """The account a link opens. Raises BadLinkError or AlreadyOpenError."""
    user = owner_of(token)
    if user.verified_at is not None:
        raise AlreadyOpenError(AlreadyOpenError.__doc__)
    return user


def verify(token: str, password: str) -> User:
    """Open the account a link is for, under *password*.

    Raises BadLinkError, or AlreadyOpenError: a link works once, so that an old mail cannot
    set a new password.
    """
    user = waiting_for(token)
    opened = User.objects.filter(pk=user.pk, verified_at=None).update(
        is_active=True, verified_at=timezone.now(), password=make_password(password)
    )
    if not opened:
        raise AlreadyOpenError(AlreadyOpenError.__doc__)
    return user
