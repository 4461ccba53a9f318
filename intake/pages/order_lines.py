"""The lines of the order form, which are added and removed with and without JavaScript."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms
from pydantic import ValidationError

from intake.pages.contract_form import filled, text
from processing.events.contracts import Item

MOST = 100
_WHOLE_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_DECIMAL_COMMA = re.compile(
    r"([0-9]+),([0-9]{1,2})", re.ASCII
)  # 1,250 may be a thousand
_NAME = re.compile(r"items-([0-9]{1,4})-(sku|quantity|unit_price)", re.ASCII)


class LineForm(forms.Form):
    sku = text("Article number", spellcheck="false")
    quantity = text("Quantity", inputmode="numeric")
    unit_price = text("Price each", inputmode="decimal")

    def __init__(
        self, number: int | str, typed: dict[str, str], *, bound: bool = False
    ) -> None:
        prefix = f"items-{number}"
        named = {f"{prefix}-{name}": value for name, value in typed.items()}
        super().__init__(
            named if bound else None, initial=typed, prefix=prefix, label_suffix=""
        )
        self.number = number
        self.typed = typed
        if bound:
            self.full_clean()  # so that the contract's errors can be added

    def asked(self) -> dict[str, Any]:
        asked: dict[str, Any] = filled(self.typed, self.fields)
        if _WHOLE_NUMBER.fullmatch(asked.get("quantity", "")):
            asked["quantity"] = int(asked["quantity"])
        if match := _DECIMAL_COMMA.fullmatch(asked.get("unit_price", "")):
            asked["unit_price"] = f"{match[1]}.{match[2]}"
        return asked

    @property
    def amount(self) -> Decimal | None:
        """The amount of the line, as far as it is known yet."""
        try:
            return Item.model_validate({**self.asked(), "sku": "ANY"}).amount
        except ValidationError:
            return None


def typed_lines(data: Mapping[str, Any]) -> dict[int, dict[str, str]]:
    """The posted lines, by the number in their field names."""
    lines: dict[int, dict[str, str]] = {}
    for name, value in data.items():
        if match := _NAME.fullmatch(name):
            lines.setdefault(int(match[1]), {})[match[2]] = value
    return dict(sorted(lines.items()))


def one_more(data: Mapping[str, Any]) -> dict[str, Any]:
    """The typed values with an empty line added, unless there are enough lines."""
    lines = typed_lines(data)
    if len(lines) >= MOST:
        return dict(data)
    return {**data, f"items-{max(lines, default=-1) + 1}-sku": ""}


def one_less(data: Mapping[str, Any], number: str) -> dict[str, Any]:
    """The typed values without that line."""
    return {
        name: value
        for name, value in data.items()
        if not name.startswith(f"items-{number}-")
    }
