"""Limits of the front door, the cache that counts for them, and API keys."""

from typing import Any

from project.settings.process import env


def bounded(cache: dict[str, Any]) -> dict[str, Any]:
    """*cache* with what a Redis needs so that one that hangs costs a request little."""
    if not cache["BACKEND"].endswith("redis.RedisCache"):
        return cache
    # environ leaves these in lower case, where Django does not look.
    named = {"key_prefix": "KEY_PREFIX", "version": "VERSION"}
    cache = {named.get(name, name): value for name, value in cache.items()}
    times = {"socket_timeout": 0.2, "socket_connect_timeout": 0.2}  # seconds
    return {**cache, "OPTIONS": {**times, **cache.get("OPTIONS", {})}}


# A cache in the database would put it on the accept path; intake/checks.py refuses one.
CACHES = {
    "default": bounded(
        env.address(
            "CACHE_URL",
            "locmemcache://?max_entries=50000",
            env.cache_url_config,
            env.CACHE_SCHEMES,
            example="rediscache://host:6379/0",
        )
    )
}
RATE_LIMIT_REQUESTS = env.int("RATE_LIMIT_REQUESTS", 2000)  # per client, 5 minutes
RATE_LIMIT_SIGNUPS = env.int("RATE_LIMIT_SIGNUPS", 50)  # per client, 5 minutes
# Of one producer with an API key, 5 minutes.
RATE_LIMIT_KEY_REQUESTS = env.int("RATE_LIMIT_KEY_REQUESTS", 20_000)
RATE_LIMIT_LOGINS = env.int("RATE_LIMIT_LOGINS", 20)  # per client, 5 minutes
RATE_LIMIT_MAILS = env.int("RATE_LIMIT_MAILS", 5)  # per mail address, 1 hour
# Whether producers have keys for the API.
API_KEYS = env.one_of("API_KEYS", "off", "optional", "required")
