"""The job that relays the spool."""

import pytest
from pytest_django import Settings

from processing.delivery import spool
from processing.tasks import relay


@pytest.mark.parametrize(("every", "lasts"), [(10, 10), (3600, 60)])
def test_a_relay_runs_until_the_next_and_never_long(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, every: int, lasts: int
) -> None:
    asked: list[float] = []

    def relayed(*, seconds: float) -> int:
        asked.append(seconds)
        return 7

    monkeypatch.setattr(spool, "relay", relayed)
    settings.SPOOL_RELAY_SECONDS = every
    assert relay() == 7
    assert asked == [lasts]
