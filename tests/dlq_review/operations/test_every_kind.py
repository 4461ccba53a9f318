"""A kind of operation is declared in several tables; none of them misses one."""

import re
from dataclasses import replace

import pytest
from django.test import Client

from dlq_review.letters import settlement
from dlq_review.models import DeadLetter, Operation, OperationItem
from dlq_review.operations import control, edit_undo, leases, progress, runner, steps
from dlq_review.operations.plans import Plan, freeze
from dlq_review.permissions import ALSO_NEEDED, PERMISSIONS
from dlq_review.search.selections import Selection
from tests.builders import dead_letter
from tests.dlq_review.desk_pages import OPERATIONS, html
from tests.dlq_review.operation_runs import FAST, states

KINDS = list(Operation.Kind)
PATCH = [{"op": "replace", "path": "/data/currency", "value": "USD"}]


def test_every_kind_has_its_work() -> None:
    assert steps.WORK.keys() == set(KINDS)


def test_every_kind_names_the_permission_that_it_needs() -> None:
    assert ALSO_NEEDED.keys() == {str(kind) for kind in KINDS}
    assert set(ALSO_NEEDED.values()) <= PERMISSIONS.keys()


def test_every_kind_that_sends_nothing_says_when_an_item_is_done() -> None:
    assert progress.DONE.keys() == set(KINDS) - set(Operation.REDRIVES)


@pytest.mark.django_db
@pytest.mark.parametrize("kind", progress.DONE)
def test_the_page_of_every_kind_counts_what_is_done(
    desk: Client, kind: Operation.Kind
) -> None:
    dead_letter()
    operation = freeze(Selection(), Plan(), by="ada", reason="x")
    Operation.objects.update(kind=kind, state=Operation.State.DONE)
    OperationItem.objects.update(state=progress.DONE[kind])
    page = desk.get(f"{OPERATIONS}{operation.pk}/change/").content.decode()
    assert f"<b>1</b> {progress.DONE[kind].label}" in page
    assert f'class="p-{progress.DONE[kind]}" x="0.0" width="100.0"' in page


#: What an item of each kind can be, in words of its page.
_SENT = "sent, awaiting their outcome|processed|failed again|skipped"
FIGURES = {
    "redrive": f"not yet sent|{_SENT}",
    "repair": f"to do|edited, not yet sent|{_SENT}",
    "discard": "to do|discarded|skipped",
    "restore": "to do|restored|skipped",
    "fix": "to do|edited|skipped",
    "undo": "to do|as before the edit|skipped",
}


@pytest.mark.django_db
@pytest.mark.parametrize("kind", KINDS)
def test_the_page_of_every_kind_has_a_figure_of_each_result(
    desk: Client, kind: Operation.Kind
) -> None:
    dead_letter()
    operation = freeze(Selection(), Plan(), by="ada", reason="x")
    Operation.objects.update(kind=kind, state=Operation.State.RUNNING)
    page = html(desk, f"{OPERATIONS}{operation.pk}/change/")
    figures = page.partition('<ul class="figures">')[2].partition("</ul>")[0]
    words = re.findall(r"</b>\s*([^<]*?)\s*<", figures)
    assert "|".join(words) == FIGURES[kind]


@pytest.mark.django_db
def test_the_bar_of_an_operation_is_as_wide_as_its_share(desk: Client) -> None:
    for _ in range(3):
        dead_letter()
    operation = freeze(Selection(), Plan(), by="ada", reason="x")
    Operation.objects.update(state=Operation.State.RUNNING)
    states = ("failed_again", "processed", "waiting")
    for item, state in zip(operation.items.all(), states, strict=True):
        OperationItem.objects.filter(pk=item.pk).update(state=state)
    page = desk.get(f"{OPERATIONS}{operation.pk}/change/").content.decode()
    assert re.findall(r'class="p-(\w+)" x="([\d.]+)" width="([\d.]+)"', page) == [
        ("processed", "0.0", "33.33"),
        ("failed_again", "33.33", "33.33"),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("kind", progress.DONE)
def test_an_operation_that_somebody_paused_changes_nothing_until_it_goes_on(
    kind: Operation.Kind,
) -> None:
    operation = begun(kind, count=3)
    lease = leases.take(operation)
    assert lease
    items = list(operation.items.select_related("letter"))
    control.pause(Operation.objects.get(pk=operation.pk), by="bob")
    steps.WORK[kind](operation, lease, items)
    assert states(operation) == {"waiting": 3}
    lease.give_back()
    operation.refresh_from_db()
    control.resume(operation, by="bob")
    runner.run(operation, seconds=9)
    assert states(operation) == {progress.DONE[kind]: 3}


def begun(kind: Operation.Kind, count: int) -> Operation:
    """A running operation of *kind* over *count* letters."""
    letters = [dead_letter() for _ in range(count)]
    if kind == Operation.Kind.UNDO:
        edit = begun(Operation.Kind.EDIT, count=0)
        runner.run(edit, seconds=9)
        operation = edit_undo.freeze_undo(edit, by="ada", reason="x")
    else:
        discarded = kind == Operation.Kind.RESTORE
        for letter in letters if discarded else ():
            settlement.discard(letter, by="ada", reason="x")
        plan = replace(FAST, kind=kind, patch=PATCH)
        chosen = Selection(discarded=discarded)
        operation = freeze(chosen, plan, by="ada", reason="x")
    control.start(operation, by="ada")
    return operation


@pytest.mark.django_db
@pytest.mark.parametrize("kind", KINDS)
def test_a_list_on_which_nothing_would_happen_cannot_be_started(
    desk: Client, kind: Operation.Kind
) -> None:
    """Both letters are acted on at first; then one of them, and then none."""
    operation = begun(kind, count=2)
    Operation.objects.filter(pk=operation.pk).update(state=Operation.State.DRAFT)
    url = f"{OPERATIONS}{operation.pk}/change/"
    start = re.compile(r'operation/\d+/start/">.*?<button class="\w+"( disabled)?')
    for sent in (0, 1, 2):
        some = DeadLetter.objects.order_by("pk").values("pk")[:sent]
        DeadLetter.objects.filter(pk__in=some).update(state="redriven")
        page = html(desk, url)
        offered = start.search(page)
        assert offered
        assert (offered[1] is None) == (sent < 2)
        assert ("Nothing would be " in page) == (sent == 2)
