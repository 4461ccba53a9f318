"""A kind of operation is declared in several tables; none of them misses one."""

import pytest
from django.test import Client

from dlq_review.models import Operation, OperationItem
from dlq_review.operations import progress, steps
from dlq_review.operations.plans import Plan, freeze
from dlq_review.permissions import ALSO_NEEDED, PERMISSIONS
from dlq_review.search.selections import Selection
from tests.builders import dead_letter
from tests.dlq_review.desk_pages import OPERATIONS

KINDS = list(Operation.Kind)


def test_every_kind_has_its_work() -> None:
    assert steps.WORK.keys() == set(KINDS)


def test_every_kind_names_the_permission_that_it_needs() -> None:
    assert ALSO_NEEDED.keys() == {str(kind) for kind in KINDS}
    assert set(ALSO_NEEDED.values()) <= PERMISSIONS.keys()


def test_every_kind_but_a_redrive_says_when_an_item_is_done() -> None:
    assert progress.DONE.keys() == set(KINDS) - {Operation.Kind.REDRIVE}


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
