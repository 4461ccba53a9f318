"""A failure group outlives a move of the code that fails: its key names no file."""

import hashlib
from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps

from dlq_review.models import FailureGroup
from tests.builders import dead_letter, failed_attempt, order_created

pytestmark = pytest.mark.django_db
migration = import_module("dlq_review.migrations.0014_group_keys")


def failed_at(place: str) -> FailureGroup:
    event = order_created()
    failed_attempt(event, place=place)
    return dead_letter(event).group


def as_before(group: FailureGroup, place: str) -> None:
    """Give *group* the key that the previous release gave it."""
    parts = "\n".join((group.queue, group.type, group.error_type, place))
    group.fingerprint = hashlib.sha256(parts.encode()).hexdigest()
    group.place = place
    group.save(update_fields=["fingerprint", "place"])


def test_a_function_that_moved_to_another_file_fails_in_the_same_group() -> None:
    group = failed_at("processing/handlers/orders.py:create_order")
    assert failed_at("processing/handlers/orders.py:create_order") == group
    assert failed_at("processing/handlers/orders.py:update_order") != group


def test_a_group_of_the_previous_release_takes_what_fails_now() -> None:
    group = failed_at("processing/handlers/orders.py:create_order")
    as_before(group, "processing/handlers/orders.py:create_order")
    migration.leave_out_files(apps, None)
    assert failed_at("processing/handlers/orders.py:create_order") == group


def test_of_groups_that_get_the_same_key_the_last_seen_takes_what_fails_now() -> None:
    one = failed_at("processing/handlers/orders.py:check")
    other = failed_at("processing/handlers/orders.py:another")
    FailureGroup.objects.filter(pk=one.pk).update(
        last_seen=other.last_seen + timedelta(hours=1)
    )
    as_before(one, "processing/handlers/orders.py:check")
    as_before(other, "processing/handlers/accounts.py:check")
    before = FailureGroup.objects.get(pk=other.pk).fingerprint
    migration.leave_out_files(apps, None)
    assert failed_at("processing/handlers/orders.py:check") == one
    assert FailureGroup.objects.get(pk=other.pk).fingerprint == before


def test_a_group_that_is_told_apart_by_its_text_keeps_its_key() -> None:
    group = dead_letter("not JSON at all").group
    migration.leave_out_files(apps, None)
    assert FailureGroup.objects.get(pk=group.pk).fingerprint == group.fingerprint
    assert dead_letter("not JSON at all").group == group
