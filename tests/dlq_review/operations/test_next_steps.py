"""After an operation: its figures lead to its letters, and the next step is offered."""

from dataclasses import replace

import pytest
from django.test import Client
from django.utils import timezone

from dlq_review.letters import revisions
from dlq_review.models import DeadLetter, Operation, OperationItem
from dlq_review.operations import control, edit_undo, runner
from tests.builders import dead_letter, order_created
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk_pages import LIST, OPERATIONS, html, plan
from tests.dlq_review.operation_runs import FAST, fail_all, started
from tests.dlq_review.patches import EUROS

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("sqs")]


def page_of(operation: Operation) -> str:
    return f"{OPERATIONS}{operation.pk}/change/"


def edited(count: int) -> Operation:
    """A finished edit: *count* letters were edited, and one needed no change."""
    for _ in range(count):
        wrong = order_created().body.replace('"EUR"', '"euros"')
        dead_letter(wrong)
    dead_letter(order_created())
    operation = started(0, replace(FAST, kind="fix", patch=EUROS))
    runner.run_all(seconds=9)
    operation.refresh_from_db()
    assert operation.state == "done"
    return operation


def test_a_finished_edit_offers_to_redrive_what_it_edited(desk: Client) -> None:
    operation = edited(3)
    other = dead_letter()
    link = f"{OPERATIONS}new/?kind=redrive&amp;after={operation.pk}"
    page = html(desk, page_of(operation))
    assert f'href="{link}"' in page
    assert "Redrive these 3" in page
    asked = desk.get(link.replace("&amp;", "&"))
    assert f"What <b>Edit #{operation.pk}</b> left waiting" in asked.content.decode()
    desk.post(f"{OPERATIONS}new/", plan(**asked.context["form"].initial))
    next_one = Operation.objects.latest("pk")
    chosen = set(next_one.items.values_list("letter", flat=True))
    done = set(operation.items.filter(state="fixed").values_list("letter", flat=True))
    assert chosen == done
    assert other.pk not in chosen
    assert next_one.kind == "redrive"


def test_what_was_sent_or_discarded_since_is_not_offered_again(desk: Client) -> None:
    operation = edited(3)
    first, second, third = DeadLetter.objects.filter(operations__state="fixed")
    DeadLetter.objects.filter(pk=first.pk).update(state="redriven")
    DeadLetter.objects.filter(pk=second.pk).update(state="discarded")
    desk.post(f"{OPERATIONS}new/", plan(after=operation.pk))
    assert Operation.objects.latest("pk").items.get().letter == third


def test_a_letter_whose_edit_was_undone_is_not_sent_with_its_former_body(
    desk: Client,
) -> None:
    operation = edited(2)
    kept, _ = DeadLetter.objects.filter(operations__state="fixed")
    body = order_created(id=kept.request_id).body
    revisions.edit(kept, body, based_on=kept.revision, by="ada", reason="x")
    undo = edit_undo.freeze_undo(operation, by="ada", reason="x")
    assert "Redrive these 2" in html(desk, page_of(operation))  # not started yet
    control.start(undo, by="ada")
    runner.run_all(seconds=9)
    assert undo.items.filter(state="undone").count() == 1
    assert "Redrive these 1" in html(desk, page_of(operation))
    desk.post(f"{OPERATIONS}new/", plan(after=operation.pk))
    assert Operation.objects.latest("pk").items.get().letter == kept


def test_a_redrive_is_offered_only_for_what_still_waits(desk: Client) -> None:
    operation = edited(2)
    first, second = DeadLetter.objects.filter(operations__state="fixed")
    DeadLetter.objects.filter(pk=first.pk).update(state="redriven")
    assert "Redrive these 1" in html(desk, page_of(operation))
    DeadLetter.objects.filter(pk=second.pk).update(state="redriven")
    assert "Redrive these" not in html(desk, page_of(operation))


