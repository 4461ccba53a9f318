"""Each verb of a table is offered and needs its permission; any other is not found."""

import pytest
from django.http import Http404, HttpRequest
from django.test import Client, RequestFactory

from dlq_review.desk import group_views, letter_views, operation_views
from dlq_review.groups import triage
from dlq_review.letters import settlement
from dlq_review.models import AuditEntry, DeadLetter, Operation
from dlq_review.permissions import PERMISSIONS
from processing.models import User
from tests.builders import dead_letter
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk_pages import html, page
from tests.dlq_review.operation_runs import started

pytestmark = pytest.mark.django_db


@pytest.fixture
def post(admin_user: User, rf: RequestFactory) -> HttpRequest:
    request = rf.post("/", {"reason": "Why not."})
    request.user = admin_user
    return request


def test_an_unknown_verb_leaves_the_note_of_a_group(post: HttpRequest) -> None:
    group = dead_letter().group
    triage.annotate(group, "Call the bank.", by="ada")
    entries = AuditEntry.objects.count()
    with pytest.raises(Http404):
        group_views.triage(post, group.pk, verb="forget")
    group.refresh_from_db()
    assert group.note == "Call the bank."
    assert AuditEntry.objects.count() == entries


def test_an_unknown_verb_leaves_a_letter(post: HttpRequest) -> None:
    letter = dead_letter()
    with pytest.raises(Http404):
        letter_views.settle(post, letter.pk, verb="forget")
    letter.refresh_from_db()
    assert letter.state == DeadLetter.State.OPEN


def test_an_unknown_verb_leaves_an_operation(post: HttpRequest) -> None:
    operation = started(1)
    with pytest.raises(Http404):
        operation_views.steer(post, operation.pk, verb="forget")
    operation.refresh_from_db()
    assert operation.state == Operation.State.RUNNING


@pytest.mark.parametrize("verb", letter_views.SETTLEMENTS)
def test_the_page_of_a_letter_offers_every_verb_that_ends_it(
    desk: Client, verb: str
) -> None:
    letter = dead_letter()
    pages = html(desk, page(letter))
    settlement.discard(letter, by="ada", reason="x")
    pages += html(desk, page(letter))
    assert f'action="{page(letter, verb)}"' in pages


def test_a_verb_needs_the_permission_that_the_table_names(
    client_of: ClientOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PERMISSIONS, "resolve", PERMISSIONS["edit"])
    letter = dead_letter()
    for held, answer in (("discard", 403), ("change", 302)):
        staff = client_of("view", held, name=held)
        posted = staff.post(page(letter, "resolve"), {"reason": "x"})
        assert posted.status_code == answer
    letter.refresh_from_db()
    assert letter.state == DeadLetter.State.RESOLVED


def test_who_may_not_settle_does_not_learn_which_letters_exist(
    client_of: ClientOf,
) -> None:
    letter = dead_letter()
    nowhere = page(letter, "discard").replace(f"/{letter.pk}/", "/999999/")
    assert client_of("view").post(nowhere).status_code == 403
