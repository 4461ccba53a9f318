"""What may be shown of a URL in a setting, and what may be wrong with it."""

from collections.abc import Iterator

from django.conf import settings

from dlq_review.alerts.channels.channel import Problem
from processing.outbound import addresses


def host_of(setting: str) -> str:
    return addresses.host_of(getattr(settings, setting))


def url_problems(setting: str, example: str) -> Iterator[Problem]:
    url = getattr(settings, setting)
    if wrong := addresses.problem(url, settings.ALERT_PRIVATE_HOSTS):
        allow = (
            f", or name its host, {host_of(setting)}, in ALERT_PRIVATE_HOSTS"
            if wrong.startswith("It is not encrypted")
            else ""
        )
        yield Problem(
            setting,
            f"{setting} cannot be used. {wrong}",
            f"Write it as in {example}{allow}.",
        )
