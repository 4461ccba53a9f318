"""Rules that guess the value which was meant, from the wrong one and the kind of its field.

A rule returns a candidate or None. Its candidate is offered only if the contract takes it.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

from dlq_review.bodies.contract_fields import Kind
from dlq_review.suggestions import moments

_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff"
_LONGEST = 200  # characters of a value that is looked at
_DIGITS = 20  # before or behind the point; 1e-999999999 has a billion
_CLOSE = 0.75  # as difflib measures; "canceled" and "cancelled" are 0.94
_COMMA = re.compile(r"([0-9]+),([0-9]{1,2})", re.ASCII)
_AMOUNT = re.compile(
    r"[^\w.,-]{0,3}([0-9]+[.,]?[0-9]{0,2})\W{0,3}[A-Za-z]{0,6}", re.ASCII
)
_ALIASES = {
    **dict.fromkeys(("€", "euro", "euros"), "EUR"),
    **dict.fromkeys(("£", "pound", "pounds", "sterling"), "GBP"),
    **dict.fromkeys(("us$", "us dollar", "us dollars"), "USD"),
    **dict.fromkeys(("zł", "zloty", "złoty"), "PLN"),
    **dict.fromkeys(("sfr", "swiss franc", "swiss francs"), "CHF"),
}


@dataclass(frozen=True, slots=True)
class Wrong:
    """A value that its contract refuses. A number is a Decimal."""

    value: Any
    kind: Kind

    @property
    def text(self) -> str:
        """The value as text without spaces around it; empty if it is no text."""
        return _bare(self.value) if isinstance(self.value, str) else ""

    @property
    def number(self) -> Decimal | None:
        """The value as a number; None if it is none, or has too many digits to write."""
        is_number = isinstance(self.value, Decimal)
        return (
            self.value if is_number and abs(self.value.adjusted()) <= _DIGITS else None
        )


def _bare(text: str) -> str:
    return text[:_LONGEST].strip().strip(_INVISIBLE).strip()


def trimmed(wrong: Wrong) -> Any:
    return wrong.text or None


def number_as_text(wrong: Wrong) -> Any:
    if wrong.number is None or wrong.kind.is_whole:
        return None
    places = Decimal("0.01") if wrong.kind.is_amount else None
    exact = wrong.number == wrong.number.quantize(places) if places else True
    return f"{wrong.number.quantize(places) if places and exact else wrong.number:f}"


def text_as_number(wrong: Wrong) -> Any:
    if not wrong.kind.is_whole:
        return None
    if re.fullmatch(r"[0-9]{1,18}(\.0+)?", wrong.text, re.ASCII):
        return int(wrong.text.partition(".")[0])
    number = wrong.number
    is_whole = number is not None and number.adjusted() < 18 and number == int(number)
    return int(number) if number is not None and is_whole else None


def plain_letters(wrong: Wrong) -> Any:
    """Full-width letters and digits, and ligatures, as plain ones."""
    plain = unicodedata.normalize("NFKC", wrong.text)
    return plain if plain != wrong.text else None


def decimal_comma(wrong: Wrong) -> Any:
    match = _COMMA.fullmatch(wrong.text) if wrong.kind.is_amount else None
    return f"{match[1]}.{match[2]}" if match else None


def amount_alone(wrong: Wrong) -> Any:
    """The amount without the currency beside it."""
    match = _AMOUNT.fullmatch(wrong.text) if wrong.kind.is_amount else None
    return match[1].replace(",", ".") if match else None


def other_case(wrong: Wrong) -> Any:
    choices = {one.casefold(): one for one in wrong.kind.choices}
    return choices.get(wrong.text.casefold()) if choices else wrong.text.upper() or None


def near_choice(wrong: Wrong) -> Any:
    """The one choice that is written almost alike, or that the word is an alias of."""
    word, choices = wrong.text.casefold(), wrong.kind.choices
    if _ALIASES.get(word) in choices:
        return _ALIASES[word]
    folded = {one.casefold(): one for one in choices}
    near = get_close_matches(word, folded, n=2, cutoff=_CLOSE) if word else []
    return folded[near[0]] if len(near) == 1 else None


def date_form(wrong: Wrong) -> Any:
    if not moments.is_moment(wrong.kind.bare):
        return None
    return moments.read(wrong.text if wrong.number is None else wrong.number)


@dataclass(frozen=True, slots=True)
class ValueRule:
    name: str
    says: str
    candidate: Callable[[Wrong], Any]


RULES = (
    ValueRule("trim", "spaces around it removed", trimmed),
    ValueRule("number_as_text", "the number written as text", number_as_text),
    ValueRule("text_as_number", "the text written as a number", text_as_number),
    ValueRule(
        "plain_letters", "full-width letters and digits made plain", plain_letters
    ),
    ValueRule(
        "other_case", "capital and small letters as the contract has them", other_case
    ),
    ValueRule("near_choice", "the nearest value of the list", near_choice),
    ValueRule("decimal_comma", "the comma made a point", decimal_comma),
    ValueRule("amount_alone", "the amount without the rest", amount_alone),
    ValueRule(
        "date_form",
        "the time in the form of the contract; UTC if it has no zone",
        date_form,
    ),
)


def repaired(wrong: Wrong) -> tuple[ValueRule, Any] | None:
    """The first rule whose candidate the contract takes, and the candidate."""
    for rule in RULES:
        value = rule.candidate(wrong)
        if value is not None and wrong.kind.takes(value):
            return rule, value
    return None
