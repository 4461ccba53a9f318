"""The text for scrapers."""

import pytest

from processing.metrics import exposition
from processing.metrics.declared import DURATION, PROCESSED
from processing.metrics.exposition import OPENMETRICS, PROMETHEUS, Family, Sample
from project.metrics import text_of_all
from tests.metric_texts import samples
from tests.promtool import needs_promtool, promtool


def test_a_counter_has_another_name_for_openmetrics_but_its_samples_do_not() -> None:
    family = Family("sent_total", "counter", "What was sent.", [Sample({"q": "a"}, 3)])
    assert exposition.text([family], PROMETHEUS) == (
        "# HELP sent_total What was sent.\n"
        "# TYPE sent_total counter\n"
        'sent_total{q="a"} 3\n'
    )
    assert exposition.text([family], OPENMETRICS) == (
        '# HELP sent What was sent.\n# TYPE sent counter\nsent_total{q="a"} 3\n# EOF\n'
    )


@pytest.mark.parametrize(
    ("value", "text"),
    [(3.0, "3"), (0.25, "0.25"), (12345678, "12345678"), (1764230000.125,) * 2],
)
def test_a_number_keeps_its_digits(value: float, text: object) -> None:
    family = Family("age", "gauge", "An age.", [Sample({}, value)])
    assert exposition.text([family]).endswith(f"\nage {text}\n")


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("application/openmetrics-text; version=1.0.0, text/plain;q=0.5", OPENMETRICS),
        ("text/plain, Application/OpenMetrics-Text", OPENMETRICS),
        ("text/plain", PROMETHEUS),
        ("", PROMETHEUS),
    ],
)
def test_only_who_asks_for_openmetrics_gets_it(asked: str, given: str) -> None:
    assert exposition.content_type(asked) == given


def test_a_histogram_adds_up_its_buckets_and_tells_seconds() -> None:
    before = samples(exposition.text(exposition.counted()))
    for ms in (3, 4, 1_500):
        DURATION.observe(ms, "returns", "refused")
    after = samples(exposition.text(exposition.counted()))
    labels = 'queue="returns",status="refused"'
    name = "holdfast_processing_duration_seconds"

    def risen(key: str) -> float:
        return after[key] - before[key]

    assert risen(f'{name}_bucket{{{labels},le="0.005"}}') == 2
    assert risen(f'{name}_bucket{{{labels},le="1"}}') == 2
    assert risen(f'{name}_bucket{{{labels},le="2"}}') == 3
    assert risen(f'{name}_bucket{{{labels},le="+Inf"}}') == 3
    assert risen(f"{name}_count{{{labels}}}") == 3
    assert risen(f"{name}_sum{{{labels}}}") == pytest.approx(1.507)


def test_what_never_happened_is_shown_as_none() -> None:
    shown = samples(exposition.text(exposition.counted()))
    for queue, status in PROCESSED.totals():
        key = f'holdfast_messages_processed_total{{queue="{queue}",status="{status}"}}'
        assert key in shown


@needs_promtool
@pytest.mark.django_db
def test_promtool_finds_nothing_to_complain_of() -> None:
    assert promtool("check", "metrics", given=text_of_all(PROMETHEUS)) == ""
