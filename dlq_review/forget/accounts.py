"""Erase the person's accounts and sessions."""

from collections.abc import Iterator
from typing import Any

from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django.contrib.admin.models import LogEntry
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Model, QuerySet

from dlq_review.forget.address import Address
from dlq_review.forget.holdings import Holdings, steps
from dlq_review.letters import retention
from dlq_review.models import (
    AuditEntry,
    Erasure,
    FailureGroup,
    Operation,
    RedrivePolicy,
    Revision,
)
from processing.models import StaffMember, User
from processing.staff import second_factor

_NAMES: tuple[tuple[type[Model], str], ...] = (
    (AuditEntry, "actor"),
    (Revision, "by"),
    (Operation, "by"),
    (FailureGroup, "owner"),
    (RedrivePolicy, "owner"),
    (Erasure, "by"),
)
_Verb = AuditEntry.Verb
#: Entries that name the owner of a group before and after.
_OF_OWNERS = (_Verb.GIVEN, _Verb.GIVEN_BACK, _Verb.TAKEN_OVER)


def accounts(held: Holdings) -> Iterator[int]:
    for user in held.accounts().filter(is_staff=False):
        with transaction.atomic():
            _erase_account(held.address, user)
        yield 1


def _erase_account(address: Address, user: User) -> None:
    """Delete it; one that the trail names was staff's, and keeps a pseudonym."""
    signups = user.signups.values_list("pk", flat=True)
    retention.forget_errors([*signups, *filter(None, [user.request_id])])
    name, pseudonym = user.username, f"{address.pseudonym}-{user.pk}"
    acted = _rename(name, pseudonym) + _titles(user).update(object_repr=pseudonym)
    if not acted and not LogEntry.objects.filter(user=user).exists():
        user.delete()
        return
    second_factor.reset(user)
    user.signups.all().delete()
    User.objects.filter(pk=user.pk).update(
        username=pseudonym,
        email="",
        **dict.fromkeys(("name", "first_name", "last_name"), ""),
        profile={},
        is_active=False,
        password=make_password(None),
    )


def _rename(name: str, pseudonym: str) -> int:
    """Put *pseudonym* wherever the desk names the user *name*; return how often.

    The log of logins loses the user's rows.
    """
    for logins in (AccessAttempt, AccessFailureLog, AccessLog):
        logins.objects.filter(username=name).delete()
    return sum(
        rows.filter(**{field: name}).update(**{field: pseudonym})
        for rows, field in _naming_users()
    )


def _titles(user: User) -> QuerySet[LogEntry]:
    """The entries of the admin's log about the account, under whatever name it had."""
    return LogEntry.objects.filter(
        content_type__app_label=User._meta.app_label,
        content_type__model__in=[one._meta.model_name for one in (User, StaffMember)],
        object_id=str(user.pk),
    )


def _naming_users() -> Iterator[tuple[QuerySet[Any], str]]:
    """The rows that name a user without a reference to the account, and their field."""
    for model, field in _NAMES:
        yield model._base_manager.all(), field
    owners = AuditEntry.objects.filter(verb__in=_OF_OWNERS)
    yield from ((owners, "before"), (owners, "after"))


def sessions(held: Holdings) -> Iterator[int]:
    for some in steps(list(held.sessions())):
        Session.objects.filter(pk__in=some).delete()
        yield len(some)
