"""The title of a group: the constant parts of its error texts, the varying ones marked."""

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlq_review.bodies.sentences import (
    LONGEST,
    VARIES,
    narrowed,
    sentence_of,
    shared,
    whole_words,
)
from dlq_review.models import FailureGroup
from processing.events.masking import MASK
from tests.builders import dead_letter, failure, signup_requested

ENUM = "data.currency: Choose one of 'AUD', 'EUR' or 'USD'."


@pytest.mark.parametrize(
    ("texts", "sentence"),
    [
        (["SKU 'TEA-1' is not known"], "SKU 'TEA-1' is not known"),
        (
            ["SKU 'TEA-1' is not known", "SKU 'MUG-2' is not known"],
            "SKU ‹…› is not known",
        ),
        (["Order ORD-1 exists.", "Order ORD-2 exists."], "Order ‹…› exists."),
        ([ENUM, ENUM, ENUM], ENUM),
        (
            ["data.items.0.sku: Remove it.", "data.items.3.sku: Remove it."],
            "data.items.‹…›.sku: Remove it.",
        ),
        (["At most 100 of 7", "At most 100 of 8"], "At most 100 of ‹…›"),
        (["Due 2026-11-20T10:00:00.5Z", "Due 2026-11-21T10:00:01Z"], "Due ‹…›"),
        (["No a…@example.com here"], "No ‹…› here"),
        ([f"Name '{MASK}' is too long"], "Name ‹…› is too long"),
        ([f"Of {MASK}-{MASK} nothing"], "Of ‹…› nothing"),
        (["It isn't 'a'", "It isn't 'b'"], "It isn't ‹…›"),
        (["no such user Ada", "no such group of users Ada"], "no such ‹…› Ada"),
        (["one", "other"], "‹…›"),
        (["a", "a b"], "a ‹…›"),
        (["", "a"], "‹…›"),
    ],
)
def test_what_is_equal_stays_and_what_differs_is_marked(
    texts: list[str], sentence: str
) -> None:
    first, *rest = texts
    assert reduce(narrowed, rest, sentence_of(first)) == sentence


_texts = st.text("ab '\"@1.…•‹›", max_size=40)


@given(st.lists(_texts, min_size=1, max_size=5))
def test_a_sentence_is_never_longer_than_its_column_and_shows_no_part_twice_differing(
    texts: list[str],
) -> None:
    sentence = reduce(narrowed, texts, sentence_of(texts[0]))
    assert len(sentence) <= LONGEST
    assert narrowed(sentence, texts[0]) == sentence or VARIES in sentence


def test_an_apostrophe_begins_no_text_in_quotes() -> None:
    sentence = "It can't go: it isn't paid."
    other = "It can't stay: it isn't paid."
    assert shared(sentence, other) == sentence, "they are of two kinds"
    assert shared("It is 'new' now.", "It is 'old' now.") == f"It is {VARIES} now."


def test_a_word_stands_at_one_end_of_a_sentence_and_not_at_both() -> None:
    assert narrowed("to be", "to be or to be") == f"to be {VARIES}"
    assert narrowed("a b c d", "a x d") == f"a {VARIES} d"
    long = "word " * (LONGEST // 5)
    assert len(narrowed(f"{long}a b", f"{long}b")) <= LONGEST


def test_a_sentence_ends_where_its_column_does() -> None:
    long = "word " * LONGEST
    assert sentence_of(long) == long[:LONGEST]
    parts = "'a' " * (LONGEST // 4)
    assert len(parts) == LONGEST
    other = narrowed(parts, parts.replace("a", "b"))
    assert other == f"{VARIES} " * (LONGEST // 4)
    numbers = "1 " * (LONGEST // 2)
    changed = narrowed(numbers, numbers.replace("1", "2"))
    assert changed == (f"{VARIES} " * LONGEST)[:LONGEST]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("No room for Qui", "No room for"),
        ("Call (555) 123-45", "Call"),
    ],
)
def test_a_text_that_may_have_been_cut_loses_the_word_in_which_it_was(
    text: str, kept: str
) -> None:
    assert whole_words(text, len(text)) == whole_words(text, 3) == kept
    assert whole_words(text, len(text) + 1) == text


def titles() -> list[str]:
    return list(FailureGroup.objects.values_list("sentence", flat=True))


@pytest.mark.django_db
def test_a_group_learns_with_each_arrival_which_parts_of_its_texts_differ() -> None:
    for number in (1, 1, 2):
        text = f"Another order has the id ORD-{number}."
        before = titles()
        dead_letter(attributes=failure(error_text=text))
    assert before == ["Another order has the id ORD-1."]
    assert titles() == ["Another order has the id ‹…›."]


@pytest.mark.django_db
def test_a_title_holds_no_spelling_of_a_personal_value_in_the_body() -> None:
    event = signup_requested(name="Ada Lovelace", profile={"phone": "+15551234567"})
    text = "Of Ada%20Lovelace, ADA+LOVELACE and adaLovelace, (555) 123-4567, none."
    dead_letter(event, queue="signups-dlq", attributes=failure(error_text=text))
    assert titles() == ["Of ‹…›%‹…›, ‹…›+‹…› and ‹…›, (‹…›) ‹…›, none."]


@pytest.mark.django_db
def test_a_group_of_an_earlier_release_shows_only_what_its_template_shows() -> None:
    dead_letter(attributes=failure(error_text="Of 1"))
    FailureGroup.objects.update(sentence="")
    assert FailureGroup.objects.get().title == "Of ‹…›"
    dead_letter(attributes=failure(error_text="Of 1"))
    assert titles() == ["Of ‹…›"]


@pytest.mark.django_db
@pytest.mark.parametrize("text", [MASK, "'2'"])
def test_a_group_whose_texts_say_nothing_is_called_by_its_error(text: str) -> None:
    dead_letter("no event", attributes=failure(error_text=text))
    group = FailureGroup.objects.get()
    assert group.title == group.error_type == "OrderExistsError"
