"""Sign-ups: the inactive account, and the link that opens it."""

from typing import Literal, cast
from uuid import NAMESPACE_URL, uuid5

from django.contrib.auth.hashers import make_password
from django.core import signing
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.db.models.functions import Lower
from django.utils import timezone

from processing.events.contracts import EmailRequested, SignupRequested
from processing.events.envelope import Event, new_id
from processing.handlers.effect import BusinessRuleError, Effect
from processing.handlers.registry import handles
from processing.models import User

LINK_AGE = 3 * 24 * 3600  # seconds a verification link works
_SALT = "verify_email"
_SALT_OF_SIGNUPS = "verify_signup"  # earlier releases refuse such a link


class BadLinkError(ValueError):
    """This link is not valid any more. Sign up again to get a new one."""


class AlreadyOpenError(ValueError):
    """This account is open already; there is nothing more to do."""


class NoAccountError(BusinessRuleError):
    """The mail is for an account that does not exist, so it has no recipient."""


@handles(SignupRequested)
def sign_up(event: Event) -> Effect:
    """Make an inactive account, or tell the owner of the address that it has one.

    The requester sees no difference, so nobody can ask us who our customers are.
    """
    data = cast(SignupRequested, event.data)
    user = _account(data, event)
    context = {"account": str(user.pk)}
    template: Literal["verify_email", "already_registered"] = "already_registered"
    if user.verified_at is None and not user.is_staff:
        template = "verify_email"
        context["signup"] = event.id
        _note(user, data, event)
    mail = Event.new(
        EmailRequested(recipient=data.email, template=template, context=context),
        # The same id whenever this sign-up is processed again: one mail.
        id=str(uuid5(NAMESPACE_URL, f"{event.id}/{template}")),
        correlation_id=event.correlation_id,
    )
    return Effect({"account": "requested"}, follow_ups=(mail,))


def of_address(address: str) -> QuerySet[User]:
    """The account with *address*, which is lower case, by the unique index."""
    owners = User.objects.alias(address=Lower("email")).exclude(email="")
    return owners.filter(address=address)


def _account(data: SignupRequested, event: Event) -> User:
    """The account of the address, locked. Creates one if there is none."""
    found = of_address(data.email).select_for_update()
    if (user := found.first()) is not None:
        return user
    try:
        with transaction.atomic():
            return User.objects.create(
                email=data.email,
                username=f"account-{new_id()}",
                request_id=event.id,
                is_active=False,
                password=make_password(None),  # none works
            )
    except IntegrityError:  # another worker was faster
        return found.get()


def _note(user: User, data: SignupRequested, event: Event) -> None:
    """Store the data of *event* for its own link.

    Links of earlier releases use the newest.
    """
    profile = data.profile.model_dump(exclude_none=True) if data.profile else {}
    user.signups.create(
        request_id=event.id,
        name=data.name,
        profile=profile,
        asked_at=event.timestamp,
    )
    newest = user.signups.all()[0]
    user.name, user.profile = newest.name, newest.profile
    user.save(update_fields=["name", "profile"])


def mailed_account(number: str) -> User:
    """The account that a mail is addressed to. Raises NoAccountError."""
    try:
        return User.objects.exclude(email="").get(pk=_key(number))
    except (ValueError, User.DoesNotExist):
        raise NoAccountError(NoAccountError.__doc__) from None


def _key(number: str) -> int:
    """Convert a primary key. Raises ValueError."""
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        raise ValueError
    return int(number)


def verification_token(account: str, signup: str = "") -> str:
    """The token that opens *account* with the data of *signup* (a request id)."""
    if signup:
        return _signer(_SALT_OF_SIGNUPS).sign(f"{account}.{signup}")
    return _signer(_SALT).sign(account)


def _signer(salt: str) -> signing.TimestampSigner:
    return signing.TimestampSigner(salt=salt)


def _read(token: str) -> tuple[User, str]:
    """The account of a link, and its sign-up. Raises BadLinkError."""
    for salt in (_SALT_OF_SIGNUPS, _SALT):
        try:
            value = _signer(salt).unsign(token, max_age=LINK_AGE)
            account, _, signup = value.partition(".")
            return User.objects.get(pk=_key(account), is_staff=False), signup
        except (signing.BadSignature, ValueError, User.DoesNotExist):
            continue
    raise BadLinkError(BadLinkError.__doc__)


def waiting_for(token: str) -> User:
    """The inactive account that a link opens. Raises BadLinkError or AlreadyOpenError."""
    return _waiting(token)[0]


def _waiting(token: str) -> tuple[User, str]:
    user, signup = _read(token)
    if user.verified_at is not None:
        raise AlreadyOpenError(AlreadyOpenError.__doc__)
    return user, signup


@transaction.atomic
def verify(token: str, password: str) -> User:
    """Open the account a link is for, under *password*.

    Raises BadLinkError, or AlreadyOpenError: a link works once, so that an old mail cannot
    set a new password.
    """
    user, signup = _waiting(token)
    said = user.signups.filter(pk=signup).first() or user
    opened = User.objects.filter(pk=user.pk, verified_at=None).update(
        is_active=True,
        verified_at=timezone.now(),
        password=make_password(password),
        name=said.name,
        profile=said.profile,
    )
    if not opened:
        raise AlreadyOpenError(AlreadyOpenError.__doc__)
    user.signups.all().delete()
    return user
