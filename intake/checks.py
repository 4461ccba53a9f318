from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register

from intake import shared_cache

_OF_ONE_PROCESS = ("LocMemCache", "DummyCache", "FileBasedCache")


def register_checks() -> None:
    register(cache_is_not_the_database)
    register(cache_can_be_used)
    for check in (cache_is_shared, clients_are_told_apart, keys_are_encrypted):
        register(check, "security", deploy=True)


def cache_is_not_the_database(**_: Any) -> list[CheckMessage]:
    if "DatabaseCache" not in settings.CACHES["default"]["BACKEND"]:
        return []
    return [
        Error(
            "The cache is in the database, so accepting would need the database.",
            hint="Set CACHE_URL to a memory cache such as Redis, or leave it out.",
            id="intake.E001",
        )
    ]


def cache_can_be_used(**_: Any) -> list[CheckMessage]:
    """Whether the cache's client is installed and takes the options.

    The cache may be down.
    """
    try:
        shared_cache.prove()
    except shared_cache.UnusableCacheError as error:
        return [
            Error(
                str(error),
                hint="Install the requirements, or correct CACHE_URL; for instance"
                " rediscache://cache.example.com:6379/0.",
                id="intake.E002",
            )
        ]
    except shared_cache.SilentCacheError:
        return []  # `check` must pass if the cache cannot be reached
    return []


def is_of_one_process() -> bool:
    """Whether no other process, or none of another machine, sees the cache."""
    backend: str = settings.CACHES["default"]["BACKEND"]
    return backend.endswith(_OF_ONE_PROCESS)


def cache_is_shared(**_: Any) -> list[CheckMessage]:
    if not is_of_one_process():
        return []
    return [
        Warning(
            "The cache is not shared: each web process counts requests for itself, so"
            " limits are as many times as high, and knows only its own Idempotency-Keys.",
            hint="Set CACHE_URL, as in rediscache://cache.example.com:6379/0.",
            id="intake.W003",
        )
    ]


def clients_are_told_apart(**_: Any) -> list[CheckMessage]:
    # The web server has no TLS, so https means a proxy.
    proxied = settings.BEHIND_TLS or settings.SITE_URL.startswith("https:")
    if not proxied or settings.TRUSTED_PROXY_COUNT > 0:
        return []
    return [
        Error(
            "A proxy ends TLS, and TRUSTED_PROXY_COUNT is 0: every request seems to come"
            " from the proxy, so all clients together share one rate limit.",
            hint="Set TRUSTED_PROXY_COUNT to the number of your proxies that add to"
            " X-Forwarded-For; 1 for one load balancer.",
            id="intake.E004",
        )
    ]


def keys_are_encrypted(**_: Any) -> list[CheckMessage]:
    if settings.API_KEYS == "off" or settings.BEHIND_TLS:
        return []
    return [
        Warning(
            "API_KEYS is set and BEHIND_TLS is not: API keys may travel unencrypted, and"
            " anybody who reads one on its way can send as its producer.",
            hint="Let a proxy end TLS and set BEHIND_TLS=true.",
            id="intake.W005",
        )
    ]
