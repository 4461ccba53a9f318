"""Each verb of a table is offered and needs its permission."""

import pytest
from django.test import Client

from dlq_review.desk import letter_views
from dlq_review.letters import settlement
from dlq_review.models import DeadLetter
from dlq_review.permissions import PERMISSIONS
from tests.builders import dead_letter
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk_pages import html, page

pytestmark = pytest.mark.django_db


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
