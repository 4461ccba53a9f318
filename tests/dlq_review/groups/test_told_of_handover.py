"""What the mail of a hand-over tells, who gets it, and whose group cannot be handed over."""

import pytest
from django.conf import settings
from django.test import Client

from dlq_review.groups import handover, merge, triage
from dlq_review.groups.triage import MergedError
from dlq_review.models import FailureGroup
from tests.builders import dead_letter, failure
from tests.dlq_review.desk_pages import GROUPS
from tests.dlq_review.groups.test_handover import colleague, mails, now

pytestmark = pytest.mark.django_db


@pytest.fixture
def group() -> FailureGroup:
    return dead_letter(attributes=failure()).group


def test_the_mail_names_no_error_or_type_that_may_name_a_person() -> None:
    body = '{"id": "x1", "type": "Ada Lovelace", "data": {}}'
    letter = dead_letter(body, attributes=failure(error_type="Byron\r\nBcc: x@x.org"))
    handover.give(letter.group, colleague("eva", "view"), "", by="ada")
    (mail,) = mails()
    what, link = (mail.body or "").split("\n\n")
    assert link == f"{settings.SITE_URL}{GROUPS}{letter.group_id}/change/"
    assert what == "ada gave you a failure group: an error in a message on orders."


@pytest.mark.parametrize("word", ["a\x0bb", "a\x7fb", "a\u202eb", "a\rb", "a\u200bb"])
def test_a_word_with_characters_that_no_mail_takes_is_mailed_without_them(
    group: FailureGroup, word: str
) -> None:
    assert handover.give(group, colleague("eva", "view"), word, by="ada")
    (mail,) = mails()
    assert (mail.body or "").split("\n\n")[1] in ("ab", "a b", word)


@pytest.mark.parametrize(
    "change", [{"is_active": False}, {"is_superuser": False}, {"is_staff": False}]
)
def test_a_former_owner_who_may_not_see_the_group_any_more_is_not_mailed(
    desk: Client, group: FailureGroup, change: dict[str, bool]
) -> None:
    eva = colleague("eva", is_superuser=True)
    triage.acknowledge(group, by="eva")
    for name, value in change.items():
        setattr(eva, name, value)
    eva.save()
    url = f"{GROUPS}{group.pk}/take_over/"
    assert "by mail" not in desk.get(url).content.decode()
    answer = desk.post(
        url, {"reason": "You left.", "seen": triage.newest_entry(group)}, follow=True
    )
    assert "No mail goes to eva: they have no account here that gets it." in (
        answer.content.decode()
    )
    assert now(group) == ("ada", "acknowledged")
    assert not mails()


def test_a_merged_group_has_no_new_owner(desk: Client, group: FailureGroup) -> None:
    into = dead_letter(attributes=failure(error_type="BError")).group
    merge.merge(group, into, by="ada", reason="")
    eva = colleague("eva", "view")
    with pytest.raises(MergedError):
        handover.give(group, eva, "", by="ada")
    with pytest.raises(MergedError):
        handover.take_over(group, "x", by="ada")
    with pytest.raises(MergedError):
        triage.acknowledge(group, by="ada")
    assert now(group)[0] == ""
    assert not mails()
    text = desk.get(f"{GROUPS}{group.pk}/change/").content.decode()
    assert "/give/" not in text
    assert "I take it" not in text


@pytest.mark.parametrize("tick", ["0{}-0", "00{}-"])
def test_a_tick_is_read_as_a_number(
    desk: Client, group: FailureGroup, tick: str
) -> None:
    fields = {"verb": "acknowledge", "chosen": tick.format(group.pk)}
    assert desk.post(f"{GROUPS}many/", fields).status_code == 302
    assert now(group)[0] == "ada"


@pytest.mark.parametrize("owner", ["ada", ""])
def test_who_takes_over_what_nobody_else_has_is_told_of_no_mail(
    desk: Client, group: FailureGroup, owner: str
) -> None:
    """As after the owner gave it back while the page was open."""
    if owner:
        triage.acknowledge(group, by=owner)
    sent = {"reason": "x", "seen": triage.newest_entry(group)}
    answer = desk.post(f"{GROUPS}{group.pk}/take_over/", sent, follow=True)
    assert now(group) == ("ada", "acknowledged")
    assert not mails()
    assert "mail" not in " ".join(map(str, answer.context["messages"]))
