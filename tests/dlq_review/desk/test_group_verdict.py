"""What the page of a group says first: its title, its verdict, its primary action."""

import re

import pytest
from django.test import Client
from pytest_django import Settings

from dlq_review.models import DeadLetter, FailureGroup
from tests.builders import dead_letter, failure, order_created
from tests.dlq_review.desk_pages import GROUPS, html

pytestmark = pytest.mark.django_db


def page_of(bodies: list[str], **changes: str) -> str:
    return f"{GROUPS}{group_of(bodies, **changes).pk}/change/"


def group_of(bodies: list[str], **changes: str) -> FailureGroup:
    letters = [dead_letter(body, attributes=failure(**changes)) for body in bodies]
    DeadLetter.objects.update(group=letters[0].group, type="order_created")
    return FailureGroup.objects.get(pk=letters[0].group_id)


def valid() -> str:
    return order_created().body


@pytest.mark.parametrize(
    ("invalid", "of", "release", "primary", "said"),
    [
        (0, 2, "r2", "Redrive 2…", ""),
        (2, 2, "r2", "Edit 2…", "2 of 2 are not valid, and a redrive skips them: edit"),
        (1, 1, "r2", "Edit 1…", "1 of 1 is not valid, and a redrive skips it: edit"),
        (1, 3, "r2", "Redrive 3…", "1 of 3 is not valid, and a redrive skips it."),
        (1, 2, "r2", "Redrive 2…", "1 of 2 is not valid, and a redrive skips it."),
        (2, 3, "r1", "Edit 3…", "2 of 3 are not valid, and a redrive skips them."),
        (
            0,
            2,
            "r1",
            "Rehearse a few",
            "Still the same code: they failed on release r1",
        ),
    ],
)
def test_the_primary_action_follows_the_verdict(
    desk: Client,
    settings: Settings,
    invalid: int,
    of: int,
    release: str,
    primary: str,
    said: str,
) -> None:
    settings.RELEASE = release
    bodies = [valid().replace("EUR", "euros") for _ in range(invalid)]
    text = html(desk, page_of([*bodies, *(valid() for _ in range(of - invalid))]))
    (found,) = re.findall(r'class="(?:button-link )?primary".*?</svg>([^<]+)<', text)
    assert found == primary
    assert ('class="verdict"' in text) == bool(said)
    assert said in text


def test_what_was_edited_since_it_failed_is_not_the_same_code(
    desk: Client, settings: Settings
) -> None:
    settings.RELEASE = "r1"
    url = page_of([valid(), valid()])
    DeadLetter.objects.filter(pk=DeadLetter.objects.latest("pk").pk).update(revision=1)
    assert "Still the same code" not in html(desk, url)


def test_the_title_is_the_sentence_with_what_varies_marked(
    desk: Client, sqs: None
) -> None:
    for number in (1, 2):
        text = f"Another order has the id ORD-{number}, <b>."
        dead_letter(attributes=failure(error_text=text))
    title = 'Another order has the id <i class="varies">‹…›</i>, &lt;b&gt;.'
    group = FailureGroup.objects.get()
    for url in (GROUPS, f"{GROUPS}{group.pk}/change/", "/admin/"):
        text = html(desk, url)
        assert title in text
        assert "OrderExistsError" in text


def test_rehearsals_are_folded_by_their_result(desk: Client) -> None:
    bodies = [valid().replace("EUR", "euros") for _ in range(3)]
    group = group_of([*bodies, valid()])
    text = desk.post(f"{GROUPS}{group.pk}/rehearse/").content.decode()
    assert text.count('role="status"') == 2
    assert "Rehearsed: 3 of 4 would fail, all alike" in text
    assert "Rehearsed: 1 of 4 would be processed" in text
    assert text.index("would fail") < text.index("would be processed")
    for letter in DeadLetter.objects.all():
        assert f'{letter.pk}/change/">{letter}</a>' in text
