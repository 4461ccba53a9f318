"""An alert is raised once, lasts, is reminded of and ends."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from dlq_review.alerts import raising
from dlq_review.alerts.channels import registry
from dlq_review.alerts.kinds import ERASED, GROWTH, KINDS, NEW_FAILURE, REGRESSION, Kind
from dlq_review.models import AlertDelivery, RaisedAlert
from dlq_review.retention import rows

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def somebody(settings: Settings) -> None:
    settings.ALERT_EMAILS = ["desk@example.com"]
    settings.ALERT_ALERTMANAGER_URL = "https://alertmanager.example.com"


def told(channel: str = "mail") -> list[tuple[str, str]]:
    found = AlertDelivery.objects.filter(channel=channel).order_by("pk")
    return list(found.values_list("name", "phase"))


def test_what_lasts_is_told_once_by_each_channel() -> None:
    assert raising.begin(GROWTH, "orders", "Many.")
    assert not raising.begin(GROWTH, "orders", "Even more.")
    assert told("mail") == told("alertmanager") == [("growth/orders", "raised")]
    assert raising.lasting(GROWTH).get().sentence == "Even more."


def test_what_is_over_is_told_once_and_may_begin_again() -> None:
    raising.begin(GROWTH, "orders", "Many.")
    assert raising.end(GROWTH, ["orders", "signups"]) == 1
    assert raising.end(GROWTH, ["orders"]) == 0
    over = AlertDelivery.objects.filter(channel="mail", phase="over").get()
    assert over.ended_at is not None
    assert over.began_at <= over.ended_at
    assert raising.begin(GROWTH, "orders", "Many.")
    assert [phase for _, phase in told()] == ["raised", "over", "raised"]
    assert len(set(AlertDelivery.objects.values_list("key"))) == 6


def test_nothing_ends_before_it_began() -> None:
    """Alertmanager refuses that; the clock of another machine may be ahead."""
    raising.begin(GROWTH, "orders", "Many.")
    ahead = timezone.now() + timedelta(seconds=5)
    RaisedAlert.objects.update(began_at=ahead)
    raising.end(GROWTH, ["orders"])
    over = AlertDelivery.objects.filter(channel="mail", phase="over").get()
    assert over.ended_at == over.began_at == ahead


def test_all_that_is_not_found_any_more_is_over() -> None:
    raising.keep(GROWTH, {"a": ("A.", "/"), "b": ("B.", "/")})
    raising.keep(GROWTH, {"b": ("B.", "/"), "c": ("C.", "/")})
    assert told() == [
        ("growth/a", "raised"),
        ("growth/b", "raised"),
        ("growth/c", "raised"),
        ("growth/a", "over"),
    ]


def test_what_has_no_end_is_told_each_time() -> None:
    assert raising.begin(ERASED, "m-1", "Delete it.")
    assert raising.begin(ERASED, "m-1", "Delete it.")
    assert not raising.lasting().exists()
    assert [phase for _, phase in told()] == ["raised", "raised"]
    assert not AlertDelivery.objects.exclude(ended_at=None).exists()


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_people_are_reminded_of_what_lasts_and_alertmanager_of_all(
    kind: object,
) -> None:
    assert isinstance(kind, Kind)
    raising.begin(kind, "x", "It is so.")
    raising.remind()
    RaisedAlert.objects.update(at=timezone.now() - timedelta(hours=24, seconds=1))
    raising.remind()
    raising.remind()
    again = ["reminder"] if kind.ends else []
    assert [phase for _, phase in told("alertmanager")] == ["raised", *again]
    reminds = kind.ends and kind not in (NEW_FAILURE, REGRESSION)
    assert [phase for _, phase in told()] == ["raised", *(again if reminds else [])]


def test_what_begins_again_is_reminded_of_after_the_whole_time() -> None:
    raising.begin(GROWTH, "orders", "Many.")
    raising.end(GROWTH, ["orders"])
    long_ago = timezone.now() - timedelta(days=9)
    RaisedAlert.objects.update(began_at=long_ago, over_at=long_ago, at=long_ago)
    raising.begin(GROWTH, "orders", "Many.")
    raising.remind()
    assert [phase for _, phase in told()] == ["raised", "over", "raised"]


def test_the_age_of_an_alert_that_is_over_counts_from_its_end() -> None:
    raising.begin(GROWTH, "orders", "Many.")
    RaisedAlert.objects.update(at=timezone.now() - timedelta(days=900))
    raising.end(GROWTH, ["orders"])
    assert "dlq_review.RaisedAlert" not in rows.due()


def test_a_test_waits_for_the_last_test_of_its_own_channel_alone() -> None:
    mail, alertmanager = (registry.CHANNELS[name] for name in ("mail", "alertmanager"))
    raising.begin(GROWTH, "orders", "Many.")
    assert raising.test(mail)
    assert not raising.test(mail)
    assert raising.test(alertmanager)
    AlertDelivery.objects.filter(kind="test").update(state="sent")
    assert raising.test(mail)


def test_a_channel_that_is_added_is_told_once_of_what_lasts(settings: Settings) -> None:
    settings.ALERT_ALERTMANAGER_URL = ""
    for kind in (GROWTH, NEW_FAILURE, ERASED):
        raising.begin(kind, "orders", "It is so.")
    raising.begin(GROWTH, "signups", "It was so.")
    raising.end(GROWTH, ["signups"])
    before = told()
    settings.ALERT_SLACK_URL = "https://hooks.slack.com/x"
    settings.ALERT_ALERTMANAGER_URL = "https://alertmanager.example.com"
    for _ in "twice":
        raising.remind()
    assert told() == before
    assert told("slack") == [("growth/orders", "reminder")]
    assert sorted(told("alertmanager")) == [
        ("growth/orders", "reminder"),
        ("new_failure/orders", "reminder"),
    ]
    assert raising.end(GROWTH, ["orders"]) == 1
    assert told("slack")[1:] == [("growth/orders", "over")]


def test_a_sentence_stands_on_one_line() -> None:
    raising.begin(GROWTH, "orders", "One\r\ntwo\u202e three")
    assert AlertDelivery.objects.first().sentence == "One  two  three"  # type: ignore[union-attr]
