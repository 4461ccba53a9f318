"""One address is found however it is written, and no other is taken for it."""

import unicodedata
from time import process_time
from typing import Literal

import pytest

from dlq_review.forget.address import Address, NoAddressError

ANN = Address("Ann@X.io")
BOOKS = Address("ann@bücher.example")
SPELLED = [
    "ann@x.io",
    "ANN@X.IO",
    "<ann@x.io>",
    "'ann@x.io'",
    "_ann@x.io_",
    "...ann@x.io.",
    "mailto:ann@x.io, and more",
    "email=ann@x.io",
    "/verify/ann@x.io",
    "\\nann@x.io",
    "ann%40x.io",
    "email%3Dann%2540x%2Eio",
    r"\u0061nn\u0040x.io",
    r"\\u0061nn\\u0040x\\u002eio",
    "ann&#64;x.io",
    "ann&#x40;x&period;io",
    "ann&#0064;x.io",
    "ann&#x0040;x.io",
    "ann&#X000040;x&#x002E;io",
    "ann&#x0040x.io",
    "ann&amp;#x0040;x.io",
    "ann&amp;commat;x.io",
    "&quot;ann@x.io&quot;",
    "ann=40x.io",
    "ann\uff20x.io",
    "\uff41nn@x\u3002io",
    "an\u200bn@x.io",
    '{"email": "ann@x.io"}',
]
OTHERS = [
    "joann@x.io",
    "jo.ann@x.io",
    "jo+ann@x.io",
    "o'ann@x.io",
    "%6fann@x.io",
    r"\u006fann@x.io",
    "\u00e9ann@x.io",
    "ann@x.io.uk",
    "ann@x.io%2Euk",
    "ann@x.io&#46;uk",
    "ann@x.iota",
    "ann@x.io-corp.com",
    "ann@x.io\u00e9",
    "ann@xxio",
]
IN_WORDS = [
    "ANN@BÜCHER.example",
    "ann@xn--bcher-kva.example",
    r"ann@b\u00fccher.example",
    "ann@b%C3%BCcher.example",
    "ann@b&uuml;cher.example",
    "ann@b=C3=BCcher.example",
    "ann@bu\u0308cher.example",
    r"ann@bu\u0308cher.example",
]


@pytest.mark.parametrize("text", SPELLED)
def test_every_spelling_is_found_and_replaced(text: str) -> None:
    assert ANN.is_in(text)
    replaced = ANN.replaced(text)
    assert ANN.pseudonym in replaced
    assert not ANN.is_in(replaced)


@pytest.mark.parametrize("text", OTHERS)
def test_another_address_that_holds_this_one_stays(text: str) -> None:
    assert not ANN.is_in(text)
    assert ANN.replaced(text) == text


@pytest.mark.parametrize("text", IN_WORDS)
def test_a_domain_is_found_in_ascii_and_as_people_read_it(text: str) -> None:
    assert BOOKS.is_in(text)


def test_the_text_around_it_and_another_address_beside_it_stay() -> None:
    text = 'Call ann@x.io; "joann@x.io" knows ANN%40x.io too.'
    name = ANN.pseudonym
    assert ANN.replaced(text) == f'Call {name}; "joann@x.io" knows {name} too.'
    assert ANN.replaced_in({"a": ["ann@x.io", 1, None]}) == {"a": [name, 1, None]}


def test_two_spellings_are_one_person_and_the_hash_tells_nobody_whom() -> None:
    assert Address("ANN@BÜCHER.EXAMPLE").person == BOOKS.person
    assert ANN.person != BOOKS.person
    assert "ann" not in ANN.person


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKC", "NFKD"])
def test_a_letter_with_its_accent_beside_it_is_the_same_letter(
    form: Literal["NFC", "NFD", "NFKC", "NFKD"],
) -> None:
    assert BOOKS.is_in(unicodedata.normalize(form, "an ann@bücher.example."))


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(NoAddressError):
        Address("ann at x.io")


@pytest.mark.parametrize(
    "piece", ["%", "\\", "&amp;", "%25", "\u200b", "ann@x ann", "a"]
)
def test_no_text_takes_long(piece: str) -> None:
    text = piece * (200_000 // len(piece)) + "\\"
    start = process_time()
    ANN.is_in(text)
    assert process_time() - start < 5
