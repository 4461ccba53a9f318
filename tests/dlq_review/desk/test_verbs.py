"""A verb that no table names is not found, and writes nothing."""

import pytest
from django.http import Http404, HttpRequest
from django.test import RequestFactory

from dlq_review.desk import group_views, letter_views, operation_views
from dlq_review.groups import triage
from dlq_review.models import AuditEntry, DeadLetter, Operation
from processing.models import User
from tests.builders import dead_letter
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
