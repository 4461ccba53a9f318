"""What is logged, and at which level."""

import logging
import sys
import threading
import warnings
from collections.abc import Iterator
from threading import Thread

import pytest

from processing.log_config import configuration, log_everything


def test_a_level_of_ones_own_wins_over_ours() -> None:
    levels = {"axes": "DEBUG", "intake": "ERROR"}
    found = configuration("keys", "WARNING", levels, more={"handlers": ["bare"]})
    assert found["root"]["level"] == "WARNING"
    assert found["loggers"]["axes"] == {"level": "DEBUG"}
    assert found["loggers"]["intake"] == {"level": "ERROR"}
    assert found["loggers"]["botocore"] == {"level": "WARNING"}
    assert found["loggers"]["more"] == {"handlers": ["bare"]}


@pytest.fixture
def everything(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    log_everything()
    yield
    logging.captureWarnings(False)


@pytest.mark.parametrize(
    ("error", "lines"),
    [
        (ValueError("x"), ["uncaught=ValueError"]),
        (KeyboardInterrupt(), []),
        (SystemExit(1), []),
    ],
)
def test_what_nobody_caught_is_a_line_unless_it_was_meant(
    everything: None,
    caplog: pytest.LogCaptureFixture,
    error: BaseException,
    lines: list[str],
) -> None:
    sys.excepthook(type(error), error, None)
    assert caplog.messages == lines
    assert all(one.levelname == "CRITICAL" and one.exc_info for one in caplog.records)


def test_what_ends_a_thread_is_a_line(
    everything: None, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise LookupError

    thread = Thread(target=fail)
    thread.start()
    thread.join()
    assert caplog.messages == ["uncaught=LookupError"]


def test_a_warning_is_a_line(
    everything: None, caplog: pytest.LogCaptureFixture
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)  # pytest has taken back what the fixture did
        log_everything()
        warnings.warn("mind this", stacklevel=1)
    assert "mind this" in caplog.text
