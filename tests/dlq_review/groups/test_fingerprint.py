"""A failure group outlives a change of the code that fails: a move, a helper taken out."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings

from dlq_review.groups.fingerprint import Failure
from dlq_review.models import FailureGroup
from processing.delivery.attempts import place_of
from processing.handlers.registry import HANDLERS
from tests.builders import dead_letter, failed_attempt, order_created

pytestmark = pytest.mark.django_db
first, second = (
    import_module(f"dlq_review.migrations.{name}")
    for name in ("0014_group_keys", "0018_versioned_group_keys")
)


def migrate() -> None:
    first.leave_out_files(apps, None)
    second.carry_over(apps, None)


def failed_at(place: str) -> FailureGroup:
    event = order_created()
    failed_attempt(event, place=place)
    return dead_letter(event).group


def hash_of_first_version(group: FailureGroup, detail: str) -> str:
    parts = "\n".join((group.queue, group.type, group.error_type, detail))
    return hashlib.sha256(parts.encode()).hexdigest()


def as_before(group: FailureGroup, place: str) -> None:
    """Give *group* the key that the previous release gave it."""
    group.fingerprint = hash_of_first_version(group, place)
    group.place = place
    group.save(update_fields=["fingerprint", "place"])


def test_a_function_that_moved_to_another_file_fails_in_the_same_group() -> None:
    group = failed_at("processing/handlers/orders.py:create_order")
    assert failed_at("processing/handlers/orders.py:create_order") == group
    assert failed_at("processing/handlers/orders.py:update_order") != group


def test_a_group_of_the_previous_release_takes_what_fails_now() -> None:
    group = failed_at("processing/handlers/orders.py:create_order")
    as_before(group, "processing/handlers/orders.py:create_order")
    migrate()
    assert failed_at("processing/handlers/orders.py:create_order") == group


def test_of_groups_that_get_the_same_key_the_last_seen_takes_what_fails_now() -> None:
    one = failed_at("processing/handlers/orders.py:check")
    other = failed_at("processing/handlers/orders.py:another")
    FailureGroup.objects.filter(pk=one.pk).update(
        last_seen=other.last_seen + timedelta(hours=1)
    )
    as_before(one, "processing/handlers/orders.py:check")
    as_before(other, "processing/handlers/accounts.py:check")
    migrate()
    assert failed_at("processing/handlers/orders.py:check") == one
    other.refresh_from_db()
    assert other.waiting == 1


def test_a_group_that_is_told_apart_by_its_text_takes_what_fails_now() -> None:
    group = dead_letter("not JSON at all").group
    key = group.fingerprint
    group.fingerprint = hash_of_first_version(group, group.template)
    group.save(update_fields=["fingerprint"])
    migrate()
    assert FailureGroup.objects.get(pk=group.pk).fingerprint == key
    assert dead_letter("not JSON at all").group == group


TRACEBACK = """Traceback (most recent call last):
  File "/srv/releases/41/processing/delivery/processor.py", line 169, in process
    effect = HANDLERS[event.type](event)
  File "/srv/releases/41/processing/handlers/orders.py", line 60, in create_order
    _store(order)
  File "/srv/releases/41/processing/handlers/orders.py", line 88, in _store
    raise ValueError("no")
  File "/srv/.venv/lib/python3.11/site-packages/django/db/backends/utils.py", line 1, in save
    pass
ValueError: no
"""


def test_a_group_that_named_a_private_helper_takes_what_its_caller_fails_with() -> None:
    event = order_created()
    private = "processing/handlers/orders.py:_store"
    failed_attempt(event, place=private, traceback=TRACEBACK)
    group = dead_letter(event).group
    as_before(group, private)
    FailureGroup.objects.filter(pk=group.pk).update(owner="ada", note="Ask the shop.")
    migrate()
    found = failed_at("processing/handlers/orders.py:create_order")
    assert found == group
    assert (found.owner, found.note) == ("ada", "Ask the shop.")
    assert found.place == "processing/handlers/orders.py:create_order"


def fail(source: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the handler `handle`, written as *source* into *file*, fails."""
    names: dict[str, Any] = {}
    exec(compile(source, str(file), "exec"), names)  # noqa: S102 - source of this test
    if "def handle" in source:
        monkeypatch.setitem(HANDLERS, "order_created", names["handle"])
    with pytest.raises(KeyError) as caught:
        names["handle"]()
    above = caught.value.__traceback__
    assert above is not None
    return place_of(caught.value.with_traceback(above.tb_next))  # without this file


@pytest.mark.parametrize("helper", ["_look", "look"])
def test_a_helper_that_is_taken_out_of_a_function_leaves_the_group_as_it_is(
    helper: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = settings.BASE_DIR / "processing/handlers"
    whole = fail("def handle():\n    {}['a']", here / "orders.py", monkeypatch)
    helped = f"def {helper}(at):\n    return at['a']\ndef handle():\n    {helper}({{}})"
    assert whole == "processing/handlers/orders.py:handle"
    group = failed_at(whole)
    for file in ("orders.py", "stock/rules.py"):
        assert failed_at(fail(helped, here / file, monkeypatch)) == group


def test_where_no_handler_was_called_the_innermost_public_function_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = settings.BASE_DIR / "processing/delivery/processor.py"
    deep = "def _deep():\n    {}['a']\n"
    assert fail(f"{deep}handle = lambda: _deep()", file, monkeypatch).endswith(":_deep")
    known = f"{deep}def claim():\n    _deep()\nhandle = lambda: claim()"
    assert fail(known, file, monkeypatch).endswith("processor.py:claim")


def test_the_template_of_the_text_tells_failures_of_one_function_apart() -> None:
    texts = ("No stock of SKU-1.", "No stock of SKU-2.", "The budget is spent.")
    groups = []
    for text in texts:
        event = order_created()
        failed_attempt(event, place="a.py:create_order", error_text=text)
        groups.append(dead_letter(event).group)
    assert groups[0] == groups[1]
    assert groups[1] != groups[2]


def test_what_other_bodies_mask_of_a_text_makes_no_group_of_its_own() -> None:
    def failed(text: str, **more: Any) -> Failure:
        at = datetime(2026, 11, 20, tzinfo=UTC)
        parts = (
            "orders",
            "order_created",
            "ValueError",
            text,
            "orders.py:create",
            "r1",
        )
        return Failure(*parts, failed_at=at, unmasked_text="", deliveries=1, **more)

    plain = failed("no room for Quill")
    masked = failed("no room for •••", key_text="no room for Quill")
    assert masked.fingerprint == plain.fingerprint
    assert masked.template == "no room for •••"
    assert failed("no room for •••").fingerprint != plain.fingerprint


@pytest.mark.parametrize("part", ["queue", "type", "error_type", "place"])
def test_a_failure_of_another_kind_has_a_group_of_its_own(part: str) -> None:
    at = datetime(2026, 11, 20, tzinfo=UTC)
    parts = ("orders", "order_created", "ValueError", "no", "orders.py:create", "r1")
    one = Failure(*parts, failed_at=at, unmasked_text="no", deliveries=1)
    changed: dict[str, Any] = {part: "other"}
    assert replace(one, **changed).fingerprint != one.fingerprint
    later = replace(one, release="r2", deliveries=9, failed_at=at + timedelta(days=1))
    assert later.fingerprint == one.fingerprint
