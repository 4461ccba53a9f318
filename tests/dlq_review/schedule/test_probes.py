"""What each probe is green for."""

import smtplib
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from pytest_django import Settings

from dlq_review.models import RedrivePolicy
from dlq_review.schedule import http_probe, probes
from processing.models import Attempt, Outcome
from tests.builders import failed_attempt, order_created, order_updated
from tests.live import free_port
from tests.mail_server import SlowMailServer

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def processed(minutes_ago: float, **changes: Any) -> None:
    event = order_created()
    fields = {"type": event.type, "kind": "processed", "fingerprint": "f", **changes}
    Outcome.objects.create(request_id=event.id, correlation_id=event.id, **fields)
    at = timezone.now() - minutes_ago * MINUTE
    Outcome.objects.filter(pk=event.id).update(at=at)


def failed(minutes_ago: float, type: str = "order_created") -> None:
    at = timezone.now() - minutes_ago * MINUTE
    failed_attempt(order_created(), type=type, started_at=at)


def verdict(**changes: Any) -> probes.Verdict:
    return probes.ask(RedrivePolicy(**changes))


def of_two_events() -> probes.Verdict:
    chosen = {"type": "order_created"}
    return verdict(probe="events", events=2, selection=chosen)


def test_events_are_green_when_so_many_were_the_last_and_none_failed() -> None:
    failed(9)
    assert of_two_events().why == (
        "order_created: Only 0 of the last 2 were processed within a day."
    )
    processed(8)
    assert of_two_events() == probes.Verdict(
        False, "order_created: Only 1 of the last 2 was processed within a day."
    )
    processed(7)
    assert of_two_events() == probes.Verdict(
        True, "order_created: the last 2 succeeded."
    )
    failed(1, type="order_updated")
    assert of_two_events().green
    failed(7.5)
    assert of_two_events() == probes.Verdict(
        False, "order_created: one of the last 2 failed."
    )


@pytest.mark.parametrize(
    "other",
    [
        {"kind": "discarded"},
        {"kind": "refused"},
        {"type": order_updated().type},
        {"minutes_ago": 25 * 60},
    ],
)
def test_only_events_of_the_type_that_were_processed_lately_count(
    other: dict[str, Any],
) -> None:
    processed(1)
    processed(**{"minutes_ago": 1, **other})
    assert not of_two_events().green


def test_a_purged_attempt_is_too_old_to_count() -> None:
    processed(2)
    processed(1)
    failed(1)
    Attempt.objects.update(error_text="", traceback="")
    assert of_two_events().green


def test_smtp_is_green_when_the_mail_server_lets_us_in(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "ada", "x"
    server = SlowMailServer(0)
    server.start()
    settings.EMAIL_HOST, _, port = server.url.partition("//")[2].partition(":")
    settings.EMAIL_PORT = int(port)
    assert verdict(probe="smtp").green
    server.refuses_login = True
    assert verdict(probe="smtp") == probes.Verdict(
        False, "No mail server: SMTPAuthenticationError."
    )
    server.stop()
    settings.EMAIL_PORT = free_port()
    assert verdict(probe="smtp") == probes.Verdict(
        False, "No mail server: ConnectionRefusedError."
    )
    assert server.taken == 0


def test_a_database_is_green_when_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert verdict(probe="database").green

    def be_away() -> None:
        raise OperationalError

    monkeypatch.setattr(connection, "cursor", be_away)
    assert not verdict(probe="database").green


def test_a_url_is_green_when_it_answers_with_200(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for status in (200, 204, 302, 503):
        monkeypatch.setattr(http_probe, "status_of", lambda _, s=status: s)
        found = verdict(probe="http", url="https://x.example")
        assert found == probes.Verdict(
            status == 200, f"The URL answered with {status}."
        )

    def refuse(_: str) -> int:
        raise http_probe.ProbeError("TimeoutError.")

    monkeypatch.setattr(http_probe, "status_of", refuse)
    assert verdict(probe="http", url="https://x.example") == probes.Verdict(
        False, "The URL does not answer: TimeoutError."
    )


def test_every_probe_is_there() -> None:
    assert probes._PROBES.keys() == set(RedrivePolicy.Probe)
    assert issubclass(smtplib.SMTPException, OSError)
