"""Identify the caller of the API, if API_KEYS gives producers keys.

A status needs no key: its address is a secret of its own.
"""

from typing import ClassVar

from django.conf import settings
from django.http import HttpRequest

from intake.keys import known_keys
from intake.keys.known_keys import Caller, KeysUnknownError

_CALLER = "holdfast.caller"
_SAFE = ("GET", "HEAD", "OPTIONS", "TRACE")


class MissingKeyError(Exception):
    """This API asks for a key. Send yours as `Authorization: Bearer KEY` or as `X-API-Key: KEY`."""

    headers: ClassVar = {"WWW-Authenticate": 'Bearer realm="Holdfast"'}


class WrongKeyError(Exception):
    """This is no API key of ours, or one that has expired or was revoked. Ask for a new one."""

    headers: ClassVar = {
        "WWW-Authenticate": 'Bearer realm="Holdfast", error="invalid_token"'
    }


class OutOfScopeError(Exception):
    """This API key may not send {type}. Ask for one that may."""

    headers: ClassVar = {
        "WWW-Authenticate": 'Bearer realm="Holdfast", error="insufficient_scope"'
    }

    def __init__(self, type: str) -> None:
        super().__init__((OutOfScopeError.__doc__ or "").format(type=type))


Refusal = MissingKeyError | WrongKeyError | KeysUnknownError


def identify(request: HttpRequest) -> None:
    """Identify the caller, for `caller_of` and `refusal_of`."""
    if settings.API_KEYS != "off":
        request.META[_CALLER] = _identified(request)


def caller_of(request: HttpRequest) -> Caller | None:
    """The caller whose valid key came with *request*, if any."""
    found = request.META.get(_CALLER)
    return found if isinstance(found, Caller) else None


def refusal_of(request: HttpRequest) -> Refusal | None:
    """The error for *request* if it may send nothing at all."""
    found = request.META.get(_CALLER)
    if request.method in _SAFE or found is None or isinstance(found, Caller):
        return None
    if isinstance(found, MissingKeyError) and settings.API_KEYS == "optional":
        return None
    return found  # type: ignore[no-any-return]


def check_scope(caller: Caller | None, type: str) -> None:
    """Raises OutOfScopeError where *caller* has a key that may not send *type*."""
    if caller is not None and type not in caller.scopes:
        raise OutOfScopeError(type)


def _identified(request: HttpRequest) -> Caller | Refusal:
    texts = _texts(request)
    if not texts:
        return MissingKeyError(MissingKeyError.__doc__)
    if len(texts) > 1:  # one of them may belong to somebody else
        return WrongKeyError("Send one API key, by one header.")
    try:
        caller = known_keys.of_this_process().find(texts.pop())
    except KeysUnknownError as unknown:
        return unknown
    return caller or WrongKeyError(WrongKeyError.__doc__)


def _texts(request: HttpRequest) -> set[str]:
    """The keys in the headers. Authorization with another scheme may be for a proxy."""
    scheme, _, bearer = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    found = {request.META.get("HTTP_X_API_KEY")}
    if scheme.lower() == "bearer":
        found.add(bearer)
    return {text.strip() for text in found if text is not None}
