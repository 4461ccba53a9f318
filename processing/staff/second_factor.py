"""The second factor of staff: an app that shows codes (TOTP), and codes on paper for its loss.

STAFF_SECOND_FACTOR is `off`, `optional` (for people who have set it up) or `required`
(everybody sets it up at the next login). A code works once. After each wrong code the wait
for the next try doubles: 1 s, 2 s, 4 s and so on. The devices are django-otp's.
"""

import logging
import secrets
from base64 import b32encode
from binascii import unhexlify
from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.utils import timezone
from django_otp.models import Device
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice

from processing.models import User

logger = logging.getLogger(__name__)
CODES_ON_PAPER = 10
DIGITS = 6  # of a code of the app; one on paper has eight letters and digits


class WrongCodeError(ValueError):
    """This code is not right, or was used already. Wait for the next one of your app."""

    def __init__(self) -> None:
        super().__init__(type(self).__doc__)


class AlreadyEnrolledError(ValueError):
    """Another app was set up meanwhile. Enter the code that it shows."""


class TooSoonError(ValueError):
    """Too many wrong codes. Wait {seconds} seconds, then enter the code that you see then."""

    def __init__(self, until: datetime) -> None:
        seconds = 1 + int((until - timezone.now()).total_seconds())
        super().__init__((type(self).__doc__ or "").format(seconds=seconds))


def is_offered() -> bool:
    return bool(settings.STAFF_SECOND_FACTOR != "off")


def is_enrolled(user: User | AnonymousUser) -> bool:
    return bool(TOTPDevice.objects.filter(user=user.pk, confirmed=True).exists())


def is_verified(user: User | AnonymousUser) -> bool:
    """Whether *user*, as set on the request, has entered a code in this session."""
    return getattr(user, "otp_device", None) is not None


def is_missing(user: User | AnonymousUser) -> bool:
    """Whether this session must show a code before it may do anything."""
    if not is_offered() or is_verified(user):
        return False
    return settings.STAFF_SECOND_FACTOR == "required" or is_enrolled(user)


def new_key() -> str:
    """The secret of an app, in hex."""
    return secrets.token_hex(20)


def in_letters(key: str) -> str:
    """*key* as a person types it into an app."""
    letters = b32encode(unhexlify(key)).decode()
    return " ".join(letters[at : at + 4] for at in range(0, len(letters), 4))


def address_for_app(user: User, key: str) -> str:
    """The address in the QR code."""
    return str(TOTPDevice(user=user, key=key).config_url)


@transaction.atomic
def enrol(user: User, key: str, code: str, *, has_shown_a_code: bool) -> TOTPDevice:
    """Enrol the app that shows *code* for *key*, and replace any other.

    Raises WrongCodeError; or AlreadyEnrolledError if there is another app and this session
    has entered no code of it.
    """
    totp = TOTP(unhexlify(key))
    totp.time = timezone.now().timestamp()
    code = _normal(code)
    if not _is_of_app(code) or not totp.verify(int(code), tolerance=1):
        raise WrongCodeError
    _lock(user)
    if is_enrolled(user) and not has_shown_a_code:
        raise AlreadyEnrolledError(AlreadyEnrolledError.__doc__)
    TOTPDevice.objects.filter(user=user.pk).delete()
    logger.info("second_factor=enrolled user=%s", user.pk)
    return TOTPDevice.objects.create(
        user_id=user.pk, name="app", key=key, last_t=totp.t(), drift=totp.drift
    )


@transaction.atomic
def new_codes_on_paper(user: User) -> list[str]:
    """New recovery codes, each for one login without the app. The former ones end."""
    _lock(user)
    paper, _ = StaticDevice.objects.get_or_create(user_id=user.pk, name="paper")
    paper.token_set.all().delete()
    codes = [StaticToken.random_token() for _ in range(CODES_ON_PAPER)]
    StaticToken.objects.bulk_create(StaticToken(device=paper, token=t) for t in codes)
    return codes


def verify(user: User, code: str) -> Device:
    """The device of *user* that shows *code*. Raises WrongCodeError or TooSoonError."""
    code = _normal(code)
    kind: type[Device] = TOTPDevice if _is_of_app(code) else StaticDevice
    with transaction.atomic():  # a wrong code is counted, so nothing is raised in here
        of_user = kind.objects.select_for_update().filter(user=user.pk, confirmed=True)
        device = of_user.first()
        allowed, why = device.verify_is_allowed() if device else (True, {})
        if device and allowed and device.verify_token(code):
            return device
    logger.warning("second_factor=refused user=%s", user.pk)
    raise WrongCodeError if allowed else TooSoonError(why["locked_until"])


@transaction.atomic
def reset(user: User) -> bool:
    """Delete the app and the codes of *user*; False if there were none."""
    _lock(user)
    found = (model.objects.filter(user=user.pk) for model in (TOTPDevice, StaticDevice))
    removed: int = sum(devices.delete()[0] for devices in found)
    logger.warning("second_factor=reset user=%s", user.pk)
    return removed > 0


def _lock(user: User) -> None:
    User.objects.select_for_update().get(pk=user.pk)


def _normal(code: str) -> str:
    return "".join(code.split()).replace("-", "").lower()


def _is_of_app(code: str) -> bool:
    return len(code) == DIGITS and code.isascii() and code.isdigit()
