"""What the filters and tags of the desk's templates write."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
import time_machine
from django.db.models import Model

from dlq_review.bodies.sentences import VARIES
from dlq_review.models import (
    AlertDelivery,
    DeadLetter,
    FailureGroup,
    Operation,
    RedrivePolicy,
)
from dlq_review.templatetags.review import ago, finds, icon, second, state, varies, veil

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = 60, 3600, 86400


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "now"),
        (MINUTE - 1, "now"),
        (MINUTE, "1 min ago"),
        (HOUR, "60 min ago"),
        (90 * MINUTE - 1, "89 min ago"),
        (90 * MINUTE, "1 h ago"),
        (48 * HOUR - 1, "47 h ago"),
        (48 * HOUR, "2 d ago"),
        (10_000 * DAY - 1, "9999 d ago"),
        (10_000 * DAY, "many years ago"),
        (1 - MINUTE, "now"),
        (-MINUTE, "in 1 min"),
        (-3 * DAY, "in 3 d"),
    ],
)
def test_a_distance_is_told_in_the_largest_useful_unit(seconds: int, text: str) -> None:
    moment = NOW - timedelta(seconds=seconds)
    with time_machine.travel(NOW, tick=False):
        told = ago(moment)
    assert told.endswith(f">{text}</time>")
    assert f'datetime="{moment.isoformat()}"' in told
    assert f"{moment:%Y, %H:%M:%S} UTC" in told


def test_a_moment_that_is_none_is_a_dash() -> None:
    assert ago(None) == "–"


def test_a_moment_is_told_to_the_second_in_utc_wherever_it_was_noted() -> None:
    noted = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert second(noted).endswith(">20 Nov 2026, 12:00:00 UTC</time>")


def test_what_varies_is_marked_and_the_rest_of_a_sentence_is_no_markup() -> None:
    mark = f'<i class="varies">{VARIES}</i>'
    told = varies(f"No <b> of {VARIES} and {VARIES}.")
    assert told == f"No &lt;b&gt; of {mark} and {mark}."
    assert varies("Plain.") == "Plain."


def test_what_is_looked_for_is_text_in_an_address_and_on_the_page() -> None:
    told = finds("a&b=<c>")
    assert told == (
        '<a class="mono" href="/admin/find/?q=a%26b%3D%3Cc%3E">a&amp;b=&lt;c&gt;</a>'
    )


def test_of_an_address_in_a_text_the_beginning_is_shown() -> None:
    assert veil("Ask bob@example.com <b>") == "Ask b…@example.com <b>"


STATED = (FailureGroup, Operation, RedrivePolicy, AlertDelivery)
LATE = {"redriven_at": NOW - timedelta(days=9)}


@pytest.mark.parametrize(
    ("model", "fields", "name", "label"),
    [
        *(
            (model, {"state": one.value}, one.value, one.label)
            for model in (DeadLetter, *STATED)
            for one in model.State
        ),
        (DeadLetter, {"state": "redriven", **LATE}, "overdue", "Overdue"),
        (DeadLetter, {"state": "resolved", **LATE}, "resolved", "Resolved"),
        (DeadLetter, {"state": "open", "redrives": 3}, "again", "Failed again (3)"),
        (DeadLetter, {"state": "claimed", "redrives": 3}, "claimed", "Being sent"),
    ],
)
def test_a_state_is_told_by_an_icon_and_in_words(
    model: type[Model], fields: dict[str, object], name: str, label: str
) -> None:
    drawn = f'<svg class="icon" aria-hidden="true"><use href="#i-{name}"></use></svg>'
    assert icon(name) == drawn
    with time_machine.travel(NOW, tick=False):
        told = state(model(**fields))  # type: ignore[arg-type]
    assert told == f'<span class="state is-{name}">{drawn}{label}</span>'
