"""Who may not see personal data learns nothing of it from a guess in a letter of their own."""

import re

import pytest
from django.test import Client

from dlq_review.models import Arrival
from tests.builders import dead_letter, failure, order_created
from tests.dlq_review.conftest import ClientOf
from tests.dlq_review.desk_pages import GROUPS, LIST, html

pytestmark = pytest.mark.django_db
#: Where a personal value stands: what it takes the place of in a body, and how.
PLACES = {
    "a personal field": ('"email":"[^"]*"', '"email":"{}@example.com"'),
    "a public field": ('"C-17"', '"{} Lovelace"'),
    "an unknown field": ('"customer_id":', '"note":"{}","customer_id":'),
    "the name of a field": ('"customer_id":', '"{} Lovelace":"x","customer_id":'),
    "an attribute": ("^", ""),
}


def card_of(client: Client, url: str) -> str:
    found = re.search(
        r'<section class="card common".*?</section>', html(client, url), re.S
    )
    assert found
    return found[0]


@pytest.mark.parametrize("where", PLACES)
def test_the_card_is_the_same_whether_the_guess_is_right_or_wrong(
    desk: Client, client_of: ClientOf, where: str
) -> None:
    old, new = PLACES[where]
    error = failure(error_type="InvalidEventError")
    events = [order_created(customer_id="C-17", email="x@example.com") for _ in "ab"]
    ours, theirs = (re.sub(old, new.format("Ada"), event.body) for event in events)
    dead_letter(ours, attributes={**error, "customer": "Ada"})
    letter = dead_letter(theirs, attributes={**error, "customer": "Ada"})
    viewer = client_of("view", name="bob")
    urls = (f"{GROUPS}{letter.group_id}/change/", f"{LIST}common/?state=all")
    right = [[card_of(client, url) for url in urls] for client in (viewer, desk)]
    letter.revisions.update(body=re.sub(old, new.format("Eve"), events[1].body))
    if where == "an attribute":
        arrival = Arrival.objects.get(letter=letter)
        arrival.attributes = {**arrival.attributes, "customer": "Eve"}
        arrival.save()
    wrong = [[card_of(client, url) for url in urls] for client in (viewer, desk)]
    assert right[0] == wrong[0]
    # Who may see personal data sees how many values differ; names are not counted.
    assert (right[1] != wrong[1]) == (where != "the name of a field")
    assert "Ada" not in "".join(right[0])
