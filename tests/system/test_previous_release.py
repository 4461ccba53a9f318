"""A deployment migrates first: what runs of the previous release goes on in the new tables."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.apps import apps
from django.core.signing import BadSignature, TimestampSigner
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from dlq_review.models import Arrival, Operation
from processing.delivery import processor
from processing.handlers.accounts import verification_token
from processing.models import User
from tests.builders import message, signup_requested

pytestmark = pytest.mark.django_db

#: The newest migrations of the previous release.
PREVIOUS = [("dlq_review", "0006_redrives"), ("processing", "0003_staff")]
OURS = {name for name, _ in PREVIOUS}


@pytest.fixture(scope="module")
def previous() -> Any:
    """The tables as the previous release knows them."""
    return MigrationLoader(None).project_state(PREVIOUS).apps


def columns_since(previous: Any) -> Iterator[tuple[str, Any]]:
    """What the previous release does not name when it inserts a row."""
    known_models = {model._meta.label_lower for model in previous.get_models()}
    for model in apps.get_models():
        label = model._meta.label_lower
        if model._meta.app_label in OURS and label in known_models:
            known = {field.column for field in previous.get_model(label)._meta.fields}
            for field in model._meta.local_concrete_fields:
                if field.column not in known:
                    yield label, field


def test_every_column_since_can_be_left_out_of_an_insert(previous: Any) -> None:
    found = list(columns_since(previous))
    assert ("dlq_review.arrival", "attribute_types") in [
        (label, field.name) for label, field in found
    ]
    assert [
        f"{label}.{field.name}"
        for label, field in found
        if not (field.null or field.has_db_default())
    ] == []


def test_the_previous_release_goes_on_pulling_and_operating(previous: Any) -> None:
    now = timezone.now()
    letter = previous.get_model("dlq_review", "DeadLetter").objects.create(
        request_id="r-1",
        queue="orders",
        state="open",
        group=previous.get_model("dlq_review", "FailureGroup").objects.create(
            fingerprint="f", queue="orders", first_seen=now, last_seen=now
        ),
        sent_at=now,
        first_failed_at=now,
        last_failed_at=now,
        expires_at=now,
    )
    previous.get_model("dlq_review", "Arrival").objects.create(
        letter=letter, message_id="m-1", body="{}", sent_at=now, receive_count=1
    )
    previous.get_model("dlq_review", "Operation").objects.create(by="ada", cutoff=now)
    arrival, operation = Arrival.objects.get(), Operation.objects.get()
    assert arrival.attribute_types == {}
    assert (operation.looked_at, operation.refused) == ([], {})
    assert (operation.canary_over, operation.lease_holder) == (False, "")


def test_the_previous_release_goes_on_taking_sign_ups(sqs: None, previous: Any) -> None:
    """As `sign_up` of that release did, and an account is the one for both."""
    previous.get_model("processing", "User").objects.create(
        email="ada@example.com", username="ada@example.com", request_id="r-1"
    )
    processor.handle(message(signup_requested()))
    assert User.objects.get().signups.count() == 1


def test_a_link_of_a_sign_up_is_a_bad_link_to_the_previous_release() -> None:
    """That release reads what was signed so as a key, and fails where it is none."""
    token = verification_token("17", "r-1")
    with pytest.raises(BadSignature):
        TimestampSigner(salt="verify_email").unsign(token)
