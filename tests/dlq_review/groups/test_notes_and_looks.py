"""Notes on groups, mails about them, and up to when somebody has looked."""

from datetime import timedelta

import pytest
from django.utils import timezone

from dlq_review.groups import handover, last_look, triage
from dlq_review.groups.triage import newest_entries, newest_entry
from dlq_review.models import DeadLetter, FailureGroup
from processing.models import User
from tests.builders import dead_letter, failure
from tests.dlq_review.groups.test_handover import colleague, mails, now

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


def failed(error: str = "AError", text: str = "No.", **told: str) -> DeadLetter:
    return dead_letter(attributes=failure(error_type=error, error_text=text, **told))


def fresh(group: FailureGroup) -> FailureGroup:
    return FailureGroup.objects.get(pk=group.pk)


def test_a_note_is_kept_without_addresses_and_the_former_one_in_the_trail() -> None:
    group = failed().group
    for note in ("Ask bob@example.com.", "Done."):
        triage.annotate(group, note, by="ada")
    assert fresh(group).note == "Done."
    reasons = group.audit.order_by("pk").values_list("reason", flat=True)
    assert list(reasons) == ["Note was: empty", "Note was: Ask b…@example.com."]


def test_the_newest_entry_is_that_of_the_group_and_of_the_person() -> None:
    group, other = failed("AError").group, failed("BError").group
    assert (newest_entry(group), newest_entries([group])) == (0, {})
    for who in ("ada", "bob"):
        triage.annotate(group, who, by=who)
    last, first = group.audit.order_by("-pk").values_list("pk", flat=True)
    triage.annotate(other, "x", by="ada")
    assert (newest_entry(group), newest_entry(group, by="ada")) == (last, first)
    assert newest_entry(group, by="eve") == 0
    assert newest_entries([group]) == {group.pk: last}
    assert newest_entries([group, other]).keys() == {group.pk, other.pk}


def test_a_mail_about_a_group_has_a_subject_however_long_the_names_are() -> None:
    group, by = failed().group, "a" * 150
    assert handover.give(group, colleague("eva", "view"), "", by=by)
    (mail,) = mails()
    assert mail.subject == f"Holdfast: {by}"[:100]
    assert (mail.body or "").startswith(f"{by} gave you a failure group: AError in ")


def test_an_owner_without_an_address_is_not_told_and_nobody_says_so() -> None:
    group = failed().group
    colleague("eva", "view", email="")
    triage.acknowledge(group, by="eva")
    assert handover.owner_to_tell(fresh(group)) is None
    assert handover.take_over(group, "You left.", by="ada") is False
    assert (now(group), mails()) == (("ada", "acknowledged"), [])
    zoe = colleague("zoe", "view")
    triage.acknowledge(failed("BError").group, by="zoe")
    other = FailureGroup.objects.get(error_type="BError")
    assert handover.owner_to_tell(other) == zoe


def test_a_look_lasts_until_a_later_one_and_never_into_the_future() -> None:
    ada, eve = (User.objects.create(username=name) for name in ("ada", "eve"))
    assert last_look.last_look(ada) is None
    at = timezone.now() - HOUR
    for until in (at, at - HOUR, at):
        last_look.look(ada, until)
        assert last_look.last_look(ada) == at
    assert last_look.last_look(eve) is None
    last_look.look(eve, at)
    last_look.look(ada, at + HOUR / 2)
    assert last_look.last_look(ada) == at + HOUR / 2
    assert last_look.last_look(eve) == at
    for person in (ada, eve):
        last_look.look(person, timezone.now() + HOUR)
        seen = last_look.last_look(person)
        assert seen is not None
        assert seen <= timezone.now()
