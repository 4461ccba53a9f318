"""What the page of a group says first: its title, its verdict, its primary action."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.test import Client
from pytest_django import Settings

from dlq_review.bodies import formatting
from dlq_review.desk import group_verdict
from dlq_review.desk.rehearsal_folds import folded
from dlq_review.letters.rehearsal import Rehearsal
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


@pytest.mark.parametrize(("most", "of"), [(1, "the newest 1"), (2, "the newest 2")])
def test_only_the_newest_are_looked_at_and_it_says_so(
    desk: Client, monkeypatch: pytest.MonkeyPatch, most: int, of: str
) -> None:
    url = page_of([valid(), valid(), valid().replace("EUR", "euros")])
    newest = DeadLetter.objects.latest("pk").last_failed_at
    for back, letter in enumerate(DeadLetter.objects.order_by("-pk")):
        at = newest - timedelta(hours=back)
        DeadLetter.objects.filter(pk=letter.pk).update(last_failed_at=at)
    monkeypatch.setattr(group_verdict, "MOST", most)
    assert f"1 of {of} is not valid, and a redrive skips it" in html(desk, url)


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


TRACE = formatting.Traceback([], "ZeroDivisionError")
DONE = {"rows": ["1 order added"], "made": {"order": "ORD-1"}, "follow_ups": ["x"]}


@pytest.mark.parametrize(
    ("results", "told"),
    [
        (
            [{"error": "no 1", "trace": TRACE}],
            ["Rehearsed: 1 of 1 would fail {} no 1 ORD-0 Traceback ZeroDivisionError"],
        ),
        (
            [{"error": f"no {number}", "trace": TRACE} for number in (1, 2)],
            [
                "Rehearsed: 2 of 2 would fail, all alike {} no ‹…› ORD-0 ORD-1 "
                "Traceback of the first ZeroDivisionError"
            ],
        ),
        (
            [DONE, {"made": {"mail": "to a", "x": "y"}}, {"follow_ups": ["mail"]}, {}],
            [
                "Rehearsed: 4 of 4 would be processed {} "
                "ORD-0 1 order added, order ORD-1, then x "
                "ORD-1 mail to a, x y ORD-2 then mail ORD-3"
            ],
        ),
        (
            [{"note": "Done already."}, {"error": "no"}, {}, {}],
            [
                "Rehearsed: 1 of 4 would fail {} no ORD-1",
                "Rehearsed: 2 of 4 would be processed {} ORD-2 ORD-3",
                "Rehearsed: 1 of 4: Done already. {} ORD-0",
            ],
        ),
    ],
)
def test_a_fold_tells_what_all_its_rehearsals_came_to(
    results: list[dict[str, Any]], told: list[str]
) -> None:
    some = [
        Rehearsal(DeadLetter(pk=1, reference=f"ORD-{number}"), **result)
        for number, result in enumerate(results)
    ]
    page = render_to_string("dlq_review/_rehearsal_folds.html", {"folds": folded(some)})
    cards = re.findall("<section.*?</section>", page, re.DOTALL)
    assert [" ".join(re.sub(r"<[^>]*>", " ", one).split()) for one in cards] == [
        one.format("Nothing was changed and nothing was sent.") for one in told
    ]
    bad = [bool(re.search("is-bad.*#i-open", one, re.DOTALL)) for one in cards]
    assert bad == ["would fail" in one for one in told]
