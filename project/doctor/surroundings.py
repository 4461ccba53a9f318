"""Settings, cache and mail server."""

import secrets
import smtplib

from django.conf import settings
from django.core import checks, mail
from django.core.cache import cache

from intake import shared_cache
from intake.checks import is_of_one_process
from project.doctor.findings import Finding, State, fail, ok, warn
from project.doctor.roles import Role

#: Told by the checks `cache` and `mail`.
_TOLD_ELSEWHERE = {"intake.E002", "intake.W003", "holdfast.E009"}
_PATIENCE = 3.0  # seconds for one answer of the mail server
_ADVICE = "Correct it as docs/settings.md explains."
#: Django's, on cookies, redirects and HSTS; one setting of ours answers them all.
_WITHOUT_TLS = {f"security.{one}" for one in ("W004", "W008", "W012", "W016")}


def settings_of_production(role: Role | None) -> list[Finding]:
    """All that `check --deploy` finds, one line each."""
    found = [
        _finding(one)
        for one in checks.run_checks(include_deployment_checks=True)
        if one.level >= checks.WARNING
        and not one.is_silenced()
        and one.id not in _TOLD_ELSEWHERE
    ]
    return found or [ok("All settings fit a production.")]


def _finding(message: checks.CheckMessage) -> Finding:
    state = State.FAIL if message.level >= checks.ERROR else State.WARN
    if message.id in _WITHOUT_TLS:
        says = message.msg.partition(". ")[0] + "."
        return Finding(state, says, "Let a proxy end TLS, and set BEHIND_TLS=true.")
    advice = (message.hint or _ADVICE).rstrip(".")
    return Finding(state, message.msg, f"{advice}.")


def cache_is_shared(role: Role | None) -> Finding:
    """Whether the cache takes a value and gives it back, and is not of this process only."""
    try:
        shared_cache.prove()
    except shared_cache.UnusableCacheError as error:
        return fail(
            f"CACHE_URL names a cache that cannot be used ({type(error.__cause__).__name__}).",
            "Install the requirements, or correct CACHE_URL, as in"
            " rediscache://cache.example.com:6379/0.",
        )
    except shared_cache.SilentCacheError as error:
        return fail(
            f"The cache does not answer ({type(error.__cause__).__name__}).",
            "Start it, let this machine reach it, or correct CACHE_URL.",
        )
    if is_of_one_process():
        return warn(
            "The cache is not shared: each web process counts requests for itself.",
            "Set CACHE_URL, as in rediscache://cache.example.com:6379/0.",
        )
    return _takes_a_value()


def _takes_a_value() -> Finding:
    key = f"doctor-{secrets.token_hex(8)}"
    try:
        cache.set(key, key, 10)
        known = cache.get(key)
        cache.delete(key)
    except Exception as error:  # each backend has its own
        return fail(
            f"The cache takes no value ({type(error).__name__}).",
            "Use the primary of the cache, and let it evict what is old.",
        )
    if known != key:
        return fail(
            "The cache does not keep a value.",
            "Give the cache memory, and a CACHE_URL of its own.",
        )
    return ok("The cache is shared, and keeps what is written.")


def mail_server(role: Role | None) -> Finding:
    """Whether the mail server takes the connection and the login. Sends nothing."""
    if not settings.EMAIL_BACKEND.endswith("smtp.EmailBackend"):
        return warn(
            "EMAIL_URL names no mail server, so nobody gets mail.",
            "Set EMAIL_URL, as in smtp+tls://user:password@mail.example.com:587.",
        )
    where = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    try:
        with mail.get_connection(timeout=_PATIENCE):
            pass
    except smtplib.SMTPAuthenticationError:
        return fail(
            f"The mail server at {where} refuses user or password.",
            "Correct user and password in EMAIL_URL.",
        )
    except (OSError, smtplib.SMTPException) as error:  # TLS's are of OSError
        return fail(
            f"The mail server at {where} takes no connection ({type(error).__name__}).",
            "Let this machine reach it, or correct scheme, host and port in EMAIL_URL.",
        )
    return ok(f"The mail server at {where} takes the login.")
