"""What was asked for long ago and is done only now is not old yet."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from dlq_review.letters import retention, settlement
from dlq_review.models import Arrival, DeadLetter, Revision
from dlq_review.retention import periods, rows
from dlq_review.retention.letters import Letters
from processing.delivery import processor
from processing.handlers.accounts import verification_token, verify
from processing.models import Outcome, Signup, User
from tests.builders import dead_letter, order_created, signup_requested
from tests.dlq_review.retention.old_rows import MAKE, aged

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sqs")]
DAY = timedelta(days=1)


def asked_long_ago(**changes: str) -> Signup:
    """A sign-up that waited at the desk for longer than UNVERIFIED_DAYS, and is processed now."""
    event = signup_requested(**changes)
    processor.process(event.model_copy(update={"timestamp": timezone.now() - 60 * DAY}))
    return Signup.objects.get(pk=event.id)


def test_a_sign_up_that_waited_long_can_be_opened_with_its_own_data() -> None:
    signup = asked_long_ago(name="Grace")
    asked_long_ago(name="Mallory")
    rows.purge()
    token = verification_token(str(signup.account_id), signup.pk)
    verify(token, "a long password")
    assert User.objects.get(pk=signup.account_id).name == "Grace"


def test_an_old_account_whose_next_sign_up_waited_long_stays() -> None:
    signup = asked_long_ago()
    aged(signup.account, date_joined=timezone.now() - 90 * DAY)
    rows.purge()
    assert User.objects.filter(pk=signup.account_id).exists()
    Outcome.objects.filter(pk=signup.pk).update(at=timezone.now() - 40 * DAY)
    rows.purge()
    assert not User.objects.filter(pk=signup.account_id).exists()


def test_an_account_goes_though_a_settled_letter_is_about_its_address() -> None:
    signup = asked_long_ago()
    letter = dead_letter(signup_requested(email=signup.account.email))
    settlement.discard(letter, by="ada", reason="x")
    long_ago = timezone.now() - 90 * DAY
    aged(signup.account, date_joined=long_ago)
    Outcome.objects.filter(pk=signup.pk).update(at=long_ago)
    rows.purge()
    assert not User.objects.filter(pk=signup.account_id).exists()


@pytest.mark.parametrize("verb", [settlement.discard, settlement.resolve])
def test_the_body_of_a_copy_that_came_after_the_purge_is_purged_too(
    verb: Callable[..., object],
) -> None:
    event = order_created()
    letter = dead_letter(event)
    verb(letter, by="ada", reason="x")
    if verb is settlement.resolve:
        Outcome.objects.all().delete()
        processor.process(event)
    DeadLetter.objects.update(settled_at=timezone.now() - 200 * DAY)
    before = timezone.now() - 90 * DAY
    assert retention.purge(before) == 1
    dead_letter(event)
    letter.refresh_from_db()
    assert letter.state in DeadLetter.SETTLED
    assert Arrival.objects.exclude(body="").exists()
    assert retention.has_texts(before)
    assert retention.purge(before) == 1
    for model in (Arrival, Revision):
        assert not model._base_manager.exclude(body="").exists()


def test_the_body_of_a_copy_that_found_its_request_processed_is_purged_too() -> None:
    event = order_created()
    processor.process(event)
    letter = dead_letter(event)
    assert letter.state == "resolved"
    assert retention.purge(timezone.now() - DAY) == 0
    assert retention.purge(timezone.now() + DAY) == 1
    assert not letter.revisions.exclude(body="").exists()


def test_what_a_copy_brought_back_after_the_purge_can_be_restored_until_the_next() -> (
    None
):
    event = order_created()
    letter = dead_letter(event)
    settlement.discard(letter, by="ada", reason="x")
    DeadLetter.objects.update(settled_at=timezone.now() - 200 * DAY)
    retention.purge(timezone.now() - 90 * DAY)
    dead_letter(event)
    letter.refresh_from_db()
    settlement.restore(letter, by="ada")
    assert letter.revisions.get(number=letter.revision).body


def test_a_letter_whose_copy_came_in_the_moment_of_the_lock_is_not_deleted(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.ARCHIVE_BUCKET = "archive"
    long_ago = timezone.now() - 900 * DAY
    letter = MAKE["dlq_review.DeadLetter"](long_ago)
    # As where the copy is committed behind the look and before the lock.
    monkeypatch.setattr(
        Letters, "old", lambda self, before: DeadLetter.objects.filter(pk=letter.pk)
    )
    assert Letters().delete(timezone.now()) == 0
    assert Arrival.objects.get().body


@pytest.mark.parametrize("days", [periods.LONGEST + 1, 999_999, 10**12])
def test_more_days_than_a_calendar_has_are_refused_by_the_command(days: int) -> None:
    with pytest.raises(CommandError, match="36500"):
        call_command("purge", "--days", str(days))
