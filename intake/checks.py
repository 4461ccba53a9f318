from typing import Any

from django.conf import settings
from django.core.checks import Error


def cache_is_not_the_database(**_: Any) -> list[Error]:
    if "DatabaseCache" not in settings.CACHES["default"]["BACKEND"]:
        return []
    return [
        Error(
            "The cache is in the database, so accepting would need the database.",
            hint="Set CACHE_URL to a memory cache such as Redis, or leave it out.",
            id="intake.E001",
        )
    ]
