"""How the overview tells of the past of the queues, in pictures and in words."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from dlq_review.desk.charts import HIGH, LONG, bars, stairs
from dlq_review.desk.flow import flow, in_words
from dlq_review.models import Report
from dlq_review.monitoring import report
from processing.models import Counts, QueueRecord, WorkerSign
from processing.sqs.topology import QUEUES

pytestmark = pytest.mark.django_db


def words(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))


def row(html: str, name: str) -> str:
    table = html.partition('<table class="flow">')[2]
    found = re.search(rf'<th scope="row">{name}</th>(.*?)</tr>', table, re.DOTALL)
    assert found
    return found[1]


def test_each_picture_has_its_figures_in_words_beside_it(
    admin_client: Client, sqs: None
) -> None:
    now = timezone.now()
    counts = Counts(1_200, 5, 3, durations=[0, 0, 0, 1_208], waits=[0] * 8 + [604, 604])
    QueueRecord.add(now, {"orders": counts})
    WorkerSign.note("one", ["orders"])
    report.refresh()
    QueueRecord.measure(now, {"orders": {"oldest": 400.0}, "": {"spooled": 12}})
    html = admin_client.get("/admin/?over=24h").content.decode()
    table = html.partition('<table class="flow">')[2]
    heads = re.findall(r'<th scope="row">(.*?)</th>', table)
    assert heads == ["All, with our own jobs", *QUEUES, "Spool"]
    orders = words(row(html, "orders"))
    for figure in (
        *("1,205 processed", "3 failed", "at most 20.1 a minute"),
        *("p50 8 ms", "p95 10 ms", "p95 950 ms"),
        *("now 0 s", "at most 6.7 min", "1 alive", "last seen now"),
    ):
        assert figure in orders, figure
    emails = words(row(html, "emails"))
    assert "0 processed" in emails
    assert "failed" not in emails
    assert "none alive" in emails
    assert "now 0 events at most 12" in words(row(html, "Spool"))
    assert '<td colspan="5"' in row(html, "Spool")  # as many as the other rows have
    assert row(html, "orders").count('<svg class="picture"') == 5
    assert "aria-hidden" in row(html, "orders").partition("<svg")[2].partition(">")[0]


def test_what_only_fails_has_its_speed_and_its_picture_too(
    admin_client: Client, sqs: None
) -> None:
    now = timezone.now()
    counts = Counts(0, 0, 600, durations=[0, 0, 0, 600], waits=[600])
    QueueRecord.add(now, {"orders": counts})
    orders = row(admin_client.get("/admin/?over=24h").content.decode(), "orders")
    assert "0 processed at most 10 a minute 600 failed" in words(orders)


def test_all_queues_together_are_as_far_behind_as_the_slowest(
    admin_client: Client, sqs: None
) -> None:
    QueueRecord.measure(timezone.now(), {"orders": {"oldest": 1.0}})
    figures = {"holdfast_queue_oldest_seconds": [[["orders"], 400], [["emails"], 9]]}
    Report.objects.create(pk=Report.ONLY, at=timezone.now(), figures=figures)
    found = admin_client.get("/admin/?over=24h").content.decode()
    assert "now 6.7 min" in words(row(found, "All, with our own jobs"))


@pytest.mark.parametrize(
    ("measured", "told"),
    [
        ([{"workers": 2}, {"workers": 0}, {"workers": 3}], "fewest 0"),
        ([{"workers": 0}], "fewest 0"),
        ([{"workers": 2}, {"workers": 3}], "fewest 2"),
        ([{"oldest": 30}], ""),
    ],
)
def test_an_hour_without_workers_is_told_and_one_that_nobody_measured_is_not(
    admin_client: Client, no_sqs: None, measured: list[dict[str, float]], told: str
) -> None:
    for back, figures in enumerate(measured):
        at = timezone.now() - timedelta(hours=back)
        QueueRecord.measure(at, {"orders": figures})
    orders = words(row(admin_client.get("/admin/").content.decode(), "orders"))
    assert told in orders
    assert ("fewest" in orders) is bool(told)


@pytest.mark.parametrize(
    ("figures", "oldest", "spooled"),
    [
        ({}, "now –", "now – events"),
        ({"oldest": 0, "spooled": 0}, "now 0 s", "now 0 events"),
    ],
)
def test_nothing_waits_is_another_thing_than_nobody_knows(
    admin_client: Client,
    no_sqs: None,
    figures: dict[str, int],
    oldest: str,
    spooled: str,
) -> None:
    labels = {"oldest": ["orders"], "spooled": []}
    known = {
        report.FOR_OVERVIEW[name]: [[labels[name], number]]
        for name, number in figures.items()
    }
    Report.objects.create(pk=Report.ONLY, at=timezone.now(), figures=known)
    found = admin_client.get("/admin/").content.decode()
    assert oldest in words(row(found, "orders")).replace("\u00a0", " ")
    assert oldest in words(row(found, "All, with our own jobs"))
    assert spooled in words(row(found, "Spool"))


@pytest.mark.parametrize(
    ("asked", "chosen"), [("", "24 h"), ("1h", "1 h"), ("14d", "14 d"), ("'\0", "24 h")]
)
def test_the_window_is_chosen_by_a_link_and_nonsense_is_the_usual_one(
    asked: str, chosen: str
) -> None:
    found = flow(asked)["windows"]
    assert [label for _, label, is_chosen in found if is_chosen] == [chosen]


def test_a_full_past_is_read_with_a_few_queries(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    now = timezone.now()
    for back in range(0, 14 * 24, 6):
        at = now - timedelta(hours=back)
        QueueRecord.add(at, {"orders": Counts(success=1, durations=[1])})
    with django_assert_max_num_queries(4):
        found = flow("14d")
    assert [row.name for row in found["rows"]] == ["All, with our own jobs", *QUEUES]
    assert found["rows"][0].cells[0].figures[0] == "56 processed"


def test_a_system_of_which_nothing_is_known_has_a_page(
    admin_client: Client, no_sqs: None
) -> None:
    html = admin_client.get("/admin/").content.decode()
    orders = words(row(html, "orders"))
    for figure in ("0 processed", "Processing time none", "now –", "none alive"):
        assert figure in orders


def test_bars_are_as_high_as_their_share_and_one_event_is_seen() -> None:
    assert bars([0, 0], 0) == ""
    path = bars([10, 0, 5, 0.001], 10)
    heights = [float(one) for one in re.findall(r"v-([\d.]+)h", path)]
    assert heights == [HIGH - 1, round((HIGH - 1) / 2, 1), 1]


def test_stairs_have_a_gap_where_nothing_is_known() -> None:
    assert stairs([None, None], 0) == ""
    assert stairs([10, 5, None, 0], 10) == (
        f"M0.0 1.0H{LONG / 4}V20.0H{LONG / 2}M{LONG * 3 / 4} 39.0H{float(LONG)}"
    )


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, "–"),
        (0, "0 s"),
        (0.4, "0 ms"),
        (12.4, "12 ms"),
        (999, "999 ms"),
        (1_000, "1 s"),
        (1_234, "1.2 s"),
        (9_940, "9.9 s"),
        (12_400, "12 s"),
        (99_000, "99 s"),
        (100_000, "1.7 min"),
        (120_000, "2 min"),
        (3_540_000, "59 min"),
        (3_600_000, "1 h"),
        (47 * 3_600_000, "47 h"),
        (48 * 3_600_000, "2 d"),
        (90 * 3_600_000, "3.8 d"),
    ],
)
def test_a_time_is_told_in_a_unit_of_which_there_are_few(
    ms: float | None, text: str
) -> None:
    assert in_words(ms).replace("\u00a0", " ") == text
