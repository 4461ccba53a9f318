"""Sign-ups: the inactive account, and the link that opens it."""

from collections.abc import Sequence
from typing import Any, Literal, cast
from uuid import NAMESPACE_URL, uuid5

from django.contrib.auth.hashers import make_password
from django.core import signing
from django.db import IntegrityError, transaction
from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Lower
from django.utils import timezone

from processing.events.contracts import EmailRequested, SignupRequested
from processing.events.envelope import Event, new_id
from processing.handlers.effect import BusinessRuleError, Effect
from processing.handlers.registry import applies_many, handles
from processing.models import Signup, User

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
    try:
        with transaction.atomic():
            return sign_ups([event])[0]
    except IntegrityError:  # another worker has just made the account
        return sign_ups([event])[0]


@applies_many(sign_up)
def sign_ups(events: Sequence[Event]) -> list[Effect]:
    """Raises IntegrityError if another worker has just made one of the accounts."""
    accounts = _accounts(events)
    waiting = [
        (accounts[_address(event)], event)
        for event in events
        if _is_waiting(accounts[_address(event)])
    ]
    _note(waiting)
    return [_effect(accounts[_address(event)], event) for event in events]


def _is_waiting(user: User) -> bool:
    return user.verified_at is None and not user.is_staff


def _effect(user: User, event: Event) -> Effect:
    """Ask for the mail to the owner of the address."""
    context = {"account": str(user.pk)}
    template: Literal["verify_email", "already_registered"] = "already_registered"
    if _is_waiting(user):
        template = "verify_email"
        context["signup"] = event.id
    mail = Event.new(
        EmailRequested(recipient=_address(event), template=template, context=context),
        # The same id whenever this sign-up is processed again: one mail.
        id=str(uuid5(NAMESPACE_URL, f"{event.id}/{template}")),
        correlation_id=event.correlation_id,
    )
    return Effect({"account": "requested"}, follow_ups=(mail,))


def of_addresses(addresses: Sequence[str]) -> QuerySet[Any]:
    """The accounts with *addresses*, which are lower case, by the unique index.

    `address` of each is its own in lower case.
    """
    owners = User.objects.annotate(address=Lower("email")).exclude(email="")
    return owners.filter(address__in=addresses)


def _address(event: Event) -> str:
    return cast(SignupRequested, event.data).email


def _accounts(events: Sequence[Event]) -> dict[str, User]:
    """The account of each address, locked. Creates those that there are not."""
    found = of_addresses([_address(event) for event in events]).order_by("address")
    accounts = {user.address: user for user in found.select_for_update()}
    new = [_new_account(event) for event in events if _address(event) not in accounts]
    if len(new) == 1:  # an old SQLite tells the key of a single new row only
        new[0].save(force_insert=True)
    else:
        User.objects.bulk_create(new)
    return accounts | {user.email: user for user in new}


def _new_account(event: Event) -> User:
    return User(
        email=_address(event),
        username=f"account-{new_id()}",
        request_id=event.id,
        is_active=False,
        password=make_password(None),  # none works
    )


def _note(waiting: Sequence[tuple[User, Event]]) -> None:
    """Store the data of each event for its own link.

    Links of earlier releases use the newest.
    """
    Signup.objects.bulk_create(_signup(user, event) for user, event in waiting)
    users = {user.pk: user for user, _ in waiting}
    newest = Signup.objects.filter(account=OuterRef("account")).values("pk")[:1]
    for signup in Signup.objects.filter(account__in=users, pk=Subquery(newest)):
        user = users[signup.account_id]
        user.name, user.profile = signup.name, signup.profile
    User.objects.bulk_update(users.values(), ["name", "profile"])


def _signup(user: User, event: Event) -> Signup:
    data = cast(SignupRequested, event.data)
    profile = data.profile.model_dump(exclude_none=True) if data.profile else {}
    return Signup(
        request_id=event.id,
        account=user,
        name=data.name,
        profile=profile,
        asked_at=event.timestamp,
    )


def mailed_account(number: str) -> User:
    """The account that a mail is addressed to. Raises NoAccountError."""
    try:
        return User.objects.exclude(email="").get(pk=_key(number))
    except (ValueError, User.DoesNotExist):
        raise NoAccountError(NoAccountError.__doc__, field="context.account") from None


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
