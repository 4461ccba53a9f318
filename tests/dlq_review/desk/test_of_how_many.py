"""What a page says of a part of the letters is not said of all, and what it offers for them."""

import pytest
from django.test import Client

from dlq_review.letters import settlement
from dlq_review.models import AuditEntry, DeadLetter, FailureGroup
from dlq_review.operations import plans
from dlq_review.operations.plans import Plan
from dlq_review.search.selections import Selection
from tests.builders import dead_letter, failure, order_created
from tests.dlq_review.desk_pages import GROUPS, LIST, OPERATIONS
from tests.dlq_review.patches import EUROS

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("read", "idle"), [(2, False), (3, True)])
@pytest.mark.parametrize(
    ("plan", "limit"),
    [
        (Plan(), "outlook.LOOKED_AT"),
        (Plan("fix", EUROS), "edit_preview.LOOKED_AT"),
    ],
)
def test_that_nothing_would_be_done_is_said_only_when_all_were_looked_at(
    desk: Client,
    monkeypatch: pytest.MonkeyPatch,
    plan: Plan,
    limit: str,
    read: int,
    idle: bool,
) -> None:
    monkeypatch.setattr(f"dlq_review.operations.{limit}", read)
    for _ in range(3):
        dead_letter("no event")
    made = plans.freeze(Selection(), plan, by="ada", reason="x")
    shown = desk.get(f"{OPERATIONS}{made.pk}/change/").context
    assert shown["idle"] is idle


def test_the_card_of_a_group_is_of_all_its_letters_that_wait(desk: Client) -> None:
    letters = [dead_letter(attributes=failure()) for _ in range(3)]
    DeadLetter.objects.filter(pk=letters[0].pk).update(state="claimed")
    page = f"{GROUPS}{letters[0].group_id}/change/"
    for counted, of in ((3, "3"), (0, "3"), (1_234, "1,234")):
        FailureGroup.objects.update(waiting=counted)
        shown = desk.get(page).context
        assert (shown["common_of"], shown["common_all"]) == (of, of == "3")


@pytest.mark.parametrize("state", ["waiting", "discarded", "all"])
def test_what_settled_letters_have_in_common_offers_no_operation(
    desk: Client, state: str
) -> None:
    for _ in range(3):
        letter = dead_letter(order_created(customer_id="C-9"))
        if state == "discarded":
            settlement.discard(letter, by="ada", reason="x")
    shown = desk.get(f"{LIST}common/?state={state}").context
    rows = [*shown["common_rows"], *shown["common_alike"], *shown["common_plain"]]
    offered = {
        bool(one.operation) for row in rows for one in row.values if one.narrowed
    }
    assert offered == {state == "waiting"}


def test_a_condition_that_cannot_be_read_is_said_to_be_left_out(desk: Client) -> None:
    dead_letter()
    assert desk.get(f"{LIST}?field=%28%28").context["cl"].notes
    assert not desk.get(LIST).context["cl"].notes


def test_a_search_for_blanks_is_none(desk: Client) -> None:
    letter = dead_letter()
    shown = desk.get(f"{LIST}?q=%20").context["cl"]
    assert [one.pk for one in shown.result_list] == [letter.pk]


def test_a_reason_about_a_group_is_masked_in_the_audit(admin_client: Client) -> None:
    group = dead_letter(attributes=failure()).group
    AuditEntry.note(group, AuditEntry.Verb.NOTED, by="ada", reason="Ask bob@x.org.")
    (fold, *_) = admin_client.get("/admin/dlq_review/auditentry/").context["folds"]
    assert fold.reason == "Ask b…@x.org."
