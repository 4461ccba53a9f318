"""The channels of the alerts, as far as they can be looked at without sending one."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from django.conf import settings
from django.db import DatabaseError

from dlq_review.alerts import outbox
from dlq_review.alerts.channels import registry
from dlq_review.alerts.channels.channel import Channel
from processing.database.patience import within
from processing.outbound import addresses
from processing.outbound.errors import UndeliveredError
from project.doctor.findings import Finding, fail, ok, warn
from project.doctor.roles import Role

_PATIENCE = 2.0  # seconds for the database


def alerts(role: Role | None) -> list[Finding]:
    """One finding for each channel. The check `settings` tells what is malformed."""
    channels = registry.configured()
    if not channels:
        return [
            warn(
                "No channel of alerts is set, so nobody is told of failures.",
                "Set ALERT_EMAILS or another channel, as docs/alerts.md explains.",
            )
        ]
    return [finding for one in channels for finding in _look(one)]


def _look(channel: Channel) -> Iterator[Finding]:
    if any(channel.problems()):
        yield fail(
            f"Alerts by {channel.title}: {channel.setting} cannot be used.",
            "See the line of the check `settings` above.",
        )
        return
    url = getattr(settings, channel.setting)
    if channel.setting.endswith("_URL"):
        try:
            addresses.resolve(urlsplit(url), settings.ALERT_PRIVATE_HOSTS)
        except UndeliveredError as error:
            yield fail(
                f"Alerts by {channel.title} to {channel.goes_to()} cannot leave: {error}.",
                f"Correct {channel.setting}, or name a host of your own network in"
                " ALERT_PRIVATE_HOSTS.",
            )
            return
    yield _with_last_run(channel)


def _with_last_run(channel: Channel) -> Finding:
    try:
        with within(_PATIENCE):
            trouble = outbox.trouble_of(channel)
    except DatabaseError:  # the check `database` tells
        trouble = ""
    if trouble:
        return warn(
            trouble, "Send a test from the page of the alerts when it is repaired."
        )
    return ok(f"Alerts go by {channel.title} to {channel.goes_to()}.")
