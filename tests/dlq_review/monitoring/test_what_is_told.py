"""Of what staff and operators are told, of what they are not, and where it leads them."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from dlq_review.alerts import raising
from dlq_review.alerts.kinds import NEW_FAILURE, REGRESSION, Kind
from dlq_review.letters import settlement
from dlq_review.models import (
    AlertDelivery,
    Arrival,
    DeadLetter,
    FailureCount,
    FailureGroup,
    RaisedAlert,
    Report,
)
from dlq_review.monitoring import (
    books,
    early_warnings,
    health,
    letter_figures,
    machinery_alerts,
    report,
)
from dlq_review.monitoring.measured import Figures
from processing.delivery import spool
from processing.metrics import emf
from processing.models import SpooledEvent, WorkerSign
from processing.sqs.topology import QUEUES, SOURCE_OF
from tests.builders import dead_letter, dead_message, failure, order_created

pytestmark = pytest.mark.django_db
LIST = "/admin/dlq_review/deadletter/"


def paths(kind: str) -> list[str]:
    return list(RaisedAlert.objects.filter(kind=kind).values_list("path", flat=True))


def test_an_alert_leads_to_the_letters_that_it_is_about(standing_clock: None) -> None:
    now = timezone.now()
    group = dead_letter().group
    DeadLetter.objects.update(expires_at=now + timedelta(hours=1))
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    FailureCount.objects.all().delete()
    FailureCount.objects.create(group=group, hour=this_hour, arrivals=150)
    early_warnings.look_ahead()
    assert paths("near_limit") == [f"{LIST}?state=soon&queue=orders"]
    assert paths("growth") == [f"{LIST}?state=all&queue=orders&since=3h"]


@pytest.mark.parametrize(("hours", "warned"), [(25, False), (23, True)])
def test_only_a_message_near_its_end_is_warned_of(
    settings: Settings, hours: int, warned: bool
) -> None:
    settings.ALERT_NEAR_LIMIT_HOURS = 24
    late = []
    for dlq in ("orders-dlq", "emails-dlq"):
        retention = QUEUES[SOURCE_OF[dlq]].dlq_retention
        sent = timezone.now() - timedelta(seconds=retention) + timedelta(hours=hours)
        late.append(dead_message("{}", queue=dlq, sent_at=sent))
    early_warnings.warn_of_loss(late)
    names = RaisedAlert.objects.filter(kind="loss").values_list("name", flat=True)
    assert sorted(names) == ["loss/emails-dlq", "loss/orders-dlq"] * warned


@pytest.mark.parametrize("kind", [NEW_FAILURE, REGRESSION], ids=lambda kind: kind.name)
def test_each_alert_about_a_group_is_over_once_it_is_resolved(kind: Kind) -> None:
    solved, open_one = (
        dead_letter(attributes=failure(error_type=name)).group for name in "AB"
    )
    RaisedAlert.objects.all().delete()
    for group in (solved, open_one):
        raising.begin(kind, str(group.pk), "A failure.")
    FailureGroup.objects.filter(pk=solved.pk).update(state="resolved")
    early_warnings.look_ahead()
    names = [one.name for one in raising.lasting(kind)]
    assert names == [f"{kind.name}/{open_one.pk}"]


def test_that_no_pull_ever_came_is_told_without_a_number() -> None:
    assert machinery_alerts.keep_puller()
    told = RaisedAlert.objects.get(kind="puller_late").sentence
    assert told.startswith("No worker has pulled the DLQs. Does a worker")


def test_of_waiting_messages_and_of_the_archive_the_minutes_are_told(
    settings: Settings,
) -> None:
    settings.ARCHIVE_BUCKET = "archive"
    dead_letter()
    Arrival.objects.update(pulled_at=timezone.now() - timedelta(minutes=20))
    figures = {
        "holdfast_queue_messages": [[["orders"], 5]],
        "holdfast_queue_oldest_seconds": [[["orders"], 720]],
    }
    Report.objects.create(pk=Report.ONLY, at=timezone.now(), figures=figures)
    machinery_alerts.look()
    for kind, words in (
        ("no_worker", "the oldest for about 12 min, and no worker holds any."),
        ("archive_behind", "that was pulled 20 min ago is not in it."),
    ):
        assert words in RaisedAlert.objects.get(kind=kind).sentence


@pytest.mark.parametrize("state", DeadLetter.State.values)
def test_a_letter_is_a_figure_of_its_queue_and_its_state(state: str) -> None:
    for queue in ("orders-dlq", "emails-dlq"):
        settlement.discard(dead_letter(queue=queue), by="ada", reason="x")
    other = dead_letter()
    DeadLetter.objects.filter(pk=other.pk).update(state=state)
    letter_figures.add_letters(figures := Figures())
    found = {
        tuple(values): figure
        for values, figure in figures.by_name["holdfast_dead_letters"]
        if figure
    }
    settled = {(queue, "settled"): 1 for queue in ("orders", "emails")}
    waits = state not in DeadLetter.SETTLED
    assert found == settled | ({("orders", state): 1} if waits else {})


def test_what_sqs_refused_for_good_neither_waits_nor_is_late() -> None:
    refused, waiting = order_created(), order_created()
    for event in (refused, waiting):
        spool.add(event, "Timeout")
    rows = SpooledEvent.objects.filter(request_id=refused.id)
    long_ago = timezone.now() - timedelta(hours=5)
    rows.update(refused_for_good=True, created_at=long_ago)
    found = books.unaccounted()
    assert (found["spooled"], found["refused"]) == (0, 1)
    oldest = books.spool().oldest
    assert oldest == SpooledEvent.objects.get(request_id=waiting.id).created_at


def test_cloudwatch_is_told_of_the_queues_without_a_worker_alone(
    sqs: None, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.METRICS_EMF = True
    WorkerSign.note("one", ["orders", "emails"])
    report.refresh()
    lines: list[str] = []
    monkeypatch.setattr(emf, "tell", lines.extend)
    report.tell_cloudwatch()
    assert f'"QueuesWithoutWorker": {len(QUEUES) - 2}' in lines[0].replace('":', '": ')


@pytest.mark.parametrize(
    ("days", "kept", "bucket", "warned"),
    [
        (90, 92, "archive", True),
        (90, 90.5, "archive", False),
        (0, 92, "archive", False),
        (90, 92, "", False),
    ],
)
def test_bodies_that_wait_for_the_archive_beyond_their_time_are_told_of(
    settings: Settings, days: int, kept: float, bucket: str, *, warned: bool
) -> None:
    settings.RETENTION_DAYS, settings.ARCHIVE_BUCKET = days, bucket
    settlement.discard(dead_letter(), by="ada", reason="x")
    DeadLetter.objects.update(settled_at=timezone.now() - timedelta(days=kept))
    told = [one for one in health.warnings() if one.startswith("Settled dead letters")]
    assert [one.endswith("does not have them yet: 1.") for one in told] == [True] * (
        warned
    )


def test_alerts_that_were_given_up_are_counted_by_channel() -> None:
    now = timezone.now()
    for number, channel in enumerate(("webhook", "mail", "webhook", "slack")):
        AlertDelivery.objects.create(
            **{"channel": channel, "name": "growth/orders", "number": number},
            **{"kind": "growth", "phase": "raised", "sentence": "x", "path": "/"},
            **{"began_at": now, "created_at": now, "next_try_at": now},
            state="waiting" if channel == "slack" else "given_up",
        )
    told = [one for one in health.warnings() if one.startswith("Alerts")]
    assert told == [
        "Alerts that were given up, because mail did not take them: 1.",
        "Alerts that were given up, because webhook did not take them: 2.",
    ]
