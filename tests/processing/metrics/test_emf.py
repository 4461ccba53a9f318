"""The lines that CloudWatch makes metrics of."""

import json
import logging
import time

from pytest_django import Settings

from processing.metrics import emf, tally
from processing.metrics.declared import FAILURE, STATUSES, SUCCESS
from processing.metrics.emf import Minutes
from processing.sqs.topology import QUEUES

UNITS = {
    "MessagesProcessed": "Count",
    "ProcessingDuration": "Milliseconds",
    "OpenDeadLetters": "Count",
}


def told(minutes: Minutes) -> dict[tuple[str, str], dict[str, object]]:
    lines = [json.loads(line) for line in minutes.lines()]
    return {(line["Queue"], line["Status"]): line for line in lines}


def test_a_minute_tells_what_happened_in_it_and_nothing_twice() -> None:
    minutes = Minutes()
    tally.ended("orders", SUCCESS, 7)
    tally.ended("orders", SUCCESS, 8)
    tally.ended("emails", FAILURE, 2_000)
    tally.died("emails")
    first = told(minutes)
    assert first["orders", "Success"]["MessagesProcessed"] == 2
    assert first["orders", "Success"]["ProcessingDuration"] == {
        "Values": [7.5],
        "Counts": [2],
    }
    assert first["emails", "Failure"]["MessagesProcessed"] == 2
    assert first["emails", "Failure"]["ProcessingDuration"] == {
        "Values": [2000.0],
        "Counts": [1],
    }
    second = told(minutes)
    assert {line["MessagesProcessed"] for line in second.values()} == {0}
    assert second.keys() == {(queue, "Success") for queue in QUEUES}
    tally.ended("orders", SUCCESS, 2_000)
    tally.ended("orders", SUCCESS, 900_000)  # beyond the last bound
    third = told(minutes)["orders", "Success"]
    assert third["ProcessingDuration"] == {
        "Values": [2000.0, 900_000.0],
        "Counts": [1, 1],
    }


def test_each_line_is_what_cloudwatch_takes(settings: Settings) -> None:
    settings.SQS_QUEUE_PREFIX = "shop-"
    minutes, begun = Minutes(), time.time() * 1000
    for ms in range(0, 600_000, 500):
        tally.ended("orders", FAILURE, ms)
    lines = [*minutes.lines(), emf.of_system({"OpenDeadLetters": 3})]
    for text in lines:
        assert "\n" not in text
        line = json.loads(text)
        assert int(begun) <= line["_aws"]["Timestamp"] <= time.time() * 1000
        (about,) = line["_aws"]["CloudWatchMetrics"]
        assert about["Namespace"] == "Holdfast"
        assert line["Prefix"] == "shop-"
        (dimensions,) = about["Dimensions"]
        assert set(dimensions) <= {"Prefix", "Queue", "Status"}
        assert line.get("Queue", "orders") in QUEUES
        assert line.get("Status", "Success").lower() in STATUSES
        names = {metric["Name"]: metric["Unit"] for metric in about["Metrics"]}
        assert names.items() <= UNITS.items()
        assert line.keys() == {"_aws", *dimensions, *names}
        for name in names:
            value = line[name]
            assert isinstance(value, int) or (
                len(value["Values"]) == len(value["Counts"]) <= 100
            )


def test_nothing_stands_before_the_json() -> None:
    logger = logging.getLogger("processing.emf")
    (handler,) = (one for one in logger.handlers if type(one) is logging.StreamHandler)
    assert not logger.propagate
    assert handler.format(logger.makeRecord("", 20, "", 0, "{}", (), None)) == "{}"