def test_the_next_step_needs_its_permission_and_the_end(
    desk: Client, client_of: ClientOf
) -> None:
    operation = edited(1)
    viewer = client_of("view", name="eve")
    assert "Redrive these" not in html(viewer, page_of(operation))
    Operation.objects.update(state="running")
    assert "Redrive these" not in html(desk, page_of(operation))


def test_a_redrive_offers_no_redrive_of_what_failed_again(
    desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_all(monkeypatch)
    operation = started(2)
    runner.run_all(seconds=9)
    Operation.objects.update(state="done")
    operation.items.update(state="failed_again")
    assert "Redrive these" not in html(desk, page_of(operation))


def test_each_figure_leads_to_its_letters(desk: Client) -> None:
    operation = edited(2)
    unchanged = operation.items.get(state="skipped").letter
    page = html(desk, page_of(operation))
    for state, count in {"fixed": 2, "skipped": 1}.items():
        link = f"{LIST}?operation={operation.pk}-{state}"
        assert f'href="{link}"><b>{count}</b>' in page
        listed = desk.get(link).context["cl"].result_list
        expected = operation.items.filter(state=state).values_list("letter", flat=True)
        assert {one.pk for one in listed} == set(expected)
    assert f"operation={operation.pk}-waiting" not in page  # nothing to show
    revisions.edit(
        unchanged,
        order_created(id=unchanged.request_id).body,
        based_on=0,
        by="ada",
        reason="x",
    )
    whole = desk.get(f"{LIST}?operation={operation.pk}").context["cl"].result_list
    assert len(whole) == 3


#: By kind: the result whose letters a redrive takes next, and the one that an edit takes.
NEXT = {
    "redrive": ("", "failed_again"),
    "repair": ("fixed", "failed_again"),
    "fix": ("fixed", ""),
    "restore": ("restored", ""),
    "undo": ("", "undone"),
    "discard": ("", ""),
}


@pytest.mark.parametrize("kind", Operation.Kind.values)
def test_each_kind_offers_the_next_step_for_the_result_that_still_waits(
    desk: Client, kind: str
) -> None:
    letters = {state: dead_letter() for state in OperationItem.State.values}
    for left_out in ("", *NEXT[kind]):
        operation = Operation.objects.create(
            kind=kind, by="ada", cutoff=timezone.now(), state="done", total=11
        )
        for state, letter in letters.items():
            if state != left_out:
                operation.items.create(letter=letter, revision=0, state=state)
        page = html(desk, page_of(operation))
        for step, result in zip(("redrive", "fix"), NEXT[kind], strict=True):
            link = f"{OPERATIONS}new/?kind={step}&amp;after={operation.pk}"
            assert (link in page) is (result not in ("", left_out)), (step, left_out)


@pytest.mark.parametrize("value", ["0", "x", "-", "1-", "1-nothing", "99", "9" * 30])
def test_an_operation_that_is_none_filters_nothing(desk: Client, value: str) -> None:
    dead_letter()
    answer = desk.get(LIST, {"operation": value})
    assert answer.status_code in (200, 302)


@pytest.mark.parametrize("kind", ["redrive", "discard"])
def test_an_operation_ends_though_a_letter_on_its_list_was_deleted(kind: str) -> None:
    operation = started(3, replace(FAST, kind=kind))
    gone, ended, _ = operation.items.order_by("pk")
    operation.items.filter(pk=ended.pk).update(state="processed")
    for item in (gone, ended):
        for rows in ("arrivals", "revisions", "audit"):
            getattr(item.letter, rows).all()._raw_delete("default")
        DeadLetter.objects.filter(pk=item.letter_id)._raw_delete("default")
    for _ in range(2):
        runner.run_all(seconds=5)
    left = operation.items.get(pk=gone.pk)
    assert (left.state, left.why) == (
        "skipped",
        "The dead letter was deleted meanwhile.",
    )
    assert operation.items.get(pk=ended.pk).state == "processed"
    assert not operation.items.filter(state="waiting").exists()
